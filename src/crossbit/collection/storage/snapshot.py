"""The search side: codes in memory as of one change, thrown away and read again at will."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import DamagedError
from . import reads as reading
from .batch import FLAG
from .filters import parse
from .schema import Head
from .store import ItemStore
from .transactions import numbers_of, segment_digest


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


class Segment(NamedTuple):
    """Codes of some items, as they were written."""

    numbers: Int64[ndarray, "n"]
    present: UInt8[ndarray, "n"]
    image: UInt8[ndarray, "n bytes"]
    text: UInt8[ndarray, "n bytes"]


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """Both sides, as they were after the change that `head` tells of."""

    head: Head
    sides: Mapping[Modality, Side]

    @classmethod
    def empty(cls, bits: int) -> Snapshot:
        """Return the snapshot of nothing, older than any change."""
        none = Side(np.empty(0, np.int64), Codes(np.empty((0, -(-bits // 8)), np.uint8), bits))
        return cls(Head(-1, -1, 0, 0, 0), {m: none for m in MODALITIES})

    def refreshed(self, connection: sqlite3.Connection, head: Head) -> Snapshot:
        """Return the snapshot after the change of `head`; only what changed since is read."""
        bits = self.sides["image"].codes.bits
        if head.generation != self.head.generation:
            base = Snapshot.empty(bits)
            return Snapshot(Head(-1, head.generation, 0, 0, 0), base.sides).refreshed(connection, head)
        found = connection.execute("SELECT number FROM removed WHERE sequence > ?", (self.head.sequence,))
        removed = np.array([number for (number,) in found], np.int64)
        fresh = segments(connection, self.head.next, bits)
        sides: dict[Modality, Side] = {}
        for modality, old in self.sides.items():
            sides[modality] = _grown(old.without(removed), fresh, removed, modality)
        return Snapshot(head, sides)


def segments(connection: sqlite3.Connection, start: int, bits: int) -> list[Segment]:
    """Return the segments from a number on; one that is not as it was written is refused."""
    rows = connection.execute("SELECT * FROM segments WHERE first >= ? ORDER BY first", (start,))
    return [segment(row, bits) for row in rows]


def segment(row: tuple[int, int, bytes | None, bytes, bytes, bytes, int], bits: int) -> Segment:
    """Return a row of the table of segments as arrays; one that is not as it was written is refused."""
    first, length, numbers, present, *codes, digest = row
    if segment_digest(first, length, numbers, present, *codes) != digest:
        raise DamagedError(f"codes of items {first} to {first + length - 1} have changed")
    width = -(-bits // 8)
    arrays = (np.frombuffer(blob, np.uint8).reshape(length, width) for blob in codes)
    return Segment(numbers_of(first, length, numbers), np.frombuffer(present, np.uint8), *arrays)


def _grown(old: Side, fresh: list[Segment], removed: Int64[ndarray, "r"], modality: Modality) -> Side:
    numbers, packed = [old.numbers], [old.codes.packed]
    for each in fresh:
        kept = (each.present & FLAG[modality]) > 0
        if len(removed):
            kept &= ~np.isin(each.numbers, removed)
        codes = each.image if modality == "image" else each.text
        numbers.append(each.numbers if kept.all() else each.numbers[kept])
        packed.append(codes if kept.all() else codes[kept])
    if len(numbers) == 1:
        return old
    return Side(np.concatenate(numbers), Codes(np.concatenate(packed), old.codes.bits))


#: Filters whose result is kept.
_FILTERS = 64


@final
class SnapshotCache:
    """The newest codes of a collection that any thread has read; each reader gets those of the state it sees."""

    def __init__(self, store: ItemStore) -> None:
        """Start with nothing read."""
        self._store = store
        self._lock = threading.Lock()
        self._snapshot = Snapshot.empty(store.facts["bits"])
        self._filters: dict[str, tuple[int, Int64[ndarray, "n"]]] = {}

    @contextmanager
    def view(self) -> Iterator[tuple[sqlite3.Connection, Snapshot]]:
        """Yield a connection and the codes, which show the same state of the collection until the block ends."""
        with ExitStack() as stack:
            with self._lock:  # who begins to read here sees no less than the codes that are kept
                connection = stack.enter_context(self._store.reading())
                snapshot = self._of(connection)
            yield connection, snapshot

    def matching(self, connection: sqlite3.Connection, where: str) -> Int64[ndarray, "n"]:
        """Return the numbers of the items that a filter allows; some that are removed by now may be among them.

        What a number stands for never changes, so that after a change only new numbers are looked at.
        """
        end = Head.read(connection).next
        with self._lock:
            start, numbers = self._filters.get(where, (-1, np.empty(0, np.int64)))
        if start < end:
            numbers = np.concatenate([numbers, reading.matching(connection, parse(where), start)])
            self._keep(where, end, numbers)
        return numbers

    def _of(self, connection: sqlite3.Connection) -> Snapshot:
        """Return the codes of the state that a connection sees, and keep them if they are the newest."""
        head = Head.read(connection)
        if head.sequence < self._snapshot.head.sequence:  # this thread began to read long before
            return Snapshot.empty(self._store.facts["bits"]).refreshed(connection, head)
        if head.sequence > self._snapshot.head.sequence:
            self._snapshot = self._snapshot.refreshed(connection, head)
        return self._snapshot

    def _keep(self, where: str, end: int, numbers: Int64[ndarray, "n"]) -> None:
        """Keep what a filter allows of the numbers below `end`, unless another thread has looked further."""
        with self._lock:
            if end <= self._filters.get(where, (-1, None))[0]:
                return
            if len(self._filters) >= _FILTERS:
                self._filters.pop(next(iter(self._filters)))
            self._filters[where] = (end, numbers)
