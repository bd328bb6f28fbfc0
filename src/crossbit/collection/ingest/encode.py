"""Encoding of items to be added: a picture is read, hashed and decoded once, for all that is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from ...data.pairs import MODALITIES, Array, Modality
from ...errors import InputError, ItemError
from ...features.cache import FeatureCache, ShardStore
from ...features.extraction import content_key
from ...features.raw import existing_file, open_picture
from ..encoding import joined_text
from ..item import Item, Picture, Raw, content_of, picture_of
from ..model import Model
from ..storage.batch import EncodedBatch

#: Items whose features are computed together, and threads that open them.
CHUNK, WORKERS = 32, 2
QUALITY = 80
#: Bytes of an image file that are read at most: those of the most pixels allowed, with 16 bits in each of 4 channels.
MAX_BYTES = 1 << 29


class ItemFailure(NamedTuple):
    """An item that could not be used."""

    id: str
    reason: str


class Encoded(NamedTuple):
    """The new and changed items, encoded; how many are stored unchanged; and those that cannot be used."""

    batch: EncodedBatch
    unchanged: int
    failures: list[ItemFailure]


@final
class _Picture:
    """A picture that is decoded once, when it is first needed."""

    def __init__(self, raw: bytes | ndarray) -> None:
        self.raw = raw

    @cached_property
    def image(self) -> Image.Image:
        """The decoded picture; an unusable one raises `ItemError`."""
        return open_picture(self.raw)

    def thumbnail(self, side: int) -> bytes:
        """Return the picture as JPEG, its longer side `side` pixels at most, without the metadata of its file."""
        small = self.image.copy()
        small.thumbnail((side, side), Image.Resampling.BILINEAR)
        small.save(file := BytesIO(), "JPEG", quality=QUALITY)
        return file.getvalue()


class _Opened(NamedTuple):
    """An item ready for its features: a prepared input for each modality that it has, none where they are cached."""

    item: Item
    inputs: Mapping[Modality, Any]
    keys: Mapping[Modality, bytes]
    thumbnail: bytes | None


@final
@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes items by a model, with thumbnails of `thumbnail` pixels; cached features are read or added to."""

    model: Model
    thumbnail: int
    caches: Mapping[Modality, FeatureCache]

    @classmethod
    def of(cls, model: Model, thumbnail: int, cache: Path | None) -> Encoder:
        """Return the encoder whose cache is a folder; features that cost little are not cached."""
        extractors = {m: pipeline.extractor for m, pipeline in model.pipelines.items()} if cache else {}
        costly = {m: extractor for m, extractor in extractors.items() if not extractor.cheap}
        return cls(
            model,
            thumbnail,
            {m: FeatureCache(ShardStore(Path(cache or ".") / e.fingerprint)) for m, e in costly.items()},
        )

    def __call__(self, raws: Sequence[Raw], stored: Mapping[str, Item]) -> Encoded:
        """Return items encoded, except those that are among the `stored`, by id, as they are."""
        batches: list[EncodedBatch] = []
        unchanged, failures = 0, []
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(0, len(raws), CHUNK):
                outcomes = [*pool.map(partial(self._outcome, stored), raws[start : start + CHUNK])]
                batch, useless = self._batch([each for each in outcomes if isinstance(each, _Opened)])
                batches.append(batch)
                failures += [each for each in outcomes if isinstance(each, ItemFailure)] + useless
                unchanged += sum(each is None for each in outcomes)
        for cache in self.caches.values():
            cache.flush()
        return Encoded(EncodedBatch.joined(batches), unchanged, failures)

    def _outcome(self, stored: Mapping[str, Item], raw: Raw) -> _Opened | ItemFailure | None:
        """Return an item opened, the reason why it cannot be used, or none if it is stored unchanged."""
        try:
            with _naming("image"):
                picture = None if raw.picture is None else _Picture(_read(picture_of(raw.picture)))
            item = raw.item(None if picture is None else content_of(picture.raw))
            if stored.get(item.id) == item and not any(self._brought(raw, m) is not None for m in MODALITIES):
                return None
            return self._opened(raw, item, picture)
        except InputError as fault:
            return ItemFailure(raw.id if raw.id.isprintable() else ascii(raw.id), str(fault))

    def _opened(self, raw: Raw, item: Item, picture: _Picture | None) -> _Opened:
        inputs: dict[Modality, Any] = {}
        keys: dict[Modality, bytes] = {}
        for modality in MODALITIES:
            source, cache = self._source(raw, modality, picture), self.caches.get(modality)
            if source is None:
                continue
            if cache is not None:
                keys[modality] = bytes.fromhex(item.content or "") if source is picture else content_key(source)
            with _naming(modality):
                inputs[modality] = (
                    self._prepared(source, modality) if not cache or keys[modality] not in cache else None
                )
        if not inputs:
            raise ItemError("it has neither a picture nor a text")
        if picture is None or not self.thumbnail:
            return _Opened(item, inputs, keys, None)
        with _naming("image"):
            return _Opened(item, inputs, keys, picture.thumbnail(self.thumbnail))

    def _source(self, raw: Raw, modality: Modality, picture: _Picture | None) -> Any:
        """Return what the model reads of an item in one modality, or none."""
        brought = self._brought(raw, modality)
        if brought is not None:
            return brought
        return picture if modality == "image" else joined_text(raw.texts, self.model.captions)

    def _brought(self, raw: Raw, modality: Modality) -> Any:
        """Return the features that an item brings, which its stored facts do not record, where the model reads them."""
        return raw.features.get(modality) if self.model.pipelines[modality].extractor.precomputed else None

    def _prepared(self, source: Any, modality: Modality) -> Any:
        extractor = self.model.pipelines[modality].extractor
        return extractor.prepare(np.asarray(source.image) if isinstance(source, _Picture) else source)

    def _batch(self, opened: Sequence[_Opened]) -> tuple[EncodedBatch, list[ItemFailure]]:
        """Return opened items encoded, except those whose values are not finite."""
        values = {m: self._values(opened, m) for m in MODALITIES}
        finite = {m: np.isfinite(values[m]).all(axis=1) for m in MODALITIES}
        rows = np.flatnonzero(finite["image"] & finite["text"])
        kept = [opened[row] for row in rows.tolist()]
        batch = EncodedBatch.encoded(
            [each.item for each in kept],
            {m: values[m][rows] for m in MODALITIES},
            {m: np.array([m in each.inputs for each in kept], bool) for m in MODALITIES},
            [each.thumbnail for each in kept],
        )
        useless = [(opened[row].item.id, m) for m in MODALITIES for row in np.flatnonzero(~finite[m]).tolist()]
        return batch, [ItemFailure(id_, f"{m}: the model gives it no finite values") for id_, m in useless]

    def _values(self, opened: Sequence[_Opened], modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the real values of one modality, zeros where an item lacks it."""
        values = np.zeros((len(opened), self.model.dim), np.float32)
        rows = [row for row, each in enumerate(opened) if modality in each.inputs]
        if rows:
            features = self._features([opened[row] for row in rows], modality)
            values[rows] = self.model.embed(self.model.pipelines[modality].apply(features), modality)
        return values

    def _features(self, opened: Sequence[_Opened], modality: Modality) -> Array:
        """Return the features of one modality, computed or read from the cache."""
        extractor, cache = self.model.pipelines[modality].extractor, self.caches.get(modality)
        if cache is None:
            return extractor.compute([each.inputs[modality] for each in opened])
        fresh = {each.keys[modality]: each.inputs[modality] for each in opened if each.keys[modality] not in cache}
        if fresh:
            cache.add([*fresh], extractor.compute([*fresh.values()]))
        return np.stack([cache[each.keys[modality]] for each in opened])


def _read(picture: Picture) -> bytes | ndarray:
    """Return the content of a picture: the bytes of its file, or its pixels."""
    if not isinstance(picture, Path):
        return picture
    size = existing_file(picture).stat().st_size
    if size > MAX_BYTES:
        raise ItemError(f"the file has {size:,} bytes, more than the {MAX_BYTES:,} allowed")
    return picture.read_bytes()


@contextmanager
def _naming(modality: Modality) -> Iterator[None]:
    """Put the modality before the reason why it cannot be used."""
    try:
        yield
    except ItemError as fault:
        raise ItemError(f"{modality}: {fault}") from None
    except OSError as fault:
        raise ItemError(f"{modality}: {fault.strerror or fault}") from None
