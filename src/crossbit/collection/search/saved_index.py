"""An index over the codes of one side that is saved beside the database and stays right through changes.

Its ids are the numbers of items, and what a number stands for never changes. An older index therefore leads to items
that are still there or are gone, and only codes that came since are scanned beside it. A saved index is used only if
every code in it is the one that the database has.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Self, final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import Modality
from ...indexes import INDEXES, Index, Neighbours, build, in_order, scan
from ..storage.snapshot import Side

#: The folder of saved indexes in a collection's.
FOLDER = "indexes"
#: Share of the codes that may have come or gone before an index is built again.
STALE = 0.1
_FAR = np.iinfo(np.uint16).max


@final
class SavedIndex:
    """An index of a side's codes up to number `last`."""

    def __init__(self, index: Index, last: int) -> None:
        self._index, self.last = index, last

    @classmethod
    def built(cls, name: str, side: Side) -> Self:
        """Return the index of that name over all codes of a side."""
        return cls(build(name, side.codes, side.numbers), int(side.numbers[-1]))

    def search(self, side: Side, queries: Codes, k: int, probes: int) -> Neighbours:
        """Return `k` near codes of each query by their rows in a side that may have changed since."""
        k = min(k, len(side))
        start = self._end(side)
        gone = max(len(self._index) - start, 0)  # a side of a moment ago may also have items that the index has not
        numbers, distances = self._index.search(queries, k + min(gone, k), probes=probes)
        rows = _rows(side, numbers)
        if start == len(side) and rows.shape[1] >= k and (rows >= 0).all():
            return Neighbours(rows[:, :k], distances[:, :k])
        distances = np.where(rows < 0, _FAR, distances)
        if start < len(side):
            fresh = scan(side.codes[start:]).search(queries, k)
            rows = np.concatenate([rows, fresh.ids + start], axis=1)
            distances = np.concatenate([distances, fresh.distances], axis=1)
        if rows.shape[1] < k:
            return scan(side.codes).search(queries, k)
        rows, distances = in_order(rows, distances, k)
        short = np.flatnonzero((distances == _FAR).any(axis=1))  # too many of the nearest are gone
        if len(short):
            rows[short], distances[short] = scan(side.codes).search(queries[short], k)
        return Neighbours(rows, distances)

    def stale(self, side: Side) -> bool:
        """Return whether so many codes have come or gone that the index should be built again."""
        start, size = self._end(side), len(self._index)
        return abs(size - start) + len(side) - start > STALE * size

    def save(self, folder: Path, modality: Modality, name: str) -> None:
        """Save the index in a collection's folder; where nothing can be written, nothing is."""
        with suppress(OSError):
            place = _path(folder, modality, name)
            place.parent.mkdir(exist_ok=True)
            self._index.save(place)
            for older in place.parent.glob(f"{modality}-*.faiss"):  # of version 0.1.0
                older.unlink()

    @classmethod
    def load(cls, folder: Path, modality: Modality, name: str, side: Side) -> Self | None:
        """Return the saved index of a side; None where there is none that is sound and has the codes of the side."""
        with suppress(OSError):
            index = INDEXES[name].load(_path(folder, modality, name))
            numbers, codes = index.entries()
            output = cls(index, int(numbers.max(initial=-1)))
            return output if output._matches(side, numbers, codes) else None
        return None

    def _end(self, side: Side) -> int:
        """Return the row of a side at which the codes begin that came since."""
        return int(np.searchsorted(side.numbers, self.last, side="right"))

    def _matches(self, side: Side, numbers: Int64[ndarray, "n"], codes: Codes) -> bool:
        """Return whether the index has every code of a side up to its last, each as the side has it."""
        if codes.bits != side.codes.bits or not (numbers[1:] > numbers[:-1]).all():
            return False
        rows = _rows(side, numbers)
        there = rows >= 0
        same = np.array_equal(codes.packed[there], side.codes.packed[rows[there]])
        return same and int(there.sum()) == self._end(side)


def _path(folder: Path, modality: Modality, name: str) -> Path:
    return folder / FOLDER / f"{modality}-{name}.index"


def _rows(side: Side, numbers: Int64[ndarray, "*n"]) -> Int64[ndarray, "*n"]:
    """Return the row of each number in a side, -1 where there is none."""
    rows = np.minimum(np.searchsorted(side.numbers, numbers), max(len(side) - 1, 0))
    return np.where(side.numbers[rows] == numbers, rows, -1)
