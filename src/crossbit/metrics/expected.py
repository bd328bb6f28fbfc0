"""Every measure of a ranking over all orders of its tied items: the exact mean, maximum and minimum.

Nothing is sampled. A measure is a sum over ranks, and inside a group of ties each rank holds each item equally often,
so that the sum over a whole group closes with harmonic numbers (for the whole ranking: F. McSherry and M. Najork,
Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, ECIR 2008). Where
a cut falls inside a group and the divisor depends on it, the sums are ours:

- over=hits: the number j of hits above the cut is hypergeometric, and given j they lie uniformly;
- over=first: an item at rank p counts if fewer than m hits of its group precede it, again hypergeometric.

`best` and `worst` order each group by grade; with over=hits the extreme over j is taken as well, because there a hit
more above the cut can lower the value. `definitions` says what each measure is of one order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from .definitions import Over
from .tally import Groups, Tally, Ties, preceding


def average_precision(
    tally: Tally, k: int | None, over: Over, ties: Ties, *, graded: bool = False
) -> Float[ndarray, "q"]:
    """Return each query's average precision; if graded, its weighted average precision.

    >>> tied = Tally(np.array([[[1, 1]]]))                       # one relevant item, one other, in any order
    >>> [float(average_precision(tied, None, "relevant", t)[0]) for t in ("worst", "expected", "best")]
    [0.5, 0.75, 1.0]
    """
    if over == "first":
        return _over_first(tally, k, ties, graded)
    if over == "hits" and k is not None:
        return _over_hits(tally, k, ties, graded)
    groups = tally.groups(ties)
    cut = groups.size.sum(1) if k is None else np.full(len(groups.size), float(k))
    return _ratio(_gains_at_hits(groups, cut, graded).sum(1), np.minimum(cut, tally.relevant))


def reciprocal_rank(tally: Tally, ties: Ties) -> Float[ndarray, "q"]:
    """Return 1 over the rank of each query's first relevant item: the precision there."""
    return _over_first(tally, 1, ties, False)


def precision(tally: Tally, k: int, ties: Ties) -> Float[ndarray, "q"]:
    """Return the share of relevant items among the first k."""
    return found(tally.groups(ties), k) / k


def recall(tally: Tally, k: int, ties: Ties) -> Float[ndarray, "q"]:
    """Return the share of the relevant items that are among the first k."""
    return _ratio(found(tally.groups(ties), k), tally.relevant)


def r_precision(tally: Tally, ties: Ties) -> Float[ndarray, "q"]:
    """Return the precision at the rank that equals the number of relevant items."""
    groups, relevant = tally.groups(ties), tally.relevant
    return _ratio(_sum_above(groups, groups.hits, relevant), relevant)


def average_cumulated_gain(tally: Tally, k: int, ties: Ties) -> Float[ndarray, "q"]:
    """Return the mean number of shared labels among the first k."""
    groups = tally.groups(ties)
    return _sum_above(groups, groups.gain, k) / k


def ndcg(tally: Tally, k: int | None, ties: Ties) -> Float[ndarray, "q"]:
    """Return the discounted gain as a share of the best order's."""
    ideal = Tally(tally.count.sum(1, keepdims=True)).groups("best")
    return _ratio(_discounted(tally.groups(ties), k), _discounted(ideal, k))


def found(groups: Groups, k: int) -> Float[ndarray, "q"]:
    """Return how many relevant items are among the first k."""
    return _sum_above(groups, groups.hits, k)


def _sum_above(groups: Groups, part: Float[ndarray, "q groups"], k: int | Int[ndarray, "q"]) -> Float[ndarray, "q"]:
    taken = np.clip(np.reshape(k, (-1, 1)) - groups.before, 0, groups.size)
    above: ndarray = (_ratio(part, groups.size) * taken).sum(1)
    return above


def _discounted(groups: Groups, k: int | None) -> Float[ndarray, "q"]:
    items, start = int(groups.size.sum(1).max()), groups.before
    stop = np.minimum(start + groups.size, items if k is None else k)
    discount = discounts(items)[np.maximum(start, stop).astype(int)] - discounts(items)[start.astype(int)]
    total: ndarray = (_ratio(groups.worth, groups.size) * discount).sum(1)
    return total


def _gains_at_hits(groups: Groups, cut: Float[ndarray, "q"], graded: bool) -> Float[ndarray, "q groups"]:
    """Return, by group, the expected sum over hits above the cut of the mean gain up to each."""
    gain = groups.gain if graded else groups.hits
    start = groups.before
    taken = np.clip(cut[:, None] - start, 0, groups.size)
    chance, each = _ratio(groups.hits, groups.size), _ratio(gain, groups.hits)
    others = chance * each * _ratio(groups.hits - 1, groups.size - 1)
    return _sum_over_ranks(chance * (preceding(gain) + each), others, start, taken)


def _sum_over_ranks(level: ndarray, slope: ndarray, start: ndarray, count: ndarray) -> ndarray:
    """Return sum_{i=1..count} (level + slope (i - 1)) / (start + i), elementwise."""
    harmonic = harmonics(int((start + count).max(initial=0)))
    difference = harmonic[(start + count).astype(int)] - harmonic[start.astype(int)]
    total: ndarray = slope * count + (level - slope * (start + 1)) * difference
    return total


class _Edge(NamedTuple):
    """The one group that a cut falls into."""

    start: int
    """items ranked before it"""
    found: int
    """hits ranked before it"""
    gain: float
    """gain collected before it"""
    size: int
    hits: int
    each: float
    """mean gain of its hits"""


def _edge(groups: Groups, q: int, b: int, graded: bool) -> _Edge:
    gain = groups.gain[q] if graded else groups.hits[q]
    size, hits = int(groups.size[q, b]), int(groups.hits[q, b])
    before = int(groups.size[q, :b].sum()), int(groups.hits[q, :b].sum()), float(gain[:b].sum())
    return _Edge(*before, size, hits, float(gain[b] / hits) if hits else 0.0)


def _over_first(tally: Tally, k: int | None, ties: Ties, graded: bool) -> Float[ndarray, "q"]:
    groups, relevant = tally.groups(ties), tally.relevant
    wanted = relevant if k is None else np.minimum(k, relevant)
    earlier = preceding(groups.hits)
    whole = earlier + groups.hits <= wanted[:, None]
    total = (_gains_at_hits(groups, groups.size.sum(1), graded) * whole).sum(1)
    for q, b in np.argwhere(~whole & (earlier < wanted[:, None])).tolist():
        total[q] += _first_hits(_edge(groups, q, b, graded), int(wanted[q] - earlier[q, b]))
    return _ratio(total, wanted)


def _first_hits(edge: _Edge, m: int) -> float:
    """Return the expected sum of mean gains at the first m hits of a group."""
    n, r = edge.size, edge.hits
    rank = np.arange(1, n + 1)
    counts = _fewer_hits(n - 1, r - 1, m)
    among = np.zeros(n)
    among[1:] = (rank[1:] - 1) * (r - 1) / max(n - 1, 1) * _fewer_hits(n - 2, r - 2, m - 1)
    gain = (edge.gain + edge.each) * counts + edge.each * among
    return float((r / n * gain / (edge.start + rank)).sum())


def _fewer_hits(n: int, r: int, m: int) -> Float[ndarray, "ranks"]:
    """Return for i = 0..n the chance that the first i of n items in random order hold fewer than m of r hits."""
    if m <= 0 or m > r:
        return np.full(n + 1, float(m > r))
    place = np.arange(m, n - r + m + 1)  # of the m-th hit
    log = _log_choose(place - 1, m - 1) + _log_choose(n - place, r - m)
    chance = np.exp(log - log.max())
    later = np.ones(n + 1)
    later[m : n - r + m + 1] = 1 - np.cumsum(chance / chance.sum())
    later[n - r + m :] = 0
    return later


def _over_hits(tally: Tally, k: int, ties: Ties, graded: bool) -> Float[ndarray, "q"]:
    groups = tally.groups()
    arranged = groups if ties == "expected" else tally.groups(ties)
    sums = _gains_at_hits(arranged, arranged.size.sum(1), graded).reshape(*groups.size.shape, -1).sum(2)
    start = groups.before
    whole = start + groups.size <= k
    total, hits = (sums * whole).sum(1), (groups.hits * whole).sum(1)
    value = _ratio(total, hits)
    for q, b in np.argwhere(~whole & (start < k)).tolist():
        edge = _edge(groups, q, b, graded)
        if ties == "expected":
            value[q] = _expected_over_hits(edge, k, total[q])
        else:
            value[q] = _extreme_over_hits(edge, k, total[q], _grade_counts(tally, q, b, graded), ties)
    return value


def _hits_above(edge: _Edge, k: int) -> Int[ndarray, "j"]:
    """Return how many of a group's hits can be above the cut."""
    above = k - edge.start
    return np.arange(max(0, above - (edge.size - edge.hits)), min(above, edge.hits) + 1)


def _expected_over_hits(edge: _Edge, k: int, total: float) -> float:
    j, above = _hits_above(edge, k), k - edge.start
    log = _log_choose(edge.hits, j) + _log_choose(edge.size - edge.hits, above - j)
    chance = np.exp(log - log.max())
    level, slope = j / above * (edge.gain + edge.each), edge.each * j / above * (j - 1) / max(above - 1, 1)
    sums = total + _sum_over_ranks(level, slope, np.full(len(j), edge.start), np.full(len(j), above))
    return float(chance @ _ratio(sums, edge.found + j) / chance.sum())


def _grade_counts(tally: Tally, q: int, b: int, graded: bool) -> Int[ndarray, "grades"]:
    """Return how many items of a group have each grade; ungraded, any relevant item has grade 1."""
    count = tally.count[q, b].astype(np.int64)
    return count if graded else np.array([count[0], count[1:].sum()])


def _extreme_over_hits(edge: _Edge, k: int, total: float, count: Int[ndarray, "grades"], ties: Ties) -> float:
    j = _hits_above(edge, k)
    grades = np.repeat(np.arange(1, len(count)), count[1:])
    if ties == "best":  # the j hits of the highest grades, directly below what was ranked before
        chosen = grades[::-1][: j[-1]]
        steps = (edge.gain + chosen.cumsum()) / (edge.start + np.arange(1, len(chosen) + 1))
        sums = np.concatenate([[0.0], steps.cumsum()])[j]
        return float(_ratio(total + sums, edge.found + j).max())
    sums, gain, done = np.zeros(len(j)), edge.gain, 0  # the j hits of the lowest grades, directly above the cut
    for grade, some in enumerate(count[1:], 1):
        taken = np.clip(j - done, 0, some)
        level, slope = np.full(len(j), gain + grade), np.full(len(j), float(grade))
        sums += _sum_over_ranks(level, slope, k - np.maximum(j - done, 0), taken)
        gain, done = gain + grade * some, done + some
    return float(_ratio(total + sums, edge.found + j).min())


def _ratio(a: ndarray, b: ndarray) -> ndarray:
    """Return a / b, and 0 where b is not positive."""
    ratio: ndarray = np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b > 0)
    return ratio


def _log_choose(n: int | ndarray, k: int | ndarray) -> ndarray:
    table = log_factorials(int(np.max(n)))
    chosen: ndarray = table[n] - table[k] - table[n - k]
    return chosen


def _power_of_two(n: int) -> int:
    return 1 << max(10, int(n).bit_length())


def harmonics(n: int) -> Float[ndarray, "entries"]:
    """Return the harmonic numbers H_0, H_1, ..., at least up to H_n."""
    return _harmonics(_power_of_two(n))


def discounts(n: int) -> Float[ndarray, "entries"]:
    """Return the sums of 1 / log2(rank + 1) over the first 0, 1, ... ranks, at least up to n."""
    return _discounts(_power_of_two(n))


def log_factorials(n: int) -> Float[ndarray, "entries"]:
    """Return log 0!, log 1!, ..., at least up to log n!."""
    return _log_factorials(_power_of_two(n))


@lru_cache(4)
def _harmonics(n: int) -> Float[ndarray, "entries"]:
    return _sums(1 / np.arange(1, n + 1, dtype=np.longdouble))


@lru_cache(4)
def _discounts(n: int) -> Float[ndarray, "entries"]:
    return _sums(1 / np.log2(np.arange(2, n + 2, dtype=np.longdouble)))


@lru_cache(4)
def _log_factorials(n: int) -> Float[ndarray, "entries"]:
    return _sums(np.log(np.arange(1, n + 1, dtype=np.longdouble)))


def _sums(terms: ndarray) -> Float[ndarray, "entries"]:
    return np.concatenate([[0], terms.cumsum()]).astype(np.float64)
