"""Definitions of every measure of a ranking: one query, one order, no ties.

A ranking is given as `grades`: the number of labels that the item at each rank, best first, shares with the query;
an item is relevant if it shares at least one. `k` cuts the list at a rank. A query without any relevant
item scores 0 here; whether it counts is the measure's `unanswerable`.

`ties=stable` is computed by these functions; `expected` computes their means, maxima and minima over the orders
of tied items. `registry.KINDS` cites the source of each.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Int, Integer
from numpy import ndarray

Over: TypeAlias = Literal["relevant", "hits", "first"]
Grades: TypeAlias = Integer[ndarray, "n"]


def average_precision(grades: Grades, k: int | None = None, over: Over = "relevant") -> float:
    """Return the mean precision at the ranks of relevant items.

    Without a cut these agree; with one the literature has three means, and they differ by 0.1 and more:

    - `relevant`: the hits among the first k, divided by min(k, all relevant): a missed item costs;
    - `hits`: the hits among the first k, divided by their number: one hit at rank 1 is perfect;
    - `first`: the first min(k, all relevant) relevant items, at whatever rank they are.

    >>> ranking = np.array([1, 0, 1, 0, 1])
    >>> average_precision(ranking)               # (1/1 + 2/3 + 3/5) / 3
    0.7555555555555555
    >>> average_precision(ranking, 2)            # (1/1) / 2
    0.5
    >>> average_precision(ranking, 2, "hits")    # (1/1) / 1
    1.0
    >>> average_precision(ranking, 2, "first")   # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    return _gain_at_hits(np.minimum(grades, 1), k, over)


def weighted_average_precision(grades: Grades, k: int | None = None, over: Over = "relevant") -> float:
    """Return the mean, over the ranks of relevant items, of the average shared labels up to there.

    >>> weighted_average_precision(np.array([2, 0, 1]))   # (2/1 + 3/3) / 2
    1.5
    """
    return _gain_at_hits(grades, k, over)


def _gain_at_hits(grades: Grades, k: int | None, over: Over) -> float:
    ranks = relevant_ranks(grades)
    among = ranks[:k] if over == "first" or k is None else ranks[ranks <= k]
    count = {"relevant": min(k or len(ranks), len(ranks)), "hits": len(among), "first": len(among)}[over]
    return float((grades[ranks - 1].cumsum()[: len(among)] / among).sum() / max(count, 1))


def reciprocal_rank(grades: Grades) -> float:
    """Return 1 over the rank of the first relevant item.

    >>> reciprocal_rank(np.array([0, 0, 1, 1]))
    0.3333333333333333
    """
    ranks = relevant_ranks(grades)
    return float(1 / ranks[0]) if len(ranks) else 0.0


def precision(grades: Grades, k: int) -> float:
    """Return the share of relevant items among the first k; k is the divisor even where fewer exist.

    >>> precision(np.array([1, 0, 1, 0]), 3)
    0.6666666666666666
    """
    return float((grades[:k] > 0).sum() / k)


def recall(grades: Grades, k: int) -> float:
    """Return the share of the relevant items that are among the first k.

    >>> recall(np.array([1, 0, 1, 0]), 2)
    0.5
    """
    return float((grades[:k] > 0).sum() / max((grades > 0).sum(), 1))


def r_precision(grades: Grades) -> float:
    """Return the precision at the rank that equals the number of relevant items.

    >>> r_precision(np.array([1, 0, 1, 0]))
    0.5
    """
    return precision(grades, max(int((grades > 0).sum()), 1))


def average_cumulated_gain(grades: Grades, k: int) -> float:
    """Return the mean number of shared labels among the first k.

    >>> average_cumulated_gain(np.array([2, 0, 1]), 2)
    1.0
    """
    return float(grades[:k].sum() / k)


def ndcg(grades: Grades, k: int | None = None) -> float:
    """Return the discounted gain, 2^shared - 1 over log2(rank + 1), as a share of the best order's.

    >>> ndcg(np.array([0, 1, 2]))   # (1 / log2(3) + 3 / log2(4)) / (3 / log2(2) + 1 / log2(3))
    0.58688267143572
    """
    ideal = _discounted(-np.sort(-grades.astype(np.int64)), k)
    return _discounted(grades, k) / ideal if ideal else 0.0


def _discounted(grades: Grades, k: int | None) -> float:
    worth = np.exp2(grades[:k].astype(np.float64)) - 1
    return float((worth / np.log2(np.arange(2, len(worth) + 2))).sum())


def relevant_ranks(grades: Grades) -> Int[ndarray, "relevant"]:
    """Return the ranks of the relevant items, counted from 1.

    >>> relevant_ranks(np.array([0, 1, 1]))
    array([2, 3])
    """
    return np.flatnonzero(grades) + 1
