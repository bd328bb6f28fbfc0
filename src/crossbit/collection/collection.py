"""A collection: open it, search it, add to it, change it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack, final

from ..codes import Codes
from ..data.pairs import Modality
from ..indexes import Neighbours
from ..io.atomic import atomic_folder
from ..spec import build
from .item import Item, Raw, strings
from .model import Model, bundle_sha256, fingerprint, install, load, refuse_other_model
from .search.planner import Planner
from .search.query import Askable, checked_target, embed_parts, part_of, query_vector, warning
from .search.relevance import DOUBT, Calibration, features_of
from .search.settings import Settings
from .search.stages import Hit, SearchResults, Stage, StagedSearch
from .storage.filters import parse
from .storage.reads import items_after, items_of, number_of, read_ids, taken_ids, thumbnail_of
from .storage.schema import Head
from .storage.snapshot import Side, Snapshot, SnapshotCache
from .storage.store import MODEL, ItemStore, refuse_full

if TYPE_CHECKING:
    from ..models.bundle import Bundle
    from .ingest.add import AddOptions, AddResult
    from .storage.batch import EncodedBatch

#: The longer side of a thumbnail, in pixels.
THUMBNAIL = 256
#: Items that iteration reads together.
PAGE = 1000


@final
class Collection:
    """Items made searchable by one model. Searching is safe from several threads.

    What writes is imported when something is written.
    """

    def __init__(self, folder: str | PathLike[str], *, device: str = "auto") -> None:
        """Open a collection, to encode on a device; one whose model did not encode its items is refused."""
        self.folder, self.device = Path(folder), device
        self.store = ItemStore(self.folder)
        refuse_other_model(self.folder / MODEL, self.store.facts["model"])
        self._snapshots = SnapshotCache(self.store)
        self._settings: tuple[Mapping[str, Any], Settings] = ({}, Settings())
        self.planner = Planner(self.folder)

    @classmethod
    def create(
        cls,
        folder: str | PathLike[str],
        model: str | PathLike[str] | Bundle,
        *,
        thumbnail: int = THUMBNAIL,
        vectors: bool = False,
        device: str = "auto",
    ) -> Collection:
        """Make an empty collection in an empty or new folder, whole or not at all, and open it.

        `model` is one of `crossbit.fit`, or the folder of a saved one; `thumbnail` is the longer side of thumbnails in
        pixels, 0 for none; `vectors` stores the model's real values as float16, for the last stage of a search.
        """
        folder = Path(folder)
        refuse_full(folder)
        with atomic_folder(folder) as new:
            bits = install(model, new / MODEL).dim
            facts = {"model": fingerprint(new / MODEL), "bits": bits, "thumbnail": thumbnail, "vectors": vectors}
            facts["bundle"] = bundle_sha256(new / MODEL)
            ItemStore.create(new, facts)
        return cls(folder, device=device)

    @property
    def bits(self) -> int:
        """The bits of a code."""
        bits: int = self.store.facts["bits"]
        return bits

    @property
    def settings(self) -> Settings:
        """The settings of a search: the defaults, or those that `tune` found, in whatever process."""
        facts = self.store.facts
        if facts is not self._settings[0]:
            self._settings = facts, build(Settings, facts.get("search", {}), f"{self.folder}: settings")
        return self._settings[1]

    @cached_property
    def model(self) -> Model:
        """The model, loaded when it is first needed."""
        return load(self.folder / MODEL, self.device)

    def __repr__(self) -> str:
        """Return the folder and the bits of a code."""
        return f"Collection({str(self.folder)!r}, bits={self.bits})"

    def __len__(self) -> int:
        """Return the number of items."""
        with self.store.reading() as connection:
            return Head.read(connection).items

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in the order in which they came; those that come or go meanwhile may be among them."""
        number = -1
        while True:
            with self.store.reading() as connection:
                items = items_after(connection, number, PAGE)
            if not items:
                return
            yield from items.values()
            number = max(items)

    def __contains__(self, id_: object) -> bool:
        """Return whether there is an item of an id."""
        with self.store.reading() as connection:
            return isinstance(id_, str) and bool(taken_ids(connection, [id_]))

    def __enter__(self) -> Collection:
        """Return the collection, to be closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """Close the collection."""
        self.close()

    def close(self) -> None:
        """Close its file."""
        self.store.close()

    def snapshot(self) -> Snapshot:
        """Return the codes as they are now, with the changes of other processes."""
        with self.view() as (_, snapshot):
            return snapshot

    def view(self) -> AbstractContextManager[tuple[sqlite3.Connection, Snapshot]]:
        """Return a block that reads one state of the collection: a connection to it, and its codes."""
        return self._snapshots.view()

    def ids(self, where: str = "") -> list[str]:
        """Return the ids of all items, or of those that a filter allows, in the order in which they came."""
        with self.store.reading() as connection:
            return list(read_ids(connection, parse(where) if where else None))

    def item(self, id_: str) -> Item:
        """Return an item by its id."""
        with self.store.reading() as connection:
            number = number_of(connection, id_)
            return items_of(connection, [number])[number]

    def thumbnail(self, id_: str) -> bytes | None:
        """Return the thumbnail of an item as JPEG, or none if it has none."""
        with self.store.reading() as connection:
            return thumbnail_of(connection, id_)

    def search(
        self,
        *query: Askable,
        target: str = "",
        k: int = 10,
        radius: int | None = None,
        where: str = "",
        settings: Settings | None = None,
    ) -> SearchResults:
        """Return the `k` items whose `target` side is nearest to a query, or of all within a radius in bits.

        A query is one or several texts (strings), pictures (`pathlib.Path`, bytes, PIL images, arrays of RGB pixels)
        and items (`like(id)`); a pair gives one of them a weight, as in `("red", 0.5)`. The target is by default the
        texts for a picture alone, and the pictures for everything else. Only items that the filter `where` allows are
        searched.
        """
        parts = [part_of(each) for each in query]
        chosen = checked_target(target, parts)
        start = time.perf_counter()
        embedded = embed_parts(parts, lambda: self.model)  # before the view: a model may take seconds to load
        with self.view() as (connection, snapshot):
            asked = query_vector(parts, embedded, connection, snapshot)
            encoding = Stage("query", len(parts), 1, time.perf_counter() - start, "encoded by the model, or looked up")
            side = snapshot.sides[chosen]
            allowed = side.rows(self._snapshots.matching(connection, where)) if where else None
            search = StagedSearch(side, chosen, self.planner, settings or self.settings, asked.asking)
            rows, distances, scores = search.run(asked.values, k, radius, allowed, connection)
            numbers = side.numbers[rows].tolist()
            items = items_of(connection, numbers)
        relevance = Calibration.of(self.store.facts, f"{asked.source}->{chosen}", rescored=search.rescores)
        probabilities: list[float] = []
        if relevance is not None and numbers:
            probabilities = relevance.probabilities(features_of(side, asked.values, scores)).tolist()
        shown: Sequence[float | None] = probabilities or [None] * len(numbers)
        hits = zip(numbers, distances.tolist(), scores.tolist(), shown, strict=True)
        return SearchResults(
            tuple(Hit(items[number], *rest) for number, *rest in hits),
            chosen,
            len(side) if allowed is None else len(allowed),
            None if relevance is None else not probabilities or probabilities[0] < DOUBT,
            (encoding, *search.stages),
            self.thumbnail,
            warning(parts, lambda: self.model),
        )

    def nearest(self, queries: Codes, target: Modality, k: int, *, settings: Settings | None = None) -> Neighbours:
        """Return the numbers of the `k` items whose `target` side is nearest to each query's code: the first stage."""
        return self._nearest(self.snapshot().sides[target], queries, target, k, settings)

    def _nearest(self, side: Side, queries: Codes, target: Modality, k: int, settings: Settings | None) -> Neighbours:
        found, _ = self.planner.nearest(side, target, queries, k, None, settings or self.settings)
        return Neighbours(side.numbers[found.ids], found.distances)

    def search_codes(
        self, queries: Codes, target: Modality, k: int = 10, *, settings: Settings | None = None
    ) -> list[list[Hit]]:
        """Return the `k` items whose `target` side is nearest to each query's code, ties in order of the items."""
        with self.view() as (connection, snapshot):
            found = self._nearest(snapshot.sides[target], queries, target, k, settings)
            rows = found.ids.tolist()
            items = items_of(connection, [*{number for row in rows for number in row}])
        bits = self.bits
        return [
            [Hit(items[n], d, 1 - 2 * d / bits) for n, d in zip(numbers, distances, strict=True)]
            for numbers, distances in zip(rows, found.distances.tolist(), strict=True)
        ]

    def add(self, raws: Raw | Iterable[Raw], **options: Unpack[AddOptions]) -> AddResult:
        """Add items as `add_batches` does; return the counts, with a reason for each item that was left out."""
        from .ingest.add import AddResult

        *_, counts = [AddResult(), *self.add_batches(raws, **options)]
        return counts

    def add_batches(self, raws: Raw | Iterable[Raw], **options: Unpack[AddOptions]) -> Iterator[AddResult]:
        """Add one item or several, replacing changed ones; yield the counts after each batch that is on the disk.

        `source` is the place they come from, in which alone their ids are then unique: one that another source's item
        has is shown as `label/id`. `on_error="fail"` ends the work at the first unusable item, `log` is told of
        progress, and the features of items are read from the folder `cache`, or added to it.
        """
        from .ingest.add import add_items

        return add_items(self.store, self.model, raws, options)

    def put(self, batch: EncodedBatch, sources: Mapping[str, str] | None = None) -> AddResult:
        """Add items that this model has encoded already, whose sources are labels of `sources`; return the counts."""
        from .ingest.add import add_batch

        return add_batch(self.store, batch, sources or {})

    def update(
        self, ids: Sequence[str], *, texts: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None
    ) -> int:
        """Set other texts of items, which are encoded anew, or other metadata, by hand; return how many.

        The metadata is merged into the stored one, where None drops a name. What is set stays until `reset` drops it.
        """
        from .ingest.edit import EncodedTexts, update_items

        encoded = None if texts is None else EncodedTexts.of(self.model, strings(texts, "texts"))
        return update_items(self.store, self._snapshots, strings(ids, "ids"), encoded, metadata or {})

    def reset(self, ids: Sequence[str]) -> int:
        """Drop what was set of items by hand: they show their sources' values again. Return how many had any."""
        from .ingest.edit import EncodedTexts, reset_items

        return reset_items(
            self.store, self._snapshots, strings(ids, "ids"), lambda texts: EncodedTexts.of(self.model, texts)
        )

    def remove(self, ids: Sequence[str]) -> int:
        """Remove items; unknown ids are refused before anything is removed. Return how many."""
        from .ingest.edit import remove_items

        return remove_items(self.store, strings(ids, "ids"))

    def remove_where(self, where: str) -> int:
        """Remove the items that a filter allows; return how many."""
        from .ingest.edit import remove_matching

        return remove_matching(self.store, where)

    def compact(self) -> None:
        """Free the space of removed items; the file is rewritten, which takes as much again meanwhile."""
        from .ingest.edit import compact_store

        compact_store(self.store)

    def configure(self, name: str, value: Any) -> None:
        """Store the settings of a search, or what was fitted."""
        with self.store.locked(), self.store.changing() as connection:
            self.store.set_fact(connection, name, value)
