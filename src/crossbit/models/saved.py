"""A model in a folder, of which only what is used is read: a text query opens no image pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from jaxtyping import Float
from numpy import ndarray

from .. import __version__
from ..data.pairs import MODALITIES, Array, Modality
from ..data.splits import Split
from ..devices import AUTO
from ..errors import InputError
from ..features import Captions, Pipeline
from ..features.base import file_sha256
from ..features.trained_on import TrainedOn
from .encoder import DualEncoder

FORMAT = 1
_PIPELINE = ("pipeline.json", "steps.safetensors")
_PARTS = ("weights.safetensors", "split.json", *(f"{m}/{name}" for m in MODALITIES for name in _PIPELINE))


@final
class SavedModel:
    """The encoder of a saved model, with pipelines and a split that are read and checked when they are asked for.

    `Bundle.load` reads and checks all of it.
    """

    def __init__(self, folder: Path, device: str = AUTO) -> None:
        """Read the description and the weights, to encode on a device; missing files and damage are refused."""
        self.folder, self.description = folder, read_description(folder)
        absent = [name for name in _PARTS if not (folder / name).is_file()]
        if absent:
            raise InputError(f"{folder} lacks {', '.join(absent)}; copy the model again or refit it")
        self.encoder = _encoder(folder / "weights.safetensors", self.description, device)
        self.pipelines: Mapping[Modality, Pipeline] = SavedPipelines(folder, self.description["features"], device)

    @property
    def dim(self) -> int:
        """The bits of a code, or the dimensions of a vector."""
        return self.encoder.dim

    @property
    def captions(self) -> Captions:
        """The treatment of several captions of an item."""
        captions: Captions = self.description["captions"]
        return captions

    def embed(self, features: Array, modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the real values of features, whose signs are their codes."""
        return self.encoder.embed(features, modality)

    def split(self) -> Split:
        """Return the split that the model was fitted on; another one is refused."""
        split = Split.load(self.folder / "split.json")
        if split.sha256 != self.description["split"]["sha256"]:
            raise InputError(
                f"{self.folder}: split.json is not the split that the model was fitted on; restore it or refit"
            )
        return split

    def trained_on(self) -> TrainedOn:
        """Return the contents that the model was trained on, none where it does not record them."""
        return TrainedOn.load(self.folder, self.description)


@final
class SavedPipelines(Mapping[Modality, Pipeline]):
    """The feature pipelines of a saved model, each read when it is first asked for."""

    def __init__(self, folder: Path, fitted: Mapping[str, str], device: str) -> None:
        """Take the folder, and the identity of the pipeline that each tower was fitted on."""
        self._folder, self._fitted, self._device = folder, fitted, device
        self._read: dict[Modality, Pipeline] = {}

    def __getitem__(self, modality: Modality) -> Pipeline:
        """Return the pipeline of a modality; another one than the tower was fitted on is refused."""
        if modality not in self._read:
            pipeline = Pipeline.load(self._folder / modality)
            if identity(pipeline) != self._fitted[modality]:
                raise InputError(
                    f"{self._folder}: the {modality} tower was fitted on {self._fitted[modality]}, but the saved"
                    f" pipeline is {identity(pipeline)}; restore the folder {modality}/ or refit the model"
                )
            self._read[modality] = pipeline.on(self._device)
        return self._read[modality]

    def __iter__(self) -> Iterator[Modality]:
        """Yield the modalities."""
        return iter(MODALITIES)

    def __len__(self) -> int:
        """Return the number of modalities."""
        return len(MODALITIES)


def read_description(folder: Path) -> dict[str, Any]:
    """Return what a model's bundle.json says of it; a missing, damaged or newer one is refused."""
    path = folder / "bundle.json"
    if not path.is_file():
        raise InputError(f"{folder} is not a model: it has no bundle.json; `crossbit fit` writes one")
    try:
        spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written = spec["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InputError(f"{path} is damaged: {fault!r}; copy the model again or refit it") from None
    if written != FORMAT:
        raise InputError(
            f"{path} has format {written}, this crossbit {__version__} reads format {FORMAT};"
            " refit the model, or use the crossbit that wrote it"
        )
    needed = {"weights_sha256": str, "encoder": dict, "split": dict, "features": dict, "captions": str}
    wrong = [name for name, kind in needed.items() if not isinstance(spec.get(name), kind)]
    if wrong or "sha256" not in spec["split"] or spec["features"].keys() != {*MODALITIES}:
        raise InputError(f"{path} is damaged: it does not say {', '.join(wrong) or 'its split or features'}; refit")
    return spec


def identity(pipeline: Pipeline) -> str:
    """Return the spec and the fingerprint of a pipeline: what a tower was fitted on."""
    return f"{pipeline.spec} {pipeline.fingerprint}"


def _encoder(weights: Path, description: Mapping[str, Any], device: str) -> DualEncoder:
    from safetensors.torch import load_file

    if file_sha256(weights) != description["weights_sha256"]:
        raise InputError(f"{weights}: its checksum differs: copy the model again or refit it")
    try:
        encoder = DualEncoder.build(description["encoder"], device)
        encoder.load_state_dict(load_file(weights))
    except (KeyError, TypeError, RuntimeError) as fault:
        raise InputError(
            f"{weights.parent}: bundle.json does not describe its weights: {fault}; refit the model"
        ) from None
    return encoder
