"""The common part of indexes that compare a query with every code: one array of codes in order of their ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from jaxtyping import Int64, Shaped
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from . import files
from .base import Balls, Neighbours, ascends, balls, checked_ids, checked_radius, columns, distinct, ordered, same_bits


class Pairs(NamedTuple):
    """Queries and the rows of codes near them, in any order."""

    queries: Int64[ndarray, "found"]
    rows: Int64[ndarray, "found"]
    distances: Shaped[ndarray, "found"]


NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))


class Scan(ABC):
    """Holds codes as they are given, memory-mapped ones too; a restricted search gathers the allowed ones."""

    recall: ClassVar[float] = 1.0
    saved: ClassVar[bool] = False

    def __init__(self, codes: Codes, ids: Shaped[ndarray, "n"] | None = None) -> None:
        """Take the codes to search among."""
        self.codes, self._ids = ordered(codes, ids)

    @property
    def bits(self) -> int:
        """The bits of a code."""
        return self.codes.bits

    def __len__(self) -> int:
        """Return the number of codes."""
        return len(self.codes)

    def entries(self) -> tuple[Int64[ndarray, "n"], Codes]:
        """Return all ids, ascending, and their codes."""
        return (np.arange(len(self.codes)) if self._ids is None else self._ids), self.codes

    def add(self, codes: Codes, ids: Shaped[ndarray, "n"]) -> None:
        """Add codes under new ids; the array is written anew."""
        same_bits(self.bits, codes)
        new, (old, held) = checked_ids(ids, codes), self.entries()
        refuse_known(new, old)
        joined = np.concatenate([old, new])
        order = np.argsort(joined, kind="stable")
        self.codes, self._ids = Codes.concatenate([held, codes])[order], joined[order]

    def remove(self, ids: Shaped[ndarray, "n"]) -> int:
        """Remove codes and return how many; the array is written anew."""
        rows = self._rows(distinct(ids, "ids"))
        held, codes = self.entries()
        if len(rows):
            self.codes, self._ids = Codes(np.delete(codes.packed, rows, axis=0), self.bits), np.delete(held, rows)
        return len(rows)

    def search(
        self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None, *, probes: int | None = None
    ) -> Neighbours:
        """Return the `k` nearest allowed codes of each query."""
        same_bits(self.bits, queries)
        codes, rows = self._among(allowed)
        k = columns(k, len(codes))
        if not k or not len(queries):
            return Neighbours(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.uint16))
        found = self._nearest(queries, codes, k)
        return Neighbours(self._named(found.ids, rows), found.distances)

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the allowed codes that differ from each query in at most `radius` bits."""
        same_bits(self.bits, queries)
        codes, rows = self._among(allowed)
        radius = checked_radius(radius, self.bits)
        found = self._pairs(queries, codes, radius) if len(queries) and len(codes) else NO_PAIRS
        return balls(found.queries, self._named(found.rows, rows), found.distances, len(queries))

    def save(self, path: Path) -> None:
        """Save codes and ids in one file."""
        ids, codes = self.entries()
        files.save(path, "scan", codes, ids=ids)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the saved index, memory-mapped."""
        codes, (ids,) = files.load(path, "scan", ["ids"])
        index = cls.__new__(cls)
        with files.refused(path):
            index.codes, index._ids = codes, checked_ids(ids, codes)
            if not ascends(index._ids):
                raise ValueError("its ids are not in order")
        return index

    @abstractmethod
    def _nearest(self, queries: Codes, codes: Codes, k: int) -> Neighbours:
        """Return the rows of the `k` nearest codes of each query, ties by row."""

    @abstractmethod
    def _pairs(self, queries: Codes, codes: Codes, radius: int) -> Pairs:
        """Return the pairs of a query and a code that differ in at most `radius` bits."""

    def _among(self, allowed: Shaped[ndarray, "m"] | None) -> tuple[Codes, Int64[ndarray, "rows"] | None]:
        """Return the codes to search among, and their rows unless they are all."""
        if allowed is None:
            return self.codes, None
        rows = self._rows(distinct(allowed, "allowed ids"))
        return self.codes[rows], rows

    def _rows(self, ids: Int64[ndarray, "m"]) -> Int64[ndarray, "rows"]:
        """Return the rows of those ids that are in the index, ascending."""
        ids = ids if ascends(ids) else np.sort(ids)
        if self._ids is None or not len(self._ids):
            return ids[slice(*np.searchsorted(ids, [0, len(self.codes)]))]
        rows = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        there: ndarray = rows[self._ids[rows] == ids]
        return there

    def _named(self, found: Int64[ndarray, "*n"], rows: Int64[ndarray, "rows"] | None) -> Int64[ndarray, "*n"]:
        """Return the ids of what was found among some rows."""
        rows = found if rows is None else rows[found]
        return rows if self._ids is None else self._ids[rows]


def refuse_known(new: Int64[ndarray, "n"], ids: Int64[ndarray, "m"]) -> None:
    """Refuse ids that are in an index already."""
    known = np.intersect1d(new, ids)
    if len(known):
        raise InputError(
            f"{len(known)} of {len(new)} ids are in the index already, the first is {known[0]}; remove them first, or"
            " add the codes under other ids"
        )
