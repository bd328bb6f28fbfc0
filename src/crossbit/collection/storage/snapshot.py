"""Codes in memory: a snapshot of one state of the collection, and the newest one shared by all threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ..item import Item
from .batch import FLAG, EncodedBatch
from .filters import parse
from .reads import numbers_matching, thumbnails_of, vectors_of
from .schema import Head
from .segments import Segment, read_segments
from .store import ItemStore

#: Filters whose result is cached.
_FILTERS = 64


@final
@dataclass(frozen=True, eq=False)
class Side:
    """The codes of all items that have one modality, in order of their numbers."""

    numbers: Int64[ndarray, "n"]
    codes: Codes

    def __len__(self) -> int:
        """Return the number of codes."""
        return len(self.numbers)

    def rows(self, numbers: Int64[ndarray, "m"]) -> Int64[ndarray, "k"]:
        """Return the rows of those of the numbers that have this modality, in their order."""
        if not len(self.numbers):
            return np.empty(0, np.int64)
        rows = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        found: ndarray = rows[self.numbers[rows] == numbers]
        return found

    def without(self, numbers: Int64[ndarray, "m"]) -> Side:
        """Return the side without some items."""
        rows = self.rows(numbers)
        if not len(rows):
            return self
        return Side(np.delete(self.numbers, rows), Codes(np.delete(self.codes.packed, rows, axis=0), self.codes.bits))

    def extended(self, segments: list[Segment], removed: Int64[ndarray, "r"], modality: Modality) -> Side:
        """Return the side with the codes of newer segments, except those of removed items."""
        numbers, packed = [self.numbers], [self.codes.packed]
        for segment in segments:
            kept = (segment.present & FLAG[modality]) > 0
            if len(removed):
                kept &= ~np.isin(segment.numbers, removed)
            codes = segment.image if modality == "image" else segment.text
            numbers.append(segment.numbers if kept.all() else segment.numbers[kept])
            packed.append(codes if kept.all() else codes[kept])
        if len(numbers) == 1:
            return self
        return Side(np.concatenate(numbers), Codes(np.concatenate(packed), self.codes.bits))


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """Both sides, as they were after the change that `head` describes."""

    head: Head
    sides: Mapping[Modality, Side]

    @classmethod
    def empty(cls, bits: int, generation: int) -> Snapshot:
        """Return the snapshot of nothing, older than any change of a generation."""
        none = Side(np.empty(0, np.int64), Codes(np.empty((0, -(-bits // 8)), np.uint8), bits))
        return cls(Head(-1, generation, 0, 0, 0), {m: none for m in MODALITIES})

    def refreshed(self, connection: sqlite3.Connection, head: Head) -> Snapshot:
        """Return the snapshot after the change of `head`; only what changed since is read."""
        bits = self.sides["image"].codes.bits
        if head.generation != self.head.generation:
            return Snapshot.empty(bits, head.generation).refreshed(connection, head)
        rows = connection.execute("SELECT number FROM removed WHERE sequence > ?", (self.head.sequence,))
        removed = np.array([number for (number,) in rows], np.int64)
        fresh = read_segments(connection, self.head.next, bits)
        sides: dict[Modality, Side] = {
            modality: side.without(removed).extended(fresh, removed, modality) for modality, side in self.sides.items()
        }
        return Snapshot(head, sides)

    def batch(self, connection: sqlite3.Connection, items: Mapping[int, Item]) -> EncodedBatch:
        """Return stored items, given by number with the facts to carry, with their codes, vectors and thumbnails."""
        numbers = np.array(list(items), np.int64)
        present = np.zeros(len(numbers), np.uint8)
        codes: dict[Modality, Codes] = {}
        vectors: dict[Modality, ndarray] = {}
        for modality, side in self.sides.items():
            packed = np.zeros((len(numbers), side.codes.packed.shape[1]), np.uint8)
            has = np.isin(numbers, side.numbers)
            packed[has] = side.codes.packed[side.rows(numbers)]
            present |= has * np.uint8(FLAG[modality])
            codes[modality] = Codes(packed, side.codes.bits)
            vectors[modality] = vectors_of(connection, numbers.tolist(), modality, side.codes.bits).astype(np.float16)
        small = thumbnails_of(connection, numbers.tolist())
        return EncodedBatch(list(items.values()), present, codes, vectors, [small.get(n) for n in numbers.tolist()])


@final
class SnapshotCache:
    """The newest codes that any thread has read; each reader gets those of the state it sees."""

    def __init__(self, store: ItemStore) -> None:
        """Start with nothing read."""
        self._store = store
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._filters: dict[str, tuple[int, Int64[ndarray, "n"]]] = {}

    @contextmanager
    def view(self) -> Iterator[tuple[sqlite3.Connection, Snapshot]]:
        """Yield a connection and the codes, which show the same state of the collection until the block ends."""
        with ExitStack() as stack:
            with self._lock:  # a reader that begins here sees no less than the cached codes
                connection = stack.enter_context(self._store.reading())
                snapshot = self._snapshot_of(connection)
            yield connection, snapshot

    def matching(self, connection: sqlite3.Connection, where: str) -> Int64[ndarray, "n"]:
        """Return the numbers of the items that a filter allows; removed ones may be among them.

        What a number stands for never changes, so that after a change only new numbers are tested.
        """
        end = Head.read(connection).next
        with self._lock:
            start, numbers = self._filters.get(where, (-1, np.empty(0, np.int64)))
        if start < end:
            numbers = np.concatenate([numbers, numbers_matching(connection, parse(where), start)])
            self._keep(where, end, numbers)
        return numbers

    def _snapshot_of(self, connection: sqlite3.Connection) -> Snapshot:
        """Return the codes of the state that a connection sees, and keep them if they are the newest."""
        head, newest = Head.read(connection), self._snapshot
        if newest is None or head.sequence < newest.head.sequence:  # nothing is read yet, or this thread began long ago
            base = Snapshot.empty(self._store.facts["bits"], head.generation)
        else:
            base = newest
        snapshot = base if head.sequence == base.head.sequence else base.refreshed(connection, head)
        if newest is None or head.sequence > newest.head.sequence:
            self._snapshot = snapshot
        return snapshot

    def _keep(self, where: str, end: int, numbers: Int64[ndarray, "n"]) -> None:
        """Keep the result of a filter for the numbers below `end`, unless another thread has read further."""
        with self._lock:
            if end <= self._filters.get(where, (-1, None))[0]:
                return
            if len(self._filters) >= _FILTERS:
                self._filters.pop(next(iter(self._filters)))
            self._filters[where] = (end, numbers)
