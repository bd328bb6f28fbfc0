"""A collection: open it, add to it, search it, take from it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack, final

from ..codes import Codes
from ..data.pairs import Modality
from ..errors import InputError
from ..indexes import Neighbours
from ..io import atomic
from ..spec import build
from .errors import OtherModelError
from .ingest import add as adding
from .ingest import edit as restating
from .item import Item, Raw
from .model import Model, bundle_sha256, fingerprint, install, load
from .search.planner import Engines
from .search.query import Part, checked_target, point
from .search.relevance import DOUBT, Calibration, features_of
from .search.settings import Settings
from .search.stages import Hit, SearchResults, Stage, StagedSearch
from .storage import reads as reading
from .storage.batch import EncodedBatch
from .storage.filters import parse
from .storage.schema import Head
from .storage.snapshot import Side, Snapshot, SnapshotCache
from .storage.store import DATABASE, MODEL, ItemStore
from .storage.transactions import change, compact

#: The longer side of a thumbnail, in pixels.
THUMBNAIL = 256


@final
class Collection:
    """Items made searchable by one model. Searching is safe from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open a collection; one whose model is not the one that encoded its items is refused."""
        self.folder = folder
        self.store = ItemStore(folder)
        found = fingerprint(folder / MODEL)
        if found != self.store.facts["model"]:
            raise OtherModelError(
                f"{folder / MODEL} is not the model that encoded this collection (its fingerprint is {found[:12]}, the"
                f" codes are of {self.store.facts['model'][:12]}): put that model back, or create a new collection with"
                " this one and add the items to it"
            )
        self._snapshots = SnapshotCache(self.store)
        self._settings: tuple[Mapping[str, Any], Settings] = ({}, Settings())
        self.engines = Engines(folder)

    @classmethod
    def create(cls, folder: Path, model: Path, *, thumbnail: int = THUMBNAIL, vectors: bool = False) -> Collection:
        """Make an empty collection in an empty or new folder, whole or not at all, and open it.

        `thumbnail` is the longer side of thumbnails in pixels, 0 for none; `vectors` keeps the model's real values as
        float16, for the last stage of a search.
        """
        refuse_full(folder)
        with atomic.atomic_folder(folder) as made:
            bits = install(model, made / MODEL).dim
            facts = {"model": fingerprint(made / MODEL), "bits": bits, "thumbnail": thumbnail, "vectors": vectors}
            facts["bundle"] = bundle_sha256(made / MODEL)
            ItemStore.create(made, facts)
        return cls(folder)

    @property
    def bits(self) -> int:
        """The bits of a code."""
        bits: int = self.store.facts["bits"]
        return bits

    @property
    def settings(self) -> Settings:
        """How it is searched: the defaults, or what `tune` found, in whatever process."""
        facts = self.store.facts
        if facts is not self._settings[0]:
            self._settings = facts, build(Settings, facts.get("search", {}), f"{self.folder}: settings")
        return self._settings[1]

    @cached_property
    def model(self) -> Model:
        """The model, loaded when it is first needed."""
        return load(self.folder / MODEL)

    def __len__(self) -> int:
        """Return the number of items."""
        with self.store.reading() as connection:
            return Head.read(connection).items

    def __enter__(self) -> Collection:
        """Return the collection, to be closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """Close the collection."""
        self.close()

    def close(self) -> None:
        """Close its file."""
        self.store.close()

    def configure(self, name: str, value: Any) -> None:
        """Store how it is searched, or what was fitted."""
        with self.store.locked(), self.store.changing() as connection:
            self.store.set_fact(connection, name, value)

    def snapshot(self) -> Snapshot:
        """Return the codes as they are now; what other processes have changed is read."""
        with self.view() as (_, snapshot):
            return snapshot

    def view(self) -> AbstractContextManager[tuple[sqlite3.Connection, Snapshot]]:
        """Return a block that reads one state of the collection: a connection to it, and its codes."""
        return self._snapshots.view()

    def add(self, raws: Iterable[Raw], **how: Unpack[adding.AddOptions]) -> adding.AddResult:
        """Add items, replacing those that have changed; return the counts, with a reason for each that was left out.

        `how` is that of `add_batches`.
        """
        *_, counts = [adding.AddResult(), *self.add_batches(raws, **how)]
        return counts

    def add_batches(self, raws: Iterable[Raw], **how: Unpack[adding.AddOptions]) -> Iterator[adding.AddResult]:
        """Add items; yield the counts so far after each batch that is on the disk.

        `on_error="fail"` ends the work at the first item that cannot be used, `log` is told of progress, and `cache` is
        a folder of features: those of the items are read from it, or added to it.
        """
        return adding.add(self.store, self.model, raws, **how)

    def put(self, batch: EncodedBatch) -> adding.AddResult:
        """Add items that are encoded already, by this model, in one change; return the counts."""
        return adding.put(self.store, batch)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove items; unknown ids are refused before anything is removed. Return how many."""
        with self.store.locked(), self.store.reading() as connection:
            numbers = [reading.number_of(connection, id_) for id_ in dict.fromkeys(ids)]
            if numbers:
                self._change(numbers)
        return len(numbers)

    def remove_where(self, where: str) -> int:
        """Remove the items that a filter allows; return how many."""
        with self.store.locked(), self.store.reading() as connection:
            numbers = reading.matching(connection, parse(where)).tolist()
            if numbers:
                self._change(numbers)
        return len(numbers)

    def _change(self, removals: Sequence[int]) -> None:
        with self.store.changing() as connection:
            change(connection, removals)

    def update(
        self, ids: Sequence[str], *, texts: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None
    ) -> int:
        """Give items other texts, which are encoded anew, or other metadata; return how many.

        The metadata is merged into what is there; a value of None drops its name.
        """
        with self.store.locked(), self.view() as (connection, snapshot):
            numbers = [reading.number_of(connection, id_) for id_ in dict.fromkeys(ids)]
            items = reading.items_of(connection, numbers)
            told = {number: restating.merged(items[number], metadata or {}) for number in numbers}
            if told:
                batch = restating.restated(connection, snapshot, told)
                if texts is not None:
                    batch = restating.with_texts(batch, texts, self.model)
                with self.store.changing() as writing:
                    change(writing, numbers, self.kept(batch))
        return len(numbers)

    def ids(self, where: str = "") -> list[str]:
        """Return the ids of all items, or of those that a filter allows, in the order they came."""
        with self.store.reading() as connection:
            return list(reading.ids(connection, parse(where) if where else None))

    def compact(self) -> None:
        """Give back the space of removed items; the file is written anew, which takes as much again for a moment."""
        with self.store.locked():
            with self.store.changing() as connection:
                compact(connection)
            self.store.vacuum()

    def kept(self, batch: EncodedBatch) -> EncodedBatch:
        """Return what of a batch this collection keeps: with vectors, or without."""
        return batch if self.store.facts["vectors"] else batch.without_vectors()

    def item(self, id_: str) -> Item:
        """Return an item by its id."""
        with self.store.reading() as connection:
            number = reading.number_of(connection, id_)
            return reading.items_of(connection, [number])[number]

    def thumbnail(self, id_: str) -> bytes | None:
        """Return the thumbnail of an item as JPEG, or none if it has none."""
        with self.store.reading() as connection:
            return reading.thumbnail_of(connection, id_)

    def search(
        self,
        *parts: Part,
        target: str = "",
        k: int = 10,
        radius: int | None = None,
        where: str = "",
        settings: Settings | None = None,
    ) -> SearchResults:
        """Return the `k` items whose `target` side is nearest to a query, or of all within a radius in bits.

        The target is by default the texts for a picture alone, and the pictures for everything else. Only items that
        the filter `where` allows are searched.
        """
        chosen = checked_target(target, parts)
        with self.view() as (connection, snapshot):
            start = time.perf_counter()
            asked = point(parts, lambda: self.model, connection, snapshot)
            encoding = Stage("query", len(parts), 1, time.perf_counter() - start, "encoded by the model, or looked up")
            side = snapshot.sides[chosen]
            allowed = side.rows(self._snapshots.matching(connection, where)) if where else None
            search = StagedSearch(side, chosen, self.engines, settings or self.settings, asked.asking)
            rows, distances, scores = search.run(asked.values, k, radius, allowed, connection)
            numbers = side.numbers[rows].tolist()
            items = reading.items_of(connection, numbers)
        known = Calibration.of(self.store.facts, f"{asked.source}->{chosen}", rescored=search.rescores)
        sure = known.probabilities(features_of(side, asked.values, scores)).tolist() if known and numbers else None
        hits = zip(numbers, distances.tolist(), scores.tolist(), sure or [None] * len(numbers), strict=True)
        return SearchResults(
            tuple(Hit(items[number], *rest) for number, *rest in hits),
            chosen,
            len(side) if allowed is None else len(allowed),
            None if known is None else not sure or sure[0] < DOUBT,
            (encoding, *search.stages),
        )

    def nearest(self, queries: Codes, target: Modality, k: int, *, settings: Settings | None = None) -> Neighbours:
        """Return the numbers of the `k` items whose `target` side is nearest to each query's code: the first stage."""
        return self._nearest(self.snapshot().sides[target], queries, target, k, settings)

    def _nearest(self, side: Side, queries: Codes, target: Modality, k: int, settings: Settings | None) -> Neighbours:
        found, _ = self.engines.nearest(side, target, queries, k, None, settings or self.settings)
        return Neighbours(side.numbers[found.ids], found.distances)

    def search_codes(
        self, queries: Codes, target: Modality, k: int = 10, *, settings: Settings | None = None
    ) -> list[list[Hit]]:
        """Return the `k` items whose `target` side is nearest to each query's code, ties in order of the items."""
        with self.view() as (connection, snapshot):
            found = self._nearest(snapshot.sides[target], queries, target, k, settings)
            rows = found.ids.tolist()
            items = reading.items_of(connection, [*{number for row in rows for number in row}])
        bits = self.bits
        return [
            [Hit(items[n], d, 1 - 2 * d / bits) for n, d in zip(numbers, distances, strict=True)]
            for numbers, distances in zip(rows, found.distances.tolist(), strict=True)
        ]


def refuse_full(folder: Path) -> None:
    """Refuse a place for a collection that is not empty, or where nothing can be written."""
    atomic.refuse_unwritable(folder)
    if (folder / DATABASE).exists():
        raise InputError(
            f"{folder} is a collection already; add to it with `crossbit index add`, or choose another place"
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another place for the collection or empty it")
