"""Evaluation of a search by labels: every measure for codes or vectors, per query and on average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Float, Int, Integer
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from ..progress import Log, silent
from .checks import Labels, Searched, check_sides, checked_labels
from .measure import Measure, parse_all
from .ranking import GradedRanking, Similarity, similarity_rankings, stable_grades
from .tally import tally

Values: TypeAlias = dict[Measure, Float[ndarray, "q"]]


@final
@dataclass(frozen=True, eq=False)
class Scores:
    """The result of `evaluate`: a value for each measure and query, NaN where the query does not count.

    `unanswerable` is the number of queries for which nothing in the database is relevant.
    """

    values: Mapping[Measure, Float[ndarray, "q"]]
    queries: int
    database: int
    unanswerable: int

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures, in the order in which they were asked for."""
        return tuple(self.values)

    def __getitem__(self, measure: Measure | str) -> Float[ndarray, "q"]:
        """Return the value of each query, NaN where it does not count."""
        wanted = parse_all([measure])[0]
        if wanted not in self.values:
            raise InputError(f"{wanted} was not evaluated; there are {', '.join(map(str, self.values))}")
        return self.values[wanted]

    def mean(self, measure: Measure | str) -> float:
        """Return the mean (of median-rank: the median) over the queries that count; NaN if none does."""
        values = self[measure]
        counted = values[~np.isnan(values)]
        summary = parse_all([measure])[0].kind.summary
        return summary(counted) if len(counted) else float("nan")

    def means(self) -> dict[str, float]:
        """Return the mean of every measure, by its text."""
        return {str(measure): self.mean(measure) for measure in self.values}


def evaluate(
    query: Searched,
    database: Searched,
    query_labels: Labels | None,
    database_labels: Labels | None,
    measures: Measure | str | Iterable[Measure | str] = ("MAP",),
    *,
    similarity: Similarity = "cosine",
    log: Log = silent,
) -> Scores:
    """Return the scores of searching the database with each query; sharing a label is relevance.

    Codes are ranked by Hamming distance, vectors by cosine or dot product (`similarity`).

    >>> signs = np.array([[1.0, 1, 1], [1, 1, -1], [-1, -1, -1]])
    >>> scores = evaluate(Codes.from_signs(signs[:1]), Codes.from_signs(signs), np.eye(2, dtype=bool)[[0]],
    ...                   np.eye(2, dtype=bool)[[0, 1, 0]], ["MAP", "precision@1"])
    >>> scores.means()
    {'MAP': 0.8333333333333333, 'precision@1': 1.0}
    """
    wanted = parse_all(measures)
    _check_measures(wanted, isinstance(query, Codes))
    check_sides(query, database)
    labels = checked_labels(query, database, query_labels, database_labels)
    if isinstance(query, Codes) and isinstance(database, Codes):
        values, relevant = _values_of_codes(query, database, labels, wanted, log)
    else:
        rankings = similarity_rankings(query, database, *labels, similarity)
        values, relevant = _values_of_vectors(rankings, len(query), wanted, log)
    for measure in wanted:
        if measure.unanswerable == "drop":
            values[measure][relevant == 0] = np.nan
    return Scores(values, len(query), len(database), int((relevant == 0).sum()))


def _values_of_codes(
    query: Codes, database: Codes, labels: tuple[Labels, Labels], wanted: tuple[Measure, ...], log: Log
) -> tuple[Values, Int[ndarray, "q"]]:
    stable = [m for m in wanted if m.ties == "stable"]
    graded = any(m.kind.graded for m in wanted if m not in stable)
    counted = tally(query, database, *labels, graded=graded, log=log)
    values = {m: np.empty(len(query)) if m in stable else m.kind.of_ties(counted, m) for m in wanted}

    def use(q: int, grades: Integer[ndarray, "n"]) -> None:
        for m in stable:
            values[m][q] = m.kind.of_order(grades, m)

    if stable:
        stable_grades(query, database, *labels, use, log=log)
    return values, counted.relevant


def _values_of_vectors(
    rankings: Iterable[GradedRanking], queries: int, wanted: tuple[Measure, ...], log: Log
) -> tuple[Values, Int[ndarray, "q"]]:
    values: Values = {m: np.empty(queries) for m in wanted}
    relevant = np.empty(queries, np.int64)
    for q, ranking in enumerate(rankings):
        relevant[q] = (ranking.grades > 0).sum()
        ties = ranking.tally() if ranking.tied and any(m.ties != "stable" for m in wanted) else None
        for m in wanted:
            if ties is None or m.ties == "stable":
                values[m][q] = m.kind.of_order(ranking.grades, m)
            else:
                values[m][q] = m.kind.of_ties(ties, m)[0]
        log(q + 1, queries, {})
    return values, relevant


def _check_measures(wanted: tuple[Measure, ...], codes: bool) -> None:
    for measure in wanted:
        if measure.kind.family == "instance":
            raise InputError(f"{measure} measures instance retrieval, which has no labels: use evaluate_instances")
        if measure.kind.family == "lookup" and not codes:
            raise InputError(f"{measure} counts within a Hamming radius, and real-valued vectors have none: pass codes")
