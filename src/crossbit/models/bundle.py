"""A fitted model on disk: towers, feature pipelines and where they came from. safetensors and JSON, no pickle.

::

    MODEL/bundle.json              what it is: method, parameters, features, split, seed, versions, checksums
    MODEL/weights.safetensors      the towers' weights
    MODEL/split.json               the ids it was trained on, so that it is never tested on them
    MODEL/trained_on/              hashes of the pictures and texts it was trained on, where those are known
    MODEL/image/  MODEL/text/      the feature pipelines with their model files
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from jaxtyping import Float
from numpy import ndarray

from .. import __version__
from ..codes import Codes
from ..data.pairs import MODALITIES, Array, Modality
from ..data.splits import Split
from ..devices import AUTO
from ..errors import InputError
from ..features import Captions, Pipeline
from ..features.base import file_sha256
from ..features.trained_on import TrainedOn
from ..io.atomic import atomic_folder, refuse_other
from ..nn.towers import refuse_unopenable
from .encoder import DualEncoder
from .saved import FORMAT, SavedModel, identity


@final
@dataclass(frozen=True)
class Origin:
    """The origin of a model: everything needed to fit it again."""

    method: str
    parameters: Mapping[str, Any]
    seed: int
    dataset: str
    captions: Captions = "join"
    versions: Mapping[str, str] = field(default_factory=lambda: versions())


@final
@dataclass(frozen=True, eq=False)
class Bundle:
    """A dual encoder with the feature pipelines that feed it: from raw images and texts to codes."""

    encoder: DualEncoder
    pipelines: Mapping[Modality, Pipeline]
    split: Split
    origin: Origin
    trained_on: TrainedOn = field(default_factory=TrainedOn)

    def encode(self, raws: Sequence[Any], modality: Modality) -> Codes:
        """Return the codes of raw images (paths, bytes or pixels) or texts."""
        return self.encoder.encode(self.pipelines[modality](raws), modality)

    def __repr__(self) -> str:
        """Return the recipe, the length of a code and the data set in one line."""
        unit = "bits" if self.encoder.space == "hamming" else "dimensions"
        return f"Bundle({self.origin.method} fitted on {self.origin.dataset}: {self.dim} {unit})"

    @property
    def dim(self) -> int:
        """The bits of a code, or the dimensions of a vector."""
        return self.encoder.dim

    @property
    def captions(self) -> Captions:
        """The treatment of several captions of an item."""
        return self.origin.captions

    def embed(self, features: Array, modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the real values of features, whose signs are their codes."""
        return self.encoder.embed(features, modality)

    def refuse_leak(self, split: Split) -> None:
        """Refuse a split whose queries the model was trained on."""
        seen = set(self.split.train) & set(split.query)
        if seen and split.sha256 != self.split.sha256:
            raise InputError(
                f"{len(seen)} of the {len(split.query)} queries of split {split.name!r} were in this model's training"
                f" part (split {self.split.name!r}), for example {min(seen)}; fit the model on the same split"
            )

    def save(self, folder: Path | str) -> None:
        """Write the bundle; an existing one is replaced only when the new one is complete.

        Raises:
            InputError: where something else lies there, or where `load` could not open the bundle.

        """
        folder = Path(folder)
        refuse_other_than_model(folder)
        for modality in MODALITIES:
            refuse_unopenable(modality, self.encoder.image if modality == "image" else self.encoder.text)
        with atomic_folder(folder) as partial:
            self._write(partial)

    def _write(self, partial: Path) -> None:
        from safetensors.torch import save_file

        save_file({k: v.contiguous() for k, v in self.encoder.state_dict().items()}, partial / "weights.safetensors")
        self.split.save(partial / "split.json")
        for modality, pipeline in self.pipelines.items():
            pipeline.save(partial / modality)
        spec = {
            "format": FORMAT,
            **dataclasses.asdict(self.origin),
            "split": {"name": self.split.name, "sha256": self.split.sha256},
            "features": {modality: identity(pipeline) for modality, pipeline in self.pipelines.items()},
            "encoder": self.encoder.config(),
            "weights_sha256": file_sha256(partial / "weights.safetensors"),
        }
        spec |= self.trained_on.save(partial)
        (partial / "bundle.json").write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, device: str = AUTO) -> Bundle:
        """Return the bundle written by `save`, to encode on a device; a missing, damaged or newer one is refused."""
        saved = SavedModel(folder, device)
        pipelines = {modality: saved.pipelines[modality] for modality in MODALITIES}
        try:
            origin = Origin(**{f.name: saved.description[f.name] for f in dataclasses.fields(Origin)})
        except KeyError as fault:
            raise InputError(f"{folder}: bundle.json does not say where the model came from: {fault}; refit") from None
        return cls(saved.encoder, pipelines, saved.split(), origin, saved.trained_on())


def refuse_other_than_model(folder: Path) -> None:
    """Refuse a folder that holds something other than a model, or cannot be written."""
    refuse_other(folder, "a model", replaceable=(folder / "bundle.json").is_file())


def versions() -> dict[str, str]:
    """Return the versions of the software that a model's bytes depend on."""
    import numpy
    import torch

    found = {"crossbit": __version__, "python": platform.python_version()}
    return found | {"numpy": numpy.__version__, "torch": str(torch.__version__)}
