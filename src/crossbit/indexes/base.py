"""The protocol of an index, what it answers, and the checks that all indexes share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Int64, Shaped, UInt16
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError


class Neighbours(NamedTuple):
    """The nearest codes of each query: nearest first, ties by row number."""

    rows: Int64[ndarray, "q k"]
    distances: UInt16[ndarray, "q k"]


class Balls(NamedTuple):
    """The codes within a radius of each query, one ball after the other.

    The ball of query `i` is the slice `starts[i]:starts[i + 1]` of `rows` and `distances`: nearest first, ties by
    row number.
    """

    starts: Int64[ndarray, "starts"]
    rows: Int64[ndarray, "found"]
    distances: UInt16[ndarray, "found"]


class Index(Protocol):
    """Codes that can be searched; to change them, build another index.

    `allowed` narrows a search to some rows: a mask of all rows, or row numbers in any order.
    """

    codes: Codes

    def search(self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None) -> Neighbours:
        """Return the `k` nearest codes of each query; fewer columns where fewer codes are allowed, never padding."""
        ...

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the codes that differ from each query in at most `radius` bits: what a hash lookup finds."""
        ...


def searchable(codes: Codes) -> Codes:
    """Return the codes with contiguous bytes; an empty set of codes is refused."""
    if not len(codes):
        raise InputError("an index needs at least one code, but got none")
    return Codes(np.ascontiguousarray(codes.packed), codes.bits)


def same_bits(codes: Codes, queries: Codes) -> None:
    """Refuse queries that are not of the length of the codes."""
    if queries.bits != codes.bits:
        raise InputError(
            f"queries of {queries.bits} bits cannot be searched among codes of {codes.bits} bits;"
            " encode both with the same model"
        )


def columns(k: int, found: int) -> int:
    """Return how many neighbours a search can give when `k` are asked for and `found` codes are allowed."""
    if k < 1:
        raise InputError(f"a search returns at least one neighbour, but k is {k}")
    return min(k, found)


def whole_radius(radius: int) -> int:
    """Return the radius; a negative one is refused."""
    if radius < 0:
        raise InputError(f"a Hamming radius is at least 0, but it is {radius}")
    return radius


def rows_of(allowed: Shaped[ndarray, "m"] | None, total: int) -> Int64[ndarray, "rows"]:
    """Return the allowed row numbers in order; without a restriction, all of them."""
    if allowed is None:
        return np.arange(total)
    if allowed.ndim != 1 or allowed.dtype.kind not in "biu":
        raise InputError(
            f"allowed rows are one boolean mask or row numbers, but got {allowed.dtype} of shape {allowed.shape}"
        )
    if allowed.dtype == bool:
        if len(allowed) != total:
            raise InputError(f"the mask of allowed rows has {len(allowed)} entries for {total} codes")
        return np.flatnonzero(allowed)
    rows = np.unique(allowed).astype(np.int64)
    if len(rows) != len(allowed):
        raise InputError(
            f"{len(allowed) - len(rows)} of {len(allowed)} allowed row numbers are repeated;"
            " if this is a mask of zeros and ones, make it boolean"
        )
    if len(rows) and (rows[0] < 0 or rows[-1] >= total):
        raise InputError(f"allowed row numbers go from {rows[0]} to {rows[-1]}, but there are rows 0 to {total - 1}")
    return rows


def balls(
    query: Int64[ndarray, "found"], rows: Int64[ndarray, "found"], distances: Shaped[ndarray, "found"], total: int
) -> Balls:
    """Return what was found for `total` queries, in any order, as balls in theirs."""
    order = np.lexsort((rows, distances, query))
    starts = np.searchsorted(query[order], np.arange(total + 1))
    return Balls(starts, rows[order], distances[order].astype(np.uint16))
