"""The model of a collection: identified by its fingerprint, loaded when something must be encoded, and asked for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..data.pairs import Array, Modality
from ..errors import InputError, ItemError, extra_named
from ..features.base import file_sha256
from ..features.featurise import Captions
from ..features.pipeline import Pipeline
from ..features.trained_on import TrainedOn
from .errors import OtherModelError
from .item import described

if TYPE_CHECKING:
    from ..models.bundle import Bundle

#: The parts of a bundle that decide a code: the towers, their weights, and the features that feed them.
_DECIDE = ("encoder", "weights_sha256", "features")


@runtime_checkable
class Model(Protocol):
    """The part of a bundle that a collection needs."""

    @property
    def pipelines(self) -> Mapping[Modality, Pipeline]:
        """The pipeline of each modality, from raw items to features."""
        ...

    @property
    def dim(self) -> int:
        """The bits of a code."""
        ...

    @property
    def captions(self) -> Captions:
        """The way in which several captions become one text."""
        ...

    def embed(self, features: Array, modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the real values whose signs are the codes of features."""
        ...


def load(folder: Path, device: str = "auto") -> Model:
    """Return the model saved in a folder, to encode on a device; a pipeline is read when it is first needed."""
    try:
        from ..models.saved import SavedModel  # imports torch, which searching stored codes does without

        return SavedModel(folder, device)
    except ModuleNotFoundError as error:
        raise extra_named(error) from None


def load_whole(folder: Path) -> Bundle:
    """Return the model saved in a folder after reading and checking all of it."""
    try:
        from ..models.bundle import Bundle

        return Bundle.load(folder)
    except ModuleNotFoundError as error:
        raise extra_named(error) from None


def install(source: str | PathLike[str] | Bundle, folder: Path) -> Model:
    """Save a model, or copy a saved one, into a collection and return it; one that makes no codes is refused."""
    bundle = load_whole(Path(source)) if isinstance(source, str | PathLike) else _bundle(source)
    if bundle.encoder.space != "hamming":
        raise InputError(
            f"{source if isinstance(source, str | PathLike) else bundle.origin.method} makes real-valued vectors, and a"
            " collection holds codes: fit it with a binariser, as in cca+itq"
        )
    bundle.save(folder)
    return bundle


def _bundle(value: Any) -> Bundle:
    from ..models.bundle import Bundle

    if not isinstance(value, Bundle):
        raise InputError(
            "the model of a collection is one of crossbit.fit, or the folder in which model.save(folder) saved it, not"
            f" {described(value)}"
        )
    return value


def bundle_sha256(folder: Path) -> str:
    """Return the sha256 of the description of the model in a folder."""
    return file_sha256(folder / "bundle.json")


def fingerprint(folder: Path) -> str:
    """Return the sha256 of everything that decides the codes of the model in a folder; its weights are not read."""
    path = folder / "bundle.json"
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
        deciding = {name: spec[name] for name in _DECIDE}
    except FileNotFoundError:
        raise InputError(f"{folder} is not a model: it has no bundle.json; `crossbit fit` writes one") from None
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InputError(f"{path} is damaged: {fault!r}; copy the model again") from None
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def trained_on(folder: Path) -> TrainedOn:
    """Return the contents that the model in a folder was trained on, none where it does not record them."""
    description = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    return TrainedOn.load(folder, description)


def refuse_other_model(folder: Path, encoded: str) -> None:
    """Refuse a model that is not the one of a fingerprint, by which items were encoded."""
    found = fingerprint(folder)
    if found != encoded:
        raise OtherModelError(
            f"{folder} is not the model that encoded this collection (its fingerprint is {found[:12]}, the codes are of"
            f" {encoded[:12]}): put that model back, or create a new collection with this one and add the items to it"
        )


def embed_one(model: Model, raw: Any, modality: Modality) -> Float[ndarray, "dim"]:
    """Return the real values of a raw text or picture; an unusable one is refused."""
    try:
        pipeline = model.pipelines[modality]
        features = pipeline.apply(pipeline.extractor.compute([pipeline.extractor.prepare(raw)]))
        values: ndarray = model.embed(features, modality)[0]
        if not np.isfinite(values).all():
            raise ItemError("the model gives it no finite values")
    except ItemError as fault:
        raise InputError(f"the {modality} of the query cannot be used: {fault}") from None
    except OSError as fault:
        raise InputError(f"the {modality} of the query cannot be used: {fault.strerror or fault}") from None
    return values.astype(np.float32)


def joined_text(texts: Sequence[str], captions: Captions) -> str | None:
    """Return the text that stands for an item: all its texts, or the first if the model learned single ones."""
    written = [text for text in texts if text.strip()]
    return " ".join(written if captions == "join" else written[:1]) or None
