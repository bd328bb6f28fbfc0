"""The order of a database for each query, one query at a time, from codes or from real-valued scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Integer
from numpy import ndarray

from ..codes import Codes, hamming
from ..progress import Log, silent
from .checks import Searched
from .tally import FEW_PAIRS, PackedWords, Tally, in_blocks

Similarity: TypeAlias = Literal["cosine", "dot"]

#: Scores or grades held at a time.
HELD = 1 << 22


@final
@dataclass(frozen=True, eq=False)
class GradedRanking:
    """One query's database in order of rank; `grades` counts shared labels, equal numbers in `group` are tied."""

    grades: Integer[ndarray, "n"]
    group: Int[ndarray, "n"]

    @property
    def tied(self) -> bool:
        """Whether any two items are tied."""
        return bool(self.group[-1] + 1 < len(self.group))

    def tally(self) -> Tally:
        """Return the counts of grades in each group of ties."""
        width = int(self.grades.max()) + 2
        count = np.bincount(self.group * width + self.grades, minlength=(int(self.group[-1]) + 1) * width)
        return Tally(count.reshape(1, -1, width))


def stable_grades(
    query: Codes,
    database: Codes,
    query_labels: Bool[ndarray, "_ _"],
    database_labels: Bool[ndarray, "_ _"],
    use: Callable[[int, Integer[ndarray, "n"]], None],
    *,
    log: Log = silent,
) -> None:
    """Call `use(q, grades)` for each query, items in order of distance and at one distance in database order.

    Blocks of queries run on several threads, so `use` may not depend on the order of calls.
    """
    few = len(query) * len(database) <= FEW_PAIRS
    words = None if few else PackedWords.of(query, database, query_labels, database_labels)

    def rank(rows: slice) -> None:
        grades = np.empty((rows.stop - rows.start, len(database)), np.uint16)
        if words is None:
            shared = _shared(query_labels[rows], database_labels)
            order = np.argsort(hamming(query[rows], database), axis=1, kind="stable")
            grades[:] = np.take_along_axis(shared, order, axis=1)
        else:
            from .kernel import rank_pairs

            rank_pairs(*words[rows], grades, *words.blanks)
        for q, row in enumerate(grades, rows.start):
            use(q, row)

    in_blocks(rank, len(query), log, block=max(1, HELD // len(database) // 4))


def similarity_rankings(
    query: Searched,
    database: Searched,
    query_labels: Bool[ndarray, "_ _"],
    database_labels: Bool[ndarray, "_ _"],
    similarity: Similarity,
) -> Iterator[GradedRanking]:
    """Yield each query's ranking by falling similarity; items of equal score are tied, in database order."""
    for rows, scores in score_blocks(query, database, similarity):
        shared = _shared(query_labels[rows], database_labels)
        for row, grades in zip(scores, shared, strict=True):
            order = np.argsort(-row, kind="stable")
            falls = np.diff(row[order], prepend=row[order[0]]) != 0
            yield GradedRanking(grades[order], np.cumsum(falls))


def score_blocks(
    query: Searched, database: Searched, similarity: Similarity
) -> Iterator[tuple[slice, Int32[ndarray, "rows n"]]]:
    """Yield the scores of a block of queries at a time, higher is nearer: similarities, or distances times -1.

    Similarities are whole multiples of 2^-30 of the largest that the vectors' lengths allow. That is finer than single
    precision, and coarser than the errors of summation, which would break the ties of equal items by their place.
    """
    step = max(1, HELD // len(database))
    blocks = [slice(start, min(start + step, len(query))) for start in range(0, len(query), step)]
    if isinstance(query, Codes) and isinstance(database, Codes):
        for rows in blocks:
            yield rows, -hamming(query[rows], database).astype(np.int32)
    else:
        a, b = (_scaled(vectors, similarity) for vectors in (query, database))
        for rows in blocks:
            yield rows, np.rint(a[rows] @ b.T * 2.0**30).astype(np.int32)


def _scaled(vectors: Searched, similarity: Similarity) -> Float[ndarray, "n dim"]:
    """Return vectors of length 1, or for dot products of length 1 at most."""
    vectors = np.asarray(vectors, np.float64)
    length = np.sqrt((vectors**2).sum(1, keepdims=True))
    divisor = length if similarity == "cosine" else np.full_like(length, length.max())
    scaled: ndarray = np.divide(vectors, divisor, out=np.zeros_like(vectors), where=divisor > 0)
    return scaled


def _shared(query_labels: Bool[ndarray, "q c"], database_labels: Bool[ndarray, "n c"]) -> Integer[ndarray, "q n"]:
    shared: ndarray = query_labels.astype(np.float32) @ database_labels.T.astype(np.float32)
    return shared.astype(np.uint16)
