"""Instance retrieval: recall@k, ranks and rsum, where a match is the other half of the same item.

Matches come from item numbers, never from arithmetic on five captions per image, so that images may have any
number of captions in any order. Ties are averaged by default; `R@1(ties=worst)` is the literature's
pessimistic rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy import ndarray

from ..errors import InputError
from ..progress import Log, silent
from .checks import Searched, check_sides
from .evaluation import Scores
from .first_match import FirstMatch
from .measure import Measure, parse_all
from .ranking import Similarity, score_blocks

MEASURES = ("R@1", "R@5", "R@10", "median-rank", "mean-rank")


@final
@dataclass(frozen=True, eq=False)
class InstanceScores:
    """Both directions of one gallery."""

    image_to_text: Scores
    text_to_image: Scores

    @property
    def rsum(self) -> float:
        """The sum of all recalls of both directions, in percent: with R@1, R@5 and R@10 at most 600."""
        sides = (self.image_to_text, self.text_to_image)
        return 100 * sum(side.mean(m) for side in sides for m in side.measures if m.name == "R")


def evaluate_instances(
    query: Searched,
    database: Searched,
    query_items: Int[ndarray, "_"],
    database_items: Int[ndarray, "_"],
    measures: Measure | str | Iterable[Measure | str] = MEASURES,
    *,
    similarity: Similarity = "cosine",
    log: Log = silent,
) -> Scores:
    """Return the scores of one direction; a query matches the database rows that bear its item's number.

    >>> images, texts = np.eye(2), np.array([[1.0, 0.2], [0.3, 1.0], [1.0, 0.1]])
    >>> evaluate_instances(texts, images, np.array([0, 1, 1]), np.array([0, 1]), ["R@1", "mean-rank"]).means()
    {'R@1': 0.6666666666666666, 'mean-rank': 1.3333333333333333}
    """
    wanted = parse_all(measures)
    for measure in wanted:
        if measure.kind.family != "instance":
            raise InputError(f"{measure} needs labels: use evaluate; instance retrieval has {', '.join(MEASURES)}")
    check_sides(query, database)
    for side, part, items in (("query", query, query_items), ("database", database, database_items)):
        if len(part) != len(items):
            raise InputError(f"the {side} has {len(part)} rows but {len(items)} item numbers")
    alone = ~np.isin(query_items, database_items)
    if alone.any():
        raise InputError(
            f"{alone.sum()} queries have no match in the database; the first is of item {query_items[alone][0]}"
        )
    parts = []
    for rows, scores in score_blocks(query, database, similarity):
        parts.append(first_match(scores, query_items[rows], database_items))
        log(rows.stop, len(query), {})
    first = FirstMatch(*(np.concatenate([getattr(p, part) for p in parts]) for part in ("better", "tied", "matches")))
    return Scores({m: m.kind.of_first(first, m) for m in wanted}, len(query), len(database), 0)


def first_match(
    scores: Shaped[ndarray, "q n"], query_items: Int[ndarray, "q"], database_items: Int[ndarray, "n"]
) -> FirstMatch:
    """Return where each query's best match stands, from a matrix of scores; higher is better, NaN is refused."""
    undefined = np.isnan(scores).any(axis=1)
    if undefined.any():
        raise InputError(
            f"{undefined.sum()} of {len(scores)} queries have NaN scores, the first is row {undefined.argmax()}"
        )
    match = query_items[:, None] == database_items
    best = np.where(match, scores, scores.min(axis=1, keepdims=True)).max(axis=1, keepdims=True)
    level = scores == best
    return FirstMatch((scores > best).sum(axis=1), level.sum(axis=1), (level & match).sum(axis=1))


def evaluate_pairs(
    image: Searched,
    text: Searched,
    image_items: Int[ndarray, "_"],
    text_items: Int[ndarray, "_"],
    measures: Measure | str | Iterable[Measure | str] = MEASURES,
    *,
    similarity: Similarity = "cosine",
) -> InstanceScores:
    """Return the scores of both directions of one gallery: Flickr30K's 1,000 images, or COCO's 5,000 (5K)."""
    wanted = parse_all(measures)
    return InstanceScores(
        evaluate_instances(image, text, image_items, text_items, wanted, similarity=similarity),
        evaluate_instances(text, image, text_items, image_items, wanted, similarity=similarity),
    )


def in_folds(
    image_items: Int[ndarray, "images"], text_items: Int[ndarray, "texts"], size: int = 1000
) -> Iterator[tuple[Int[ndarray, "_"], Int[ndarray, "_"]]]:
    """Yield the image rows and the text rows of each fold of `size` images, in order: COCO 1K is five of 1,000.

    >>> [(images.tolist(), texts.tolist()) for images, texts in in_folds(np.array([7, 8]), np.array([8, 7, 7]), 1)]
    [([0], [1, 2]), ([1], [0])]
    """
    if size < 1 or len(image_items) % size:
        raise InputError(f"{len(image_items)} images do not divide into folds of {size}")
    for start in range(0, len(image_items), size):
        rows = np.arange(start, start + size)
        yield rows, np.flatnonzero(np.isin(text_items, image_items[rows]))


def over_folds(folds: Sequence[Scores], measure: Measure | str) -> Float[ndarray, "q"]:
    """Return the values of all folds' queries, weighted so that their mean is the mean of the folds' means."""
    queries = sum(fold.queries for fold in folds)
    return np.concatenate([fold[measure] * (queries / len(folds) / fold.queries) for fold in folds])
