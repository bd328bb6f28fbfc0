"""Groups of items whose codes are nearly the same: copies, crops, bursts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ..codes import Codes
from ..data import Modality
from ..errors import InputError
from ..indexes import build
from ..progress import Log, silent
from .collection import Collection
from .reading import items_of

#: Different codes that are compared with each other at most: a minute for so many of 64 bits.
MOST = 200_000
_PART = 1024


def duplicates(
    collection: Collection, radius: int, side: Modality = "image", log: Log = silent
) -> list[tuple[str, ...]]:
    """Return the ids of items that a chain of steps of at most `radius` bits connects, the largest groups first."""
    with collection.store.reading() as connection:
        codes = collection.snapshot().sides[side]
        if not len(codes):
            return []
        groups = grouped(codes.codes, radius, log)
        together = [codes.numbers[groups == group] for group in np.flatnonzero(np.bincount(groups) > 1)]
        items = items_of(connection, np.concatenate([*together, np.empty(0, np.int64)]).tolist())
    named = [tuple(items[number].id for number in group.tolist()) for group in together]
    return sorted(named, key=lambda group: (-len(group), group))


def grouped(codes: Codes, radius: int, log: Log = silent) -> Int64[ndarray, "n"]:
    """Return the number of each code's group."""
    packed, where = np.unique(codes.packed, axis=0, return_inverse=True)
    if radius and len(packed) > MOST:
        raise InputError(f"{len(packed):,} different codes are too many to compare with each other; use radius 0")
    parent = np.arange(len(packed))
    different = Codes(packed, codes.bits)
    index = build("faiss", different)
    for start in range(0, len(packed) if radius else 0, _PART):
        found = index.within(different[start : start + _PART], radius)
        query = start + np.repeat(np.arange(len(found.starts) - 1), np.diff(found.starts))
        for a, b in zip(query.tolist(), found.rows.tolist(), strict=True):
            if a < b:
                _join(parent, a, b)
        log(min(start + _PART, len(packed)), len(packed), {})
    roots = np.array([_root(parent, each) for each in range(len(packed))])
    return roots[where.reshape(-1)]


def _root(parent: Int64[ndarray, "n"], of: int) -> int:
    while parent[of] != of:
        parent[of] = parent[parent[of]]
        of = int(parent[of])
    return of


def _join(parent: Int64[ndarray, "n"], a: int, b: int) -> None:
    a, b = _root(parent, a), _root(parent, b)
    parent[max(a, b)] = min(a, b)
