"""CLIP, SigLIP and their kin, as Hugging Face's transformers loads them: images and texts in one space."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from ..data import Modality
from ..errors import InputError
from .extractor import Extractor, file_sha256
from .pictures import open_picture
from .texts import open_text

#: What is fetched from the hub and what the checksum covers; weights in pickles are not among it.
_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")

#: A tokenizer sets its padding while it is called, so threads take turns.
_TOKENISING = Lock()


class _Loaded(NamedTuple):
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
    """

    name: ClassVar[str] = "clip"
    modalities: ClassVar[tuple[Modality, ...]] = ("image", "text")

    model: str
    revision: str = "main"
    weights: str = ""
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
            return _first(self._loaded.processor(images=[open_picture(raw)], return_tensors="np"))
        text, length = open_text(raw), self._loaded.model.config.text_config.max_position_embeddings
        options = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "np"}
        with _TOKENISING:
            return _first(self._loaded.processor([text], **options))

    def compute(self, prepared: Sequence[dict[str, ndarray]]) -> Float32[ndarray, "m d"]:
        """Return the projections at unit length."""
        starts = range(0, len(prepared), self.batch)
        return np.concatenate([self._run(prepared[start : start + self.batch]) for start in starts])

    def _run(self, items: Sequence[dict[str, ndarray]]) -> Float32[ndarray, "m d"]:
        import torch

        model, _, device = self._loaded
        padded = [*items, *[items[0]] * (self.batch - len(items))]
        inputs = {name: torch.from_numpy(np.stack([i[name] for i in padded])).to(device) for name in items[0]}
        project = model.get_image_features if self.modality == "image" else model.get_text_features
        with torch.inference_mode():
            projected = project(**inputs)
            projected = getattr(projected, "pooler_output", projected)  # a bare tensor before transformers 5
            unit = torch.nn.functional.normalize(projected.float(), dim=1)
        return np.asarray(unit.cpu().numpy()[: len(items)])

    @cached_property
    def _folder(self) -> Path:
        folder = Path(self.model)
        folder = folder if folder.is_dir() else _fetched(self.model, self.revision)
        if not any(folder.glob("*.safetensors")):
            raise InputError(
                f"{self.model} has no weights as .safetensors, and no pickle is read; choose a revision that has them,"
                " or write the model again with save_pretrained"
            )
        return folder

    @cached_property
    def _loaded(self) -> _Loaded:
        if self.weights and folder_sha256(self._folder) != self.weights:
            raise InputError(
                f"the files of {self.model} have changed since the extractor was fitted; restore them (sha256"
                f" {self.weights}), or extract and fit again"
            )
        transformers = _transformers()
        import torch

        auto = transformers.AutoImageProcessor if self.modality == "image" else transformers.AutoTokenizer
        accelerated = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(accelerated if self.device == "auto" else self.device)
        try:
            processor = auto.from_pretrained(self._folder, local_files_only=True)
            model = transformers.AutoModel.from_pretrained(self._folder, local_files_only=True, use_safetensors=True)
        except Exception as fault:  # transformers raises many types for a folder it cannot read
            raise InputError(f"{self.model} is no model that transformers can load: {fault}") from None
        if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
            raise InputError(f"{self.model} is a {type(model).__name__}, which does not project images and texts alike")
        return _Loaded(model.eval().to(device), processor, device)


def _first(batch: Mapping[str, ndarray]) -> dict[str, ndarray]:
    return {name: np.asarray(values)[0] for name, values in batch.items()}


def folder_sha256(folder: Path) -> str:
    """Return the sha256 over the names and contents of a model's files."""
    files = sorted({file for pattern in _FILES for file in folder.glob(pattern)})
    return hashlib.sha256("\n".join(f"{file.name} {file_sha256(file)}" for file in files).encode()).hexdigest()


def _fetched(name: str, revision: str) -> Path:
    """Return the folder of a model from the hub, fetched unless the hub's cache has its weights."""
    _transformers()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    fetch = partial(snapshot_download, name, revision=revision, allow_patterns=list(_FILES))
    try:
        found = Path(fetch(local_files_only=True))
    except LocalEntryNotFoundError:
        found = None
    except ValueError as fault:
        raise InputError(f"{name!r} is neither a folder nor a name on the hub: {fault}") from None
    if found is not None and any(found.glob("*.safetensors")):
        return found
    try:
        return Path(fetch())
    except Exception as fault:  # network, name and permission errors share no base class
        raise InputError(f"{name} is no folder here and cannot be fetched from the hub: {fault}") from None


def _transformers() -> Any:
    """Return the transformers package, quiet; a missing or broken one is refused with the remedy."""
    if find_spec("transformers") is None:
        raise InputError("clip needs transformers: pip install 'crossbit[clip]'")
    try:
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPModel  # noqa: F401
    except (ImportError, RuntimeError) as fault:
        raise broken("transformers", fault) from None
    return transformers


def broken(package: str, fault: BaseException) -> InputError:
    """Return the error for an installed package that cannot be imported, with the usual remedy."""
    chain = fault
    reasons = [str(fault)]
    while (following := chain.__cause__ or chain.__context__) is not None:
        chain = following
        reasons.append(str(chain))
    unfit = any("torchvision" in reason for reason in reasons)
    remedy = "; the installed torchvision does not fit the installed torch: remove it (pip uninstall torchvision)"
    return InputError(
        f"{package} is installed but cannot be imported: {fault}"
        + (f"{remedy} or install the version that fits" if unfit else "")
    )
