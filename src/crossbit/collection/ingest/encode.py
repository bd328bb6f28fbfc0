"""Encoding of items to be added: a picture is read, hashed and decoded once, for all that is made of it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ...data.pairs import MODALITIES, Array, Modality
from ...errors import InputError, ItemError
from ...features.base import Extractor
from ...features.cache import FeatureCache, ShardStore
from ...features.extraction import content_key
from ...features.raw import LoadedPicture
from ..item import Item, Picture, Raw
from ..model import Model, joined_text
from ..storage.batch import EncodedBatch

#: Items whose features are computed together, and threads that open them.
CHUNK, WORKERS = 32, 2


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
@dataclass
class _Opened:
    """An item ready for its features: a prepared input for each modality that it has, none where they are cached."""

    item: Item
    inputs: dict[Modality, Any] = field(default_factory=dict)
    keys: dict[Modality, bytes] = field(default_factory=dict)
    thumbnail: bytes | None = None


#: An opened item, the reason why it cannot be used, or none if it is stored unchanged.
_Outcome: TypeAlias = _Opened | str | None


@final
@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes items by a model, with thumbnails of `thumbnail` pixels; cached features are read or added to."""

    model: Model
    extractors: Mapping[Modality, Extractor]
    thumbnail: int
    caches: Mapping[Modality, FeatureCache]

    @classmethod
    def of(cls, model: Model, thumbnail: int, cache: Path | None) -> Encoder:
        """Return the encoder whose cache is a folder; features that cost little are not cached."""
        extractors = {m: pipeline.extractor for m, pipeline in model.pipelines.items()}
        costly = {m: extractor for m, extractor in extractors.items() if cache and not extractor.cheap}
        stores = {m: ShardStore(Path(cache or ".") / extractor.fingerprint) for m, extractor in costly.items()}
        return cls(model, extractors, thumbnail, {m: FeatureCache(store) for m, store in stores.items()})

    def __call__(self, raws: Sequence[Raw], stored: Mapping[str, Item]) -> Encoded:
        """Return items encoded, except those that are among the `stored`, by id, as they are."""
        parts: list[Encoded] = []
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(0, len(raws), CHUNK):
                parts.append(self._encoded(pool, raws[start : start + CHUNK], stored))
        for cache in self.caches.values():
            cache.flush()
        return Encoded(
            EncodedBatch.joined([part.batch for part in parts]),
            sum(part.unchanged for part in parts),
            [failure for part in parts for failure in part.failures],
        )

    def _encoded(self, pool: ThreadPoolExecutor, raws: Sequence[Raw], stored: Mapping[str, Item]) -> Encoded:
        """Return items encoded together: the threads open their pictures, and all else is done for all at once."""
        brought = {m: self._brought(raws, m) for m in MODALITIES}
        captions = self.model.captions
        texts = {raw.id: joined_text(raw.texts, captions) for raw in raws}
        cached = self.caches["image"].keys() if "image" in self.caches else ()
        opening = partial(self._opened, stored, brought, cached)
        opened = pool.map(lambda raw, context: context.run(opening, raw), raws, [copy_context() for _ in raws])
        outcomes: dict[str, _Outcome] = dict(zip(texts, opened, strict=True))
        self._prepare(outcomes, brought["image"], "image")
        self._prepare(outcomes, {id_: text for id_, text in texts.items() if text} | brought["text"], "text")
        for id_, outcome in outcomes.items():
            if isinstance(outcome, _Opened) and not outcome.inputs:
                outcomes[id_] = "it has neither a picture nor a text"
        batch, useless = self._batch([each for each in outcomes.values() if isinstance(each, _Opened)])
        unusable = {id_: each for id_, each in outcomes.items() if isinstance(each, str)} | useless
        failures = [ItemFailure(id_ if id_.isprintable() else ascii(id_), why) for id_, why in unusable.items()]
        return Encoded(batch, sum(each is None for each in outcomes.values()), failures)

    def _brought(self, raws: Sequence[Raw], modality: Modality) -> dict[str, Any]:
        """Return the features that items bring, by id, where the model reads them; stored facts do not record them."""
        if not self.extractors[modality].precomputed:
            return {}
        return {raw.id: raw.features[modality] for raw in raws if raw.features.get(modality) is not None}

    def _opened(
        self,
        stored: Mapping[str, Item],
        brought: Mapping[Modality, Mapping[str, Any]],
        cached: Container[bytes],
        raw: Raw,
    ) -> _Outcome:
        """Return an item with what is made of its picture, which is decoded only if something has to be made of it."""
        try:
            picture = None if raw.picture is None else LoadedPicture(cast("Picture", raw.picture))
            item = raw.item(None if picture is None else picture.content)
            if stored.get(item.id) == item and not any(item.id in rows for rows in brought.values()):
                return None
            opened = _Opened(item)
            if picture is not None and item.id not in brought["image"]:
                key = bytes.fromhex(picture.content)
                opened.keys["image"] = key
                opened.inputs["image"] = (
                    None if key in cached else self.extractors["image"].prepare(np.asarray(picture.image))
                )
            if picture is not None and self.thumbnail:
                opened.thumbnail = picture.thumbnail(self.thumbnail)
        except ItemError as error:
            return f"image: {error}"
        except InputError as error:
            return str(error)
        except OSError as error:
            return f"image: {error.strerror or error}"
        return opened

    def _prepare(self, outcomes: dict[str, _Outcome], sources: Mapping[str, Any], modality: Modality) -> None:
        """Prepare the texts of opened items, or the features that they bring."""
        extractor, cache = self.extractors[modality], self.caches.get(modality)
        for id_, source in sources.items():
            outcome = outcomes[id_]
            if not isinstance(outcome, _Opened):
                continue
            outcome.keys[modality] = b"" if cache is None else content_key(source)
            cached = cache is not None and outcome.keys[modality] in cache
            try:
                outcome.inputs[modality] = None if cached else extractor.prepare(source)
            except ItemError as error:
                outcomes[id_] = f"{modality}: {error}"

    def _batch(self, opened: Sequence[_Opened]) -> tuple[EncodedBatch, dict[str, str]]:
        """Return opened items encoded, and the reason for each whose values are not finite."""
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
        return batch, {id_: f"{m}: the model gives it no finite values" for id_, m in useless}

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
        extractor, cache = self.extractors[modality], self.caches.get(modality)
        if cache is None:
            return extractor.compute([each.inputs[modality] for each in opened])
        fresh = {each.keys[modality]: each.inputs[modality] for each in opened if each.keys[modality] not in cache}
        if fresh:
            cache.add([*fresh], extractor.compute([*fresh.values()]))
        return np.stack([cache[each.keys[modality]] for each in opened])
