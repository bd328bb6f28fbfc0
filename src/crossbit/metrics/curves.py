"""Curves: precision and recall over ranks, and over Hamming radii, as arrays that plots draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from .checks import Labels, Searched, check_sides, checked_labels
from .evaluation import evaluate
from .measure import Measure
from .ranking import Similarity
from .registry import Unanswerable
from .tally import Ties, tally

#: How balls are averaged: `pooled` adds up all queries' items first; the others average queries, where an empty
#: ball scores precision 0 (`zero`), is left out (`drop`), or is left out of both averages as soon as
#: it holds no relevant item (`hitless`; AGAH and DADH, flattering at small radii).
Average: TypeAlias = Literal["pooled", "zero", "drop", "hitless"]


@final
@dataclass(frozen=True, eq=False)
class RankCurve:
    """Mean precision and recall among the first `ranks` items: topN precision, or recall against precision."""

    ranks: Int[ndarray, "points"]
    precision: Float[ndarray, "points"]
    recall: Float[ndarray, "points"]
    ties: Ties


@final
@dataclass(frozen=True, eq=False)
class RadiusCurve:
    """Precision and recall within radius 0 .. bits, NaN where undefined, and the share of empty balls."""

    radius: Int[ndarray, "points"]
    precision: Float[ndarray, "points"]
    recall: Float[ndarray, "points"]
    empty: Float[ndarray, "points"]
    average: Average


def rank_curve(
    query: Searched,
    database: Searched,
    labels: tuple[Labels, Labels],
    ranks: Sequence[int] | None = None,
    *,
    ties: Ties = "expected",
    similarity: Similarity = "cosine",
) -> RankCurve:
    """Return precision and recall at ranks, by default about 100 spread evenly on a logarithmic scale.

    `labels` are those of the queries and of the database; queries without a relevant item do not count.

    >>> codes = Codes.from_signs(np.array([[1.0, 1], [1, -1], [-1, -1]]))
    >>> labels = np.array([[True], [False], [True]])
    >>> curve = rank_curve(codes[:1], codes, (labels[:1], labels), [1, 2, 3])
    >>> curve.precision.round(3).tolist(), curve.recall.tolist()
    ([1.0, 0.5, 0.667], [0.5, 0.5, 1.0])
    """
    cuts = _spread(len(database)) if ranks is None else np.array(ranks, np.int64)
    measures = [[Measure(name, int(k), ties=ties) for k in cuts] for name in ("precision", "recall")]
    scores = evaluate(query, database, *labels, [*measures[0], *measures[1]], similarity=similarity)
    precision, recall = (np.array([scores.mean(m) for m in side]) for side in measures)
    return RankCurve(cuts, precision, recall, ties)


def _spread(items: int) -> Int[ndarray, "points"]:
    return np.unique(np.geomspace(1, max(items, 1), 100).round().astype(np.int64))


def radius_curve(
    query: Codes,
    database: Codes,
    labels: tuple[Labels, Labels],
    *,
    average: Average = "pooled",
    unanswerable: Unanswerable = "drop",
) -> RadiusCurve:
    """Return precision and recall of hash lookup at every radius from 0 to the number of bits.

    >>> codes = Codes.from_signs(np.array([[1.0, 1], [1, -1], [-1, -1]]))
    >>> labels = np.array([[True], [False], [True]])
    >>> curve = radius_curve(codes[:1], codes, (labels[:1], labels))
    >>> curve.precision.round(3).tolist(), curve.recall.tolist()
    ([1.0, 0.5, 0.667], [0.5, 0.5, 1.0])
    """
    check_sides(query, database)
    counted = tally(query, database, *checked_labels(query, database, *labels))
    relevant = counted.relevant
    kept = np.ones(len(query), bool) if unanswerable == "zero" else relevant > 0
    if not kept.any():
        raise InputError(f"none of the {len(query)} queries has a relevant item: there is no curve")
    cumulative = counted.count[kept].cumsum(axis=1, dtype=np.int64)
    size, hits = cumulative.sum(axis=2), cumulative[:, :, 1]
    every = np.broadcast_to(relevant[kept, None], size.shape)
    if average == "pooled":
        precision, recall = _ratio(hits.sum(0), size.sum(0)), _ratio(hits.sum(0), every.sum(0))
    else:
        found = hits > 0
        if average == "hitless":
            precision, recall = (_mean_where(found, _ratio(hits, whole)) for whole in (size, every))
        else:
            counts = size > 0 if average == "drop" else np.ones_like(found)
            precision = _mean_where(counts, np.nan_to_num(_ratio(hits, size)))
            recall = _mean_where(np.ones_like(found), np.nan_to_num(_ratio(hits, every)))
    return RadiusCurve(np.arange(query.bits + 1), precision, recall, (size == 0).mean(0), average)


def _ratio(a: ndarray, b: ndarray) -> ndarray:
    share: ndarray = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return share


def _mean_where(counts: ndarray, values: ndarray) -> ndarray:
    return _ratio(np.where(counts, values, 0).sum(0), counts.sum(0))
