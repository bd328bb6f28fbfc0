"""Tallies: the database counted by tied rank, from which most measures are computed.

Codes of 64 bits have 65 distances, so a query's whole ranking is 65 groups of tied items. A `Tally` holds how many
items each group has and how many labels they share with the query; every measure with `ties=expected`, `best` or
`worst`, and every one within a Hamming radius, is computed from it. It is filled in one pass over the
(query, item) pairs, without a sort and without a matrix of queries by items.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, UInt8, UInt32, UInt64
from numpy import ndarray

from ..codes import Codes, hamming
from ..progress import Log, silent

Ties: TypeAlias = Literal["expected", "stable", "best", "worst"]

#: Below this many (query, item) pairs numpy finishes before the compiled kernel is loaded.
FEW_PAIRS = 1 << 23
#: Queries that one thread takes at a time.
BLOCK = 64


@final
@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of tied items in order of rank; the ranks of a group are consecutive, the order inside is unknown.

    `size` counts items, `hits` relevant ones; `gain` sums shared labels and `worth` sums 2^shared - 1.
    """

    size: Float[ndarray, "q groups"]
    hits: Float[ndarray, "q groups"]
    gain: Float[ndarray, "q groups"]
    worth: Float[ndarray, "q groups"]

    @property
    def before(self) -> Float[ndarray, "q groups"]:
        """The number of items ranked before each group."""
        return preceding(self.size)


@final
@dataclass(frozen=True, eq=False)
class Tally:
    """`count[q, b, g]`: items of query q's b-th group of ties that share g labels with it.

    For codes the group is the distance. With two columns g is only whether an item is relevant.

    >>> tally(Codes.from_signs(np.ones((1, 2))), Codes.from_signs(np.array([[1.0, 1], [-1, 1], [1, -1]])),
    ...       np.array([[True]]), np.array([[True], [True], [False]])).count
    array([[[0, 1],
            [1, 1],
            [0, 0]]], dtype=uint32)
    """

    count: Integer[ndarray, "q groups grades"]

    @property
    def relevant(self) -> Int[ndarray, "q"]:
        """The number of relevant items in the database, for each query."""
        relevant: ndarray = self.count[:, :, 1:].sum((1, 2), dtype=np.int64)
        return relevant

    def groups(self, ties: Ties = "expected") -> Groups:
        """Return the groups of ties; for `best` and `worst` each is split by grade and put in that order."""
        grades = np.arange(self.count.shape[2], dtype=np.float64)
        count = self.count.astype(np.float64)
        worth = np.exp2(grades) - 1
        if ties == "expected" and len(grades) == 2:  # one shared label is worth one
            hits = count[:, :, 1]
            return Groups(count[:, :, 0] + hits, hits, hits, hits)
        if ties == "expected":
            return Groups(count.sum(2), count[:, :, 1:].sum(2), count @ grades, count @ worth)
        order = slice(None, None, -1) if ties == "best" else slice(None)
        parts = (count * weight for weight in (1.0, grades > 0, grades, worth))
        return Groups(*(part[:, :, order].reshape(len(count), -1) for part in parts))


def preceding(values: Float[ndarray, "q groups"]) -> Float[ndarray, "q groups"]:
    """Return for each group the sum over the groups before it."""
    sums: ndarray = np.cumsum(values, axis=1) - values
    return sums


def tally(
    query: Codes,
    database: Codes,
    query_labels: Bool[ndarray, "_ _"],
    database_labels: Bool[ndarray, "_ _"],
    *,
    graded: bool = False,
    log: Log = silent,
) -> Tally:
    """Return the database of each query, counted by Hamming distance and relevance (or shared labels)."""
    most = max_shared(query_labels, database_labels) if graded else 1
    count = np.zeros((len(query), query.bits + 1, most + 1), np.uint32)
    if len(query) * len(database) <= FEW_PAIRS:
        _count_plainly(query, database, query_labels, database_labels, count)
        log(len(query), len(query), {})
        return Tally(count)
    from .kernel import count_pairs, count_words

    words = PackedWords.of(query, database, query_labels, database_labels)

    def fill(rows: slice) -> None:
        if words.widths == (1, 1) and not graded:
            count_words(*words[rows], count[rows])
        else:
            count_pairs(*words[rows], count[rows], *words.blanks)

    in_blocks(fill, len(query), log)
    return Tally(count)


def max_shared(query_labels: Bool[ndarray, "_ _"], database_labels: Bool[ndarray, "_ _"]) -> int:
    """Return a bound on the number of labels that a query and an item share, at least 1."""
    return int(max(1, min(query_labels.sum(1).max(), database_labels.sum(1).max())))


def _count_plainly(
    query: Codes,
    database: Codes,
    query_labels: Bool[ndarray, "_ _"],
    database_labels: Bool[ndarray, "_ _"],
    count: UInt32[ndarray, "q distances grades"],
) -> None:
    """Count by numpy, a block of queries at a time: the kernel's definition, and faster for few pairs."""
    _, distances, grades = count.shape
    step = max(1, (1 << 20) // len(database))
    for start in range(0, len(query), step):
        rows = slice(start, min(start + step, len(query)))
        shared = query_labels[rows].astype(np.float32) @ database_labels.T.astype(np.float32)
        key = hamming(query[rows], database).astype(np.int64) * grades + np.minimum(shared, grades - 1).astype(np.int64)
        key += np.arange(len(key))[:, None] * (distances * grades)
        size = len(key) * distances * grades
        count[rows] = np.bincount(key.ravel(), minlength=size).reshape(-1, distances, grades)


@final
@dataclass(frozen=True, eq=False)
class PackedWords:
    """Codes and labels as the kernel reads them: 64-bit words, the database word by word."""

    query: UInt64[ndarray, "q words"]
    query_labels: UInt64[ndarray, "q label_words"]
    database: UInt64[ndarray, "words n"]
    database_labels: UInt64[ndarray, "label_words n"]

    @classmethod
    def of(
        cls, query: Codes, database: Codes, query_labels: Bool[ndarray, "_ _"], database_labels: Bool[ndarray, "_ _"]
    ) -> PackedWords:
        """Return codes and labels in words, the last one filled up with zeros."""
        columns = [_words(part) for part in (database.packed, np.packbits(database_labels, axis=1))]
        codes, labels = (np.ascontiguousarray(part.T) for part in columns)
        return cls(_words(query.packed), _words(np.packbits(query_labels, axis=1)), codes, labels)

    @property
    def widths(self) -> tuple[int, int]:
        """How many words a code and its labels fill."""
        return len(self.database), len(self.database_labels)

    @property
    def blanks(self) -> tuple[tuple[np.uint64, ...], tuple[np.uint64, ...]]:
        """As many zeros as a code and its labels have words; the kernel knows their number from the type."""
        code, label = self.widths
        return (np.uint64(0),) * code, (np.uint64(0),) * label

    def __getitem__(
        self, rows: slice
    ) -> tuple[
        UInt64[ndarray, "q words"],
        UInt64[ndarray, "q label_words"],
        UInt64[ndarray, "words n"],
        UInt64[ndarray, "label_words n"],
    ]:
        """Return the kernel's first four arguments for some of the queries."""
        return self.query[rows], self.query_labels[rows], self.database, self.database_labels


def _words(packed: UInt8[ndarray, "n bytes"]) -> UInt64[ndarray, "n words"]:
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def in_blocks(work: Callable[[slice], None], queries: int, log: Log = silent, block: int = BLOCK) -> None:
    """Do some work for every block of queries, on as many threads as this process may use."""
    blocks = [slice(start, min(start + block, queries)) for start in range(0, queries, block)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for done, _ in enumerate(pool.map(work, blocks), 1):
            log(blocks[done - 1].stop, queries, {})
