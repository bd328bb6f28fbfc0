"""Salvage of a file that may be damaged: every row that can still be read, and a name for each that cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from ...data.pairs import MODALITIES, Modality
from ...errors import DamagedError
from ..item import Item, read_item
from ..storage import checksums
from ..storage.batch import FLAG
from ..storage.reads import COLUMNS
from ..storage.schema import show_as_current
from ..storage.segments import numbers_of, segment_digest
from ..storage.store import address

#: Rows that are read together; where that fails, each half is read alone.
TOGETHER = 512
_KEYS = {"items": "number", "segments": "first", "removed": "number", "thumbnails": "number", "vectors": "number"}


class Damage(NamedTuple):
    """Something damaged: where it is, and what is wrong with it."""

    where: str
    what: str


class StoredCode(NamedTuple):
    """The code of an item as its segment holds it."""

    present: int
    image: bytes
    text: bytes

    def of(self, modality: Modality) -> bytes | None:
        """Return the bytes of one modality's code, or none where the item lacks it."""
        own = self.image if modality == "image" else self.text
        return own if self.present & FLAG[modality] else None


class IntactItem(NamedTuple):
    """An undamaged item, with its code."""

    item: Item
    code: StoredCode


@final
class Salvage:
    """The readable part of a collection's file; what is damaged is noted in `damage`."""

    def __init__(self, connection: sqlite3.Connection, bits: int, end: int = 0) -> None:
        """Read from a connection that `reading` has opened; `end` is above all numbers, as far as is known."""
        self.connection = connection
        self.width = -(-bits // 8)
        self.end = end
        self.damage: list[Damage] = []
        self.codes: dict[int, StoredCode] = {}
        self.set_digest = 0

    def read_codes(self) -> None:
        """Read all segments; where the checksum of one is wrong, single codes may still be right."""
        for row in self.rows("segments", "first, length, numbers, present, image, text, digest"):
            first, length, numbers, present, image, text, digest = row
            try:
                intact = segment_digest(first, length, numbers, present, image, text) == digest
                own = numbers_of(first, length, numbers).tolist()
                images, texts = (self._matrix(blob, length) for blob in (image, text))
                rows = zip(own, present, images, texts, strict=True)
                self.codes |= {n: StoredCode(p, i.tobytes(), t.tobytes()) for n, p, i, t in rows}
            except (TypeError, ValueError, AttributeError):
                intact = False
            if not intact:
                self.note(f"codes from number {first} on", "they have changed")

    def read_items(self) -> Iterator[tuple[int, IntactItem, int]]:
        """Yield the number, the item with its code, and the checksum of each intact item."""
        for number, *facts, digest in self.rows("items", f"{COLUMNS}, digest"):
            try:
                item, code = read_item((number, *facts)), self.codes[number]
                if checksums.of_item(item, *(code.of(m) for m in MODALITIES)) != digest:
                    raise ValueError
            except (DamagedError, ValueError, TypeError, AttributeError):
                self.note(f"item {facts[0]!r}", "it, or its code, has changed")
            except KeyError:
                self.note(f"item {facts[0]!r}", "its code is missing")
            else:
                yield number, IntactItem(item, code), digest

    def read_beside(self, table: str) -> Iterator[tuple[int, tuple[bytes | None, ...]]]:
        """Yield the number and blobs of each intact row of the thumbnails or vectors."""
        for number, *blobs, digest in self.rows(table, "*"):
            try:
                intact = checksums.of_parts(*blobs) == digest
            except TypeError:
                intact = False
            if intact:
                yield number, tuple(blobs)
            else:
                self.note(f"{table} of number {number}", "it has changed")

    def rows(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table in order of their numbers, past those that cannot be read."""
        key = _KEYS[table]
        try:
            (last,) = self.connection.execute(f"SELECT max({key}) FROM {table}").fetchone()  # noqa: S608
        except sqlite3.Error as fault:
            self.note(f"table {table}", str(fault))
            last = max(self.end, *self.codes, TOGETHER)
        for start in range(0, (last if isinstance(last, int) else -1) + 1, TOGETHER):
            query = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"  # noqa: S608
            yield from self._between(query, table, start, start + TOGETHER - 1)

    def note(self, where: str, what: str) -> None:
        """Note something damaged."""
        self.damage.append(Damage(where, what))

    def _between(self, query: str, table: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        try:
            rows = self.connection.execute(query, (low, high)).fetchall()
        except sqlite3.Error as fault:
            if low < high:
                middle = (low + high) // 2
                yield from self._between(query, table, low, middle)
                yield from self._between(query, table, middle + 1, high)
            elif low in self.codes or table == "segments":
                self.note(f"{table} number {low}", f"it cannot be read: {fault}")
        else:
            yield from rows

    def _matrix(self, blob: bytes, length: int) -> UInt8[ndarray, "n bytes"]:
        return np.frombuffer(blob, np.uint8).reshape(length, self.width)


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to one state of a file that may be damaged; text that is not UTF-8 is read as it can be."""
    with closing(sqlite3.connect(address(folder), uri=True, isolation_level=None, timeout=10)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.execute("BEGIN")
        show_as_current(connection)
        yield connection
