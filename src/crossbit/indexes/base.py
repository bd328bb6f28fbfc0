"""The protocol of an index, the results of its searches, and the checks that all indexes share.

docs/decisions/0030-engines.md gives the reasons; `crossbit.testing.check_index` tests every promise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from jaxtyping import Int64, Shaped, UInt16
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError, MissingError


class Neighbours(NamedTuple):
    """The nearest codes of each query: nearest first, ties by id."""

    ids: Int64[ndarray, "q k"]
    distances: UInt16[ndarray, "q k"]


class Balls(NamedTuple):
    """The codes within a radius of each query, one ball after the other.

    The ball of query `i` is the slice `starts[i]:starts[i + 1]` of `ids` and `distances`: nearest first, ties by id.
    """

    starts: Int64[ndarray, "starts"]
    ids: Int64[ndarray, "found"]
    distances: UInt16[ndarray, "found"]


class Index(Protocol):
    """Codes under ids that are found by their Hamming distance to a query.

    A class with these members, `__init__(codes, ids=None, **options)` among them, is an index; it needs no base class.
    An id is an integer from 0 to 2^63 - 1 and stands for one code; without ids, the row numbers of the codes are the
    ids. The arrays that an index is given are neither changed nor, where it can do without, copied.

    Every distance in a result is right, every id comes once, and results are in order of distance, then id. An index
    whose `recall` is 1 returns exactly the nearest codes, ties by id; another returns at least that share of them, and
    which of the codes that tie at the last distance is up to it.

    Several threads may search at once. `add` and `remove` are for one thread while no other uses the index; a call
    that is refused changes nothing.
    """

    #: The least share of the 100 nearest that searches find, on average, among codes that cluster as learned ones do.
    recall: ClassVar[float]
    #: Whether building takes so long that a collection saves the index and keeps it through small changes.
    saved: ClassVar[bool]

    @property
    def bits(self) -> int:
        """The bits of a code."""
        ...

    def __len__(self) -> int:
        """Return the number of codes."""
        ...

    def add(self, codes: Codes, ids: Shaped[ndarray, "n"]) -> None:
        """Add codes; an id that is in the index is refused, so that no id ever comes to stand for another code."""
        ...

    def remove(self, ids: Shaped[ndarray, "n"]) -> int:
        """Remove codes and return how many; ids that are not in the index are ignored."""
        ...

    def entries(self) -> tuple[Int64[ndarray, "n"], Codes]:
        """Return all ids, ascending, and their codes."""
        ...

    def search(
        self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None, *, probes: int | None = None
    ) -> Neighbours:
        """Return the `k` nearest codes of each query, or all where there are fewer; never padding.

        `allowed` restricts the search to some ids, in any order; those that are not in the index are ignored. `probes`
        is how many parts of an approximate index to look into, instead of its default; an exact one ignores it.
        """
        ...

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the codes that differ from each query in at most `radius` bits: what a hash lookup finds.

        An approximate index may miss more of a ball that holds many codes.
        """
        ...

    def save(self, path: Path) -> None:
        """Save the index at a path in an existing folder, whole or not at all, in place of an older one."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the index saved at a path; what is damaged or not an index raises `DamagedError`."""
        ...


def ordered(codes: Codes, ids: Shaped[ndarray, "n"] | None) -> tuple[Codes, Int64[ndarray, "n"] | None]:
    """Return codes in order of their ids, with contiguous bytes; without a copy where they are so already."""
    if not len(codes):
        raise InputError("an index needs at least one code, but got none")
    if ids is not None:
        ids = checked_ids(ids, codes)
        if not ascends(ids):
            order = np.argsort(ids, kind="stable")
            ids, codes = ids[order], codes[order]
    return Codes(np.ascontiguousarray(codes.packed), codes.bits), ids


def checked_ids(ids: Shaped[ndarray, "*n"], codes: Codes) -> Int64[ndarray, "n"]:
    """Return the ids of codes; anything but one new integer from 0 up for each code is refused."""
    ids = distinct(ids, "ids")
    if len(ids) != len(codes):
        raise InputError(f"{len(codes)} codes need as many ids, but got {len(ids)}")
    if len(ids) and ids.min() < 0:
        raise InputError(f"an id is at least 0, but one is {ids.min()}")
    return ids


def distinct(ids: Shaped[ndarray, "*n"], what: str) -> Int64[ndarray, "n"]:
    """Return ids in their order; other values than integers, and repeated ones, are refused."""
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(
            f"{what} are one row of integers, but got {ids.dtype} of shape {ids.shape}; np.flatnonzero gives the row"
            " numbers of a mask"
        )
    ids = ids.astype(np.int64, copy=False)
    different = len(ids) if ascends(ids) else len(np.unique(ids))
    if different < len(ids):
        raise InputError(
            f"{len(ids) - different} of {len(ids)} {what} are repeated; if this is a mask of zeros and ones, give"
            " np.flatnonzero of it"
        )
    return ids


def ascends(ids: Int64[ndarray, "n"]) -> bool:
    """Return whether each id is larger than the one before."""
    return bool((ids[1:] > ids[:-1]).all())


def same_bits(bits: int, codes: Codes) -> None:
    """Refuse codes that are not of the length of those in the index."""
    if codes.bits != bits:
        raise InputError(
            f"codes of {codes.bits} bits do not fit an index of {bits} bits; encode both with the same model"
        )


def columns(k: int, found: int) -> int:
    """Return how many neighbours a search can give when `k` are asked for and `found` codes are allowed."""
    if k < 1:
        raise InputError(f"a search returns at least one neighbour, but k is {k}")
    return min(k, found)


def checked_radius(radius: int, bits: int) -> int:
    """Return the radius, at most the bits of a code; a negative one is refused."""
    if radius < 0:
        raise InputError(f"a Hamming radius is at least 0, but it is {radius}")
    return min(radius, bits)


def in_order(ids: Int64[ndarray, "q m"], distances: Shaped[ndarray, "q m"], k: int | None = None) -> Neighbours:
    """Return the first `k` results of each query in order of distance, then id."""
    order = np.lexsort((ids, distances))[:, :k]
    query = np.arange(len(ids))[:, None]
    return Neighbours(ids[query, order], distances[query, order].astype(np.uint16))


def balls(
    query: Int64[ndarray, "found"], ids: Int64[ndarray, "found"], distances: Shaped[ndarray, "found"], total: int
) -> Balls:
    """Return what was found for `total` queries, in any order, as balls in their order."""
    order = np.lexsort((ids, distances, query))
    starts = np.searchsorted(query[order], np.arange(total + 1))
    return Balls(starts, ids[order], distances[order].astype(np.uint16))


def faiss_module() -> Any:
    """Return FAISS, imported on first use: the core of this package does without."""
    try:
        import faiss
    except ModuleNotFoundError:
        raise MissingError(
            "faiss is missing, which the indexes flat and ivf and files of FAISS need: pip install faiss-cpu, or use"
            " the index exact"
        ) from None
    return faiss
