"""Encoding of items to be added: a picture is read, hashed and decoded once, for all that is made of it.

What its file says of a picture becomes metadata: `taken`, `camera`, `lens`, `width`, `height`, `bytes`, `mtime`, and on
demand `lat` and `lon`. An item of which only metadata has changed keeps its codes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
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
from ..storage.reads import number_of
from ..storage.snapshot import SnapshotCache
from ..storage.store import ItemStore

#: Items whose features are computed together, and threads that open them.
CHUNK, WORKERS = 32, 2
#: Facts of a file that stay as they are stored while its content is the same: copying it is no change of the item, and
#: places that were once wanted are not dropped by the next run.
_KEPT = ("mtime", "lat", "lon")


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


#: An opened item, one whose stored codes stay, the reason why it cannot be used, or none if it is stored unchanged.
_Outcome: TypeAlias = _Opened | Item | str | None


@final
@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes items by a model, with thumbnails of `thumbnail` pixels; cached features are read or added to.

    `stored` reads the codes that a collection has already; `gps` says whether the place of a picture becomes metadata.
    """

    model: Model
    extractors: Mapping[Modality, Extractor]
    thumbnail: int
    caches: Mapping[Modality, FeatureCache]
    stored: SnapshotCache
    gps: bool = False

    @classmethod
    def of(cls, model: Model, store: ItemStore, cache: Path | None, *, gps: bool = False) -> Encoder:
        """Return the encoder whose cache is a folder; features that cost little are not cached."""
        extractors = {m: pipeline.extractor for m, pipeline in model.pipelines.items()}
        costly = {m: extractor for m, extractor in extractors.items() if cache and not extractor.cheap}
        stores = {m: ShardStore(Path(cache or ".") / extractor.fingerprint) for m, extractor in costly.items()}
        caches = {m: FeatureCache(store) for m, store in stores.items()}
        return cls(model, extractors, store.facts["thumbnail"], caches, SnapshotCache(store), gps)

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
        if restated := [each for each in outcomes.values() if isinstance(each, Item)]:
            batch = EncodedBatch.joined([batch, self._restated(restated)])
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
            known = stored.get(item.id)
            known = known if known is not None and known.content == item.content else None
            item = replace(item, metadata={**self._facts(raw, picture, known), **item.metadata})
            encoded = known is not None and known.texts == item.texts
            if encoded and not any(item.id in rows for rows in brought.values()):
                return None if known == item else item
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

    def _facts(self, raw: Raw, picture: LoadedPicture | None, known: Item | None) -> dict[str, Any]:
        """Return what the file of a picture says of it; `known` is the stored item, if its content is the same."""
        if picture is None:
            return {}
        found = picture.facts(gps=self.gps)
        if found and isinstance(raw.picture, Path):
            with suppress(OSError, OverflowError, ValueError):  # a file system can say anything
                changed = datetime.fromtimestamp(int(raw.picture.stat().st_mtime), UTC)
                found["mtime"] = f"{changed:%Y-%m-%dT%H:%M:%SZ}"
        return found | {name: known.metadata[name] for name in _KEPT if known is not None and name in known.metadata}

    def _restated(self, items: Sequence[Item]) -> EncodedBatch:
        """Return stored items that say something else of the same content, with the codes that they have."""
        with self.stored.view() as (connection, snapshot):
            return snapshot.batch(connection, {number_of(connection, item.id): item for item in items})

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
