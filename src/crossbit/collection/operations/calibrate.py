"""Calibration: the probability of relevance fitted on held-out items, with a measure of how far it can be trusted."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ...data.pairs import CROSSINGS, MODALITIES, Modality
from ...errors import InputError
from ..collection import Collection
from ..search.relevance import DOUBT, Calibration, features_of
from ..storage.reads import items_of
from ..storage.snapshot import Snapshot
from .held_out import Query, Trained, held_out, ranked, shares, too_few

logger = logging.getLogger(__name__)

#: Queries of each direction, and hits of each that are judged.
QUERIES, HITS = 600, 20
#: The fewest queries of a direction: half of them are fitted on.
LEAST = 20
#: The field that is taken by itself, and the one that stands for the query's own item.
LABELS, OWN = "labels", "id"
_MEANING = (
    "the probability is that a hit shares a value of {!r} with the query; --by FIELD names another field",
    "the probability is that a hit is the other side of the query's own item, which says little of hits that are right"
    " in another way; --by FIELD counts those that share a value of a field",
)
#: Shares of the queries that are answered, surest first.
COVERAGES = (1.0, 0.75, 0.5, 0.25)


@final
@dataclass(frozen=True)
class CalibrationResult:
    """One direction on the queries that it was not fitted on: Brier score, calibration error, risk at each coverage.

    The risk is the share of wrong best hits among the queries whose best hit is surest; `area` is its mean over all
    coverages. `answered` is the share of queries with a good match, and `risk_answered` the risk among them.
    """

    direction: str
    queries: int
    relevant: float
    brier: float
    error: float
    risks: tuple[float, ...]
    area: float
    answered: float
    risk_answered: float | None


class _Judged(NamedTuple):
    """The hits of one query: the inputs of the probability, and whether each hit is relevant."""

    features: Float[ndarray, "k 2"]
    relevant: Bool[ndarray, "k"]


def calibrate(collection: Collection, by: str = "") -> list[CalibrationResult]:
    """Fit every direction on half of the queries, store it, and return its scores on the other half.

    With `by`, a hit is relevant if it shares a value of that field of the metadata; `by="id"` means the query's own
    item, found by its other side. Without it, the field is `labels` where most items have any, else the id.
    """
    fitted: dict[str, Any] = {}
    results = []
    trained = Trained.of(collection)
    with collection.view() as (connection, snapshot):
        queries = {source: held_out(trained, connection, snapshot, source, QUERIES) for source in MODALITIES}
        if max(map(len, queries.values())) < LEAST:
            raise too_few(collection, {source: len(each) for source, each in queries.items()}, LEAST)
        by = by or _field(connection, [query for each in queries.values() for query in each])
        logger.info(_MEANING[by == OWN].format(by))
        for source, target in [(a, b) for a in MODALITIES for b in MODALITIES] if by != OWN else CROSSINGS:
            if len(queries[source]) < LEAST:
                continue
            judged = _judged(collection, connection, snapshot, queries[source], target, by)
            right = np.concatenate([each.relevant for each in judged[::2]]) if len(judged) > 1 else np.zeros(0, bool)
            if right.all() or not right.any():
                continue
            name = f"{source}->{target}"
            features = np.concatenate([each.features for each in judged[::2]])
            calibration = Calibration.fit(features, right, rescored=collection.settings.rescore)
            fitted[name] = asdict(calibration)
            results.append(_evaluated(name, calibration, judged[1::2]))
    if not fitted:
        raise InputError(
            "nothing can be calibrated: the queries that the model was not trained on find nothing relevant, or nothing"
            " else; add more items with both a picture and a text, or name a field of the metadata with --by"
        )
    collection.configure("calibration", fitted)
    return results


def _field(connection: sqlite3.Connection, queries: Sequence[Query]) -> str:
    """Return `labels` if most of the queries have any, else the id."""
    items = items_of(connection, [*{query.number for query in queries}])
    labelled = sum(bool(item.metadata.get(LABELS)) for item in items.values())
    return LABELS if 2 * labelled > len(items) else OWN


def _judged(
    collection: Collection,
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    queries: Sequence[Query],
    target: Modality,
    by: str,
) -> list[_Judged]:
    side, settings = snapshot.sides[target], collection.settings
    judged = []
    for query in queries:
        sought = query if by != OWN else query._replace(number=-1)
        found = ranked(collection, connection, snapshot, target, sought, HITS, settings)
        numbers = side.numbers[found.rows]
        if by != OWN:
            items = items_of(connection, [query.number, *numbers.tolist()])
            relevant = np.array(shares(by, items, query.number, numbers), bool)
        else:
            relevant = numbers == query.number
        if len(numbers):
            judged.append(_Judged(features_of(side, query.values, found.scores), relevant))
    return judged


def _evaluated(direction: str, calibration: Calibration, judged: Sequence[_Judged]) -> CalibrationResult:
    p = np.concatenate([calibration.probabilities(each.features) for each in judged])
    relevant = np.concatenate([each.relevant for each in judged])
    best = np.array([calibration.probabilities(each.features[:1])[0] for each in judged])
    wrong = np.array([not each.relevant[0] for each in judged])
    order = np.argsort(-best, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    sure = best >= DOUBT
    return CalibrationResult(
        direction,
        len(judged),
        float(relevant.mean()),
        float(np.mean((p - relevant) ** 2)),
        calibration_error(p, relevant),
        tuple(float(risk[max(1, round(share * len(risk))) - 1]) for share in COVERAGES),
        float(risk.mean()),
        float(sure.mean()),
        float(wrong[sure].mean()) if sure.any() else None,
    )


def calibration_error(p: Float[ndarray, "n"], relevant: Bool[ndarray, "n"], bins: int = 10) -> float:
    """Return the mean gap between the probability and the share that is relevant, over bins of equal size."""
    order = np.array_split(np.argsort(p, kind="stable"), bins)
    gaps = [len(part) * abs(float(p[part].mean()) - float(relevant[part].mean())) for part in order if len(part)]
    return sum(gaps) / len(p)
