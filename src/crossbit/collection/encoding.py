"""From raw items to a batch of codes, with the reasons for those that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from ..data.pairs import MODALITIES, Array, Modality
from ..errors import InputError, ItemError
from ..features.base import Extractor
from ..features.cache import Kept, Store
from ..features.extraction import content_key
from ..features.featurise import Captions
from ..features.raw import open_picture
from .item import Item, Picture, Raw
from .model import Model
from .storage.batch import EncodedBatch

#: Items whose features are computed together, and threads that open them.
CHUNK, WORKERS = 32, 2
QUALITY = 80


class ItemFailure(NamedTuple):
    """An item that could not be used."""

    id: str
    reason: str


class Embedded(NamedTuple):
    """Real values of raw items, a row each, zero where there is none; `failures` says by row why."""

    values: Float[ndarray, "n dim"]
    failures: dict[int, str]


def kept_features(model: Model, cache: Path | None) -> dict[Modality, Kept]:
    """Return the features that a cache keeps for a model, of each modality for which keeping them is worth it."""
    extractors = {m: pipeline.extractor for m, pipeline in model.pipelines.items()} if cache else {}
    worth = {m: e for m, e in extractors.items() if not e.cheap}
    return {m: Kept(Store(Path(cache or ".") / extractor.fingerprint)) for m, extractor in worth.items()}


def encode(
    model: Model,
    raws: Sequence[Raw],
    items: Sequence[Item],
    thumbnail: int,
    features: Mapping[Modality, Kept],
) -> tuple[EncodedBatch, list[ItemFailure]]:
    """Return the usable items encoded, with thumbnails of a side of `thumbnail` pixels, and those that are not.

    `features` are kept ones, which are read or added to.
    """
    failures: dict[int, str] = {}
    values: dict[Modality, ndarray] = {}
    has: dict[Modality, ndarray] = {}
    for modality in MODALITIES:
        wanted = [_raw(model, raw, modality) for raw in raws]
        values[modality], wrong = embed(model, wanted, modality, features.get(modality))
        has[modality] = np.array([each is not None for each in wanted], bool)
        failures |= {row: f"{modality}: {reason}" for row, reason in wrong.items()}
    small, wrong = _thumbnails(raws, thumbnail)
    failures |= {row: f"image: {reason}" for row, reason in wrong.items()}
    nothing = np.flatnonzero(~has["image"] & ~has["text"]).tolist()
    failures |= dict.fromkeys(nothing, "it has neither a picture nor a text")
    kept = [row for row in range(len(raws)) if row not in failures]
    at = np.array(kept, np.int64)
    batch = EncodedBatch.encoded(
        [items[row] for row in kept],
        {m: values[m][at] for m in MODALITIES},
        {m: has[m][at] for m in MODALITIES},
        [small[row] for row in kept],
    )
    return batch, [ItemFailure(raws[row].id, failures[row]) for row in sorted(failures)]


def embed(model: Model, raws: Sequence[Any], modality: Modality, kept: Kept | None = None) -> Embedded:
    """Return the real values of raw pictures, texts or feature rows; none stands for an item without them.

    Features that are kept are not computed again.
    """
    pipeline = model.pipelines[modality]
    reader = _Reader(pipeline.extractor, raws, kept)
    values = np.zeros((len(raws), model.dim), np.float32)
    wanted = [row for row, raw in enumerate(raws) if raw is not None]
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(wanted), CHUNK):
            rows = wanted[start : start + CHUNK]
            opened = dict(zip(rows, pool.map(reader.open, rows), strict=True))
            usable = {row: each for row, each in opened.items() if row not in reader.failures}
            if usable:
                values[[*usable]] = model.embed(pipeline.apply(reader.features(usable)), modality)
    if kept is not None:
        kept.flush()
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
        reader.failures[row] = "the model gives it no finite values"
        values[row] = 0
    return Embedded(values, reader.failures)


@dataclass(eq=False)
class _Reader:
    """Opens raw items by row and computes their features, or finds them among those that are kept."""

    extractor: Extractor
    raws: Sequence[Any]
    kept: Kept | None
    keys: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)

    def open(self, row: int) -> Any:
        """Return an item opened, or none where its features are kept or it cannot be used."""
        try:
            if self.kept is not None:
                self.keys[row] = content_key(self.raws[row])
                if self.keys[row] in self.kept:
                    return None
            return self.extractor.prepare(self.raws[row])
        except ItemError as fault:
            self.failures[row] = str(fault)
        except OSError as fault:
            self.failures[row] = fault.strerror or str(fault)
        return None

    def features(self, opened: Mapping[int, Any]) -> Array:
        """Return the features of usable items, a row each."""
        if self.kept is None:
            return self.extractor.compute([*opened.values()])
        fresh = [row for row in opened if self.keys[row] not in self.kept]
        if fresh:
            self.kept.add([self.keys[row] for row in fresh], self.extractor.compute([opened[row] for row in fresh]))
        return np.stack([self.kept[self.keys[row]] for row in opened])


def embed_one(model: Model, raw: Any, modality: Modality) -> Float[ndarray, "dim"]:
    """Return the real values of one raw item; what cannot be used is refused."""
    found = embed(model, [raw], modality)
    if found.failures:
        raise InputError(f"the {modality} of the query cannot be used: {found.failures[0]}")
    values: ndarray = found.values[0]
    return values


def brings_features(raw: Raw, model: Model) -> bool:
    """Return whether a model reads features that come with an item, and of which the item that is kept says nothing."""
    return any(_brings(raw, model, modality) for modality in MODALITIES)


def _brings(raw: Raw, model: Model, modality: Modality) -> bool:
    return modality in raw.features and model.pipelines[modality].extractor.precomputed


def _raw(model: Model, raw: Raw, modality: Modality) -> Any:
    """Return what the model reads of an item in one modality, or none."""
    if _brings(raw, model, modality):
        return raw.features[modality]
    if modality == "image":
        return raw.picture
    return joined_text(raw.texts, model.captions)


def joined_text(texts: Sequence[str], captions: Captions) -> str | None:
    """Return the text that stands for an item: all its texts, or the first if the model learned single ones."""
    written = [text for text in texts if text.strip()]
    return " ".join(written if captions == "join" else written[:1]) or None


def _thumbnails(raws: Sequence[Raw], side: int) -> tuple[list[bytes | None], dict[int, str]]:
    failures: dict[int, str] = {}
    made: list[bytes | None] = []
    for row, raw in enumerate(raws):
        made.append(None)
        if raw.picture is None or not side:
            continue
        try:
            made[row] = thumbnail(raw.picture, side)
        except ItemError as fault:
            failures[row] = str(fault)
    return made, failures


def thumbnail(picture: Picture, side: int) -> bytes:
    """Return a picture as JPEG, its longer side `side` pixels at most, without whatever else its file held."""
    image = open_picture(picture)
    image.thumbnail((side, side), Image.Resampling.BILINEAR)
    image.save(file := BytesIO(), "JPEG", quality=QUALITY)
    return file.getvalue()
