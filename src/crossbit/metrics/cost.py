"""The cost of retrieval: bytes, distance computations, and the buckets of hash lookup."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import final

import numpy as np

from ..codes import Codes
from ..errors import InputError
from .checks import Searched, check_sides
from .hash_lookup import within
from .tally import tally


@final
@dataclass(frozen=True)
class ScanCost:
    """The cost of comparing a query with every item."""

    bytes_per_item: int
    distances: int
    """computed per query"""


@final
@dataclass(frozen=True)
class LookupCost:
    """The cost of looking up every bucket within radius r of a query in one table over all bits."""

    r: int
    buckets: int
    """probed per query: the sum of binomials (bits over 0 .. r)"""
    mean_items: float
    """touched per query"""
    median_items: float
    most_items: int
    empty: float
    """share of queries that touch no item"""


def scan_cost(database: Searched) -> ScanCost:
    """Return the cost of one query without an index.

    >>> scan_cost(Codes.from_signs(np.ones((1000, 64))))
    ScanCost(bytes_per_item=8, distances=1000)
    """
    rows = database.packed if isinstance(database, Codes) else database
    return ScanCost(rows.shape[1] * rows.itemsize, len(rows))


def lookup_cost(query: Codes, database: Codes, r: int = 2) -> LookupCost:
    """Return the cost of hash lookup within radius r, from the real number of items in each ball.

    >>> codes = Codes.from_signs(np.array([[1.0, 1, 1], [1, 1, -1], [-1, -1, -1]]))
    >>> lookup_cost(codes[:1], codes, 1)
    LookupCost(r=1, buckets=4, mean_items=2.0, median_items=2.0, most_items=2, empty=0.0)
    """
    if r < 0:
        raise InputError(f"a Hamming radius is at least 0, not {r}")
    check_sides(query, database)
    unlabelled = [np.zeros((len(side), 1), bool) for side in (query, database)]
    items, _ = within(tally(query, database, unlabelled[0], unlabelled[1]), r)
    buckets = sum(comb(query.bits, distance) for distance in range(min(r, query.bits) + 1))
    typical = float(items.mean()), float(np.median(items)), int(items.max())
    return LookupCost(r, buckets, *typical, float((items == 0).mean()))
