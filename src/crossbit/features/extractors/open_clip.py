"""OpenCLIP models; they need open_clip and a torchvision that matches torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from ...data.pairs import Modality
from ...errors import InputError, missing, optional
from ...io.hub import broken_package
from ..base import Extractor
from ..raw import open_picture, open_text


class _OpenClipModel(NamedTuple):
    model: Any
    picture: Any
    tokens: Any
    device: Any


@final
@dataclass(frozen=True)
class OpenClip(Extractor):
    """Normalised projections of an OpenCLIP architecture such as ViT-B-32, with the weights in a .safetensors file.

    Items go through one at a time, so that none depends on its neighbours, on an accelerator if present.
    """

    name: ClassVar[str] = "open_clip"
    modalities: ClassVar[tuple[Modality, ...]] = ("image", "text")

    model: str
    weights: Path
    device: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        """Refuse weights in a pickle."""
        if self.weights.suffix != ".safetensors":
            raise InputError(f"open_clip needs weights=FILE.safetensors, not {self.weights}; no pickle is read")

    def prepare(self, raw: Any) -> Any:
        """Return the model's input for one picture or text."""
        if self.modality == "image":
            return self._loaded.picture(open_picture(raw)).unsqueeze(0)
        return self._loaded.tokens([open_text(raw)])

    def compute(self, prepared: Sequence[Any]) -> Float32[ndarray, "m d"]:
        """Return the projections at unit length."""
        import torch

        model, _, _, device = self._loaded
        encode = model.encode_image if self.modality == "image" else model.encode_text
        with torch.inference_mode():
            rows = [encode(item.to(device), normalize=True).float().cpu() for item in prepared]
        return np.concatenate([np.asarray(row) for row in rows])

    @cached_property
    def _loaded(self) -> _OpenClipModel:
        open_clip = _open_clip()
        device = optional("crossbit.devices").find_device(self.device)
        try:
            model, _, picture = open_clip.create_model_and_transforms(self.model, pretrained=str(self.weights))
            return _OpenClipModel(model.eval().to(device), picture, open_clip.get_tokenizer(self.model), device)
        except Exception as fault:  # open_clip raises many types for names and files it cannot use
            raise InputError(f"open_clip cannot load {self.model} with {self.weights}: {fault}") from None


def _open_clip() -> Any:
    if find_spec("open_clip") is None:
        raise missing("open_clip", "open-clip")
    if find_spec("torchvision") is None:
        raise InputError("open_clip needs torchvision: the one for your torch; clip(model=...) does without")
    try:
        import open_clip
    except (ImportError, RuntimeError) as fault:
        raise broken_package("open_clip", fault) from None
    return open_clip
