"""An inverted file over the codes of one side: kept beside the database, and still right after changes.

Its ids are the numbers of items, and what a number stands for never changes. So an older file leads to items that are
still there or are gone, and only codes that came since are scanned beside it. What is read from the disk is believed
only if its checksum holds and every code in it is the one that the database has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, final

import faiss
import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import Modality
from ...indexes import Neighbours, build
from ...indexes.ivf import default_lists
from ...io.atomic import atomic_write
from ..storage.snapshot import Side

#: The folder of inverted files in a collection's.
FOLDER = "indexes"
#: Share of the codes that may have come or gone before it is built anew.
STALE = 0.1
#: Codes for each group that its centre is learned from, at most, and rounds of learning.
SAMPLED, ROUNDS = 64, 5


@final
class Inverted:
    """Groups of codes under the numbers of their items, up to number `last`."""

    def __init__(self, groups: Any, last: int, centres: Any = None) -> None:
        self._groups, self.last = groups, last
        self._centres = centres  # held here where the inverted file does not own them

    @classmethod
    def built(cls, side: Side) -> Inverted:
        """Return the inverted file of all codes of a side."""
        width = 8 * side.codes.packed.shape[1]
        centres = faiss.IndexBinaryFlat(width)
        groups = faiss.IndexBinaryIVF(centres, width, default_lists(len(side)))
        groups.cp.min_points_per_centroid = 1  # or it warns on stderr about small collections
        groups.cp.max_points_per_centroid, groups.cp.niter = SAMPLED, ROUNDS
        packed = np.ascontiguousarray(side.codes.packed)
        groups.train(packed)
        groups.add_with_ids(packed, side.numbers)
        return cls(groups, int(side.numbers[-1]), centres)

    def search(self, side: Side, queries: Codes, k: int, probes: int) -> Neighbours:
        """Return `k` near codes of each query by their rows in a side that may have changed since."""
        k = min(k, len(side))
        start = self._end(side)
        gone = max(self._groups.ntotal - start, 0)
        self._groups.nprobe = min(probes, self._groups.nlist)  # searches at once with other probes: recall alone varies
        wanted = min(self._groups.ntotal, k + min(gone, k))
        distances, numbers = self._groups.search(np.ascontiguousarray(queries.packed), wanted)
        rows = _rows(side, numbers)
        far = np.iinfo(np.uint16).max
        distances = np.where(rows < 0, far, distances)
        if start < len(side):
            fresh = build("faiss", side.codes[start:]).search(queries, k)
            rows = np.concatenate([rows, fresh.rows + start], axis=1)
            distances = np.concatenate([distances, fresh.distances], axis=1)
        order = np.lexsort((rows, distances))[:, :k]
        found = Neighbours(
            np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1).astype(np.uint16)
        )
        short = np.flatnonzero((found.rows < 0).any(axis=1) | (found.rows.shape[1] < k))
        if len(short):
            return _scanned(side, queries, k, found, short)
        return found

    def stale(self, side: Side) -> bool:
        """Return whether so many codes have come or gone that it should be built anew."""
        start = self._end(side)
        size: int = self._groups.ntotal
        return abs(size - start) + len(side) - start > STALE * size

    def save(self, folder: Path, modality: Modality) -> None:
        """Write it under the checksum of its bytes, in place of older ones; a place that cannot be written is left."""
        content = faiss.serialize_index_binary(self._groups)
        with suppress(OSError):
            place = folder / FOLDER
            place.mkdir(exist_ok=True)
            old, path = _files(folder, modality), place / f"{modality}-{hashlib.sha256(content.data).hexdigest()}.faiss"
            atomic_write(path, content.data)
            for each in old:
                if each != path:
                    each.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path, modality: Modality, side: Side) -> Inverted | None:
        """Return the saved inverted file of a side, or none where there is none that is sound and of these codes."""
        for path in _files(folder, modality):
            with suppress(OSError):
                content = np.fromfile(path, np.uint8)
                if hashlib.sha256(content.data).hexdigest() != path.stem.partition("-")[2]:
                    continue
                groups = faiss.deserialize_index_binary(content)
                parts = list(_lists(groups))
                numbers = np.concatenate([each for each, _ in parts])
                made = cls(groups, int(numbers.max(initial=-1)))
                if made._holds(side, numbers, np.concatenate([codes for _, codes in parts])):
                    return made
        return None

    def _end(self, side: Side) -> int:
        """Return the row of a side at which the codes begin that came since."""
        return int(np.searchsorted(side.numbers, self.last, side="right"))

    def _holds(self, side: Side, numbers: Int64[ndarray, "n"], codes: UInt8[ndarray, "n bytes"]) -> bool:
        """Return whether it has every code of a side up to its last, and has it as the side has it."""
        if codes.shape[1] != side.codes.packed.shape[1]:
            return False
        rows = _rows(side, numbers)
        there = rows >= 0
        same = np.array_equal(codes[there], side.codes.packed[rows[there]])
        return bool(same) and len(np.unique(rows[there])) == int(there.sum()) == self._end(side)


def _files(folder: Path, modality: Modality) -> list[Path]:
    return sorted((folder / FOLDER).glob(f"{modality}-*.faiss"))


def _lists(groups: Any) -> Iterator[tuple[Int64[ndarray, "m"], UInt8[ndarray, "m bytes"]]]:
    """Yield the numbers and codes of each list."""
    width = groups.code_size
    yield np.empty(0, np.int64), np.empty((0, width), np.uint8)
    for at in range(groups.nlist):
        size = groups.invlists.list_size(at)
        if size:
            numbers = faiss.rev_swig_ptr(groups.invlists.get_ids(at), size)
            codes = faiss.rev_swig_ptr(groups.invlists.get_codes(at), size * width)
            yield numbers.copy(), codes.reshape(size, width).copy()


def _rows(side: Side, numbers: Int64[ndarray, "*n"]) -> Int64[ndarray, "*n"]:
    """Return the row of each number in a side, -1 where there is none."""
    rows = np.minimum(np.searchsorted(side.numbers, numbers), max(len(side) - 1, 0))
    return np.where(side.numbers[rows] == numbers, rows, -1)


def _scanned(side: Side, queries: Codes, k: int, found: Neighbours, short: Int64[ndarray, "s"]) -> Neighbours:
    """Return what was found, with some queries scanned for instead: their groups hold too few codes."""
    exact = build("faiss", side.codes).search(queries[short], k)
    rows, distances = (np.empty((len(queries), k), each.dtype) for each in found)
    others = np.setdiff1d(np.arange(len(queries)), short)
    rows[others], distances[others] = found.rows[others], found.distances[others]
    rows[short], distances[short] = exact.rows, exact.distances
    return Neighbours(rows, distances)
