"""CLIP, SigLIP and similar models of Hugging Face's transformers: images and texts in one space."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray

from ...data.pairs import Array, Modality
from ...errors import InputError, optional
from ...io.hub import FILES, load_dual_encoder, load_pretrained, model_folder, projections
from ..base import Extractor, file_sha256
from ..raw import open_picture, open_text

#: A tokenizer sets its padding while it is called, so threads take turns.
_TOKENISING = Lock()


class _ClipModel(NamedTuple):
    model: Any
    processor: Any
    device: Any


@final
@dataclass(frozen=True)
class Clip(Extractor):
    """Normalised projections of a dual encoder such as CLIP or SigLIP, through the model's own processor.

    `model` is a folder, which is read without network, or a name on the Hugging Face hub at some `revision`. Weights
    are read as safetensors only. `fit` records the checksum of the model's files as `weights`; a model that has
    changed since is refused. Texts are padded to the model's full length and items go through in fixed batches, padded,
    so that none depends on its neighbours; a `batch` above 1 pays on an accelerator, which is used if present.

    With `inputs` nothing is projected: pixels of 0 to 255 and token ids, those of padding -1, for a method that trains
    the model.
    """

    name: ClassVar[str] = "clip"
    modalities: ClassVar[tuple[Modality, ...]] = ("image", "text")

    model: str
    revision: str = "main"
    weights: str = ""
    inputs: bool = False
    batch: int = 1
    device: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        """Refuse an empty batch."""
        if self.batch < 1:
            raise InputError(f"clip needs a batch of at least 1, not {self.batch}")

    def fit(self, raws: Sequence[Any]) -> Clip:
        """Return the extractor bound to the content of the model's files; nothing is learned."""
        return replace(self, weights=folder_sha256(self._folder))

    def prepare(self, raw: Any) -> dict[str, ndarray]:
        """Return the model's input for one picture or text."""
        if self.modality == "image":
            whole = {"do_rescale": False, "do_normalize": False} if self.inputs else {}
            return _first(self._loaded.processor(images=[open_picture(raw)], return_tensors="np", **whole))
        text, length = open_text(raw), self._loaded.model.config.text_config.max_position_embeddings
        options = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "np"}
        with _TOKENISING:
            return _first(self._loaded.processor([text], **options))

    def compute(self, prepared: Sequence[dict[str, ndarray]]) -> Array:
        """Return the projections at unit length, or the inputs."""
        if self.inputs:
            return np.stack([_pixels(item) if self.modality == "image" else _ids(item) for item in prepared])
        starts = range(0, len(prepared), self.batch)
        return np.concatenate([self._run(prepared[start : start + self.batch]) for start in starts])

    def _run(self, items: Sequence[dict[str, ndarray]]) -> Float32[ndarray, "m d"]:
        import torch

        model, _, device = self._loaded
        padded = [*items, *[items[0]] * (self.batch - len(items))]
        inputs = {name: torch.from_numpy(np.stack([i[name] for i in padded])).to(device) for name in items[0]}
        project = model.get_image_features if self.modality == "image" else model.get_text_features
        with torch.inference_mode():
            unit = torch.nn.functional.normalize(projections(project(**inputs)), dim=1)
        return np.asarray(unit.cpu().numpy()[: len(items)])

    @cached_property
    def _folder(self) -> Path:
        return model_folder(self.model, self.revision)

    @cached_property
    def _loaded(self) -> _ClipModel:
        if self.weights and folder_sha256(self._folder) != self.weights:
            raise InputError(
                f"the files of {self.model} have changed since the extractor was fitted; restore them (sha256"
                f" {self.weights}), or extract and fit again"
            )
        processor = load_pretrained(self._folder, "AutoImageProcessor" if self.modality == "image" else "AutoTokenizer")
        device = optional("crossbit.devices").find_device(self.device)
        return _ClipModel(load_dual_encoder(self._folder).to(device), processor, device)


def _first(batch: Mapping[str, ndarray]) -> dict[str, ndarray]:
    return {name: np.asarray(values)[0] for name, values in batch.items()}


def _pixels(item: Mapping[str, ndarray]) -> UInt8[ndarray, "h w 3"]:
    return np.moveaxis(item["pixel_values"], 0, -1).round().astype(np.uint8)


def _ids(item: Mapping[str, ndarray]) -> Int64[ndarray, "length"]:
    ids = item["input_ids"].astype(np.int64)
    return np.where(item.get("attention_mask", np.ones_like(ids)) > 0, ids, -1)


def folder_sha256(folder: Path) -> str:
    """Return the sha256 over the names and contents of a model's files."""
    files = sorted({file for pattern in FILES for file in folder.glob(pattern)})
    return hashlib.sha256("\n".join(f"{file.name} {file_sha256(file)}" for file in files).encode()).hexdigest()
