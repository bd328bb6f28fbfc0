"""The compiled inner loops: XOR and popcount for distance, AND for relevance, counting instead of sorting.

Each function walks the database once per query, releases the GIL, and needs no memory but its output and
a buffer of fixed size, so that `tally` and `ranking` run it on one block of queries per thread. There is no numba
`parallel=True`: plain threads compile four times faster, nest, fork and may be called from several threads at once.

Codes and labels arrive as 64-bit words: `database[w, n]` by word and item, `query[q, w]` by query and word.
The first call compiles (about a second); the result is cached on disk where a writable place exists.
"""

# mypy: disable-error-code="no-untyped-def,call-arg,import-untyped"

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

#: Items whose keys are buffered at a time: 16 KiB, half of a first-level cache.
TILE = 2048


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Return the compiled function, cached on disk unless no place to write is found."""
    function = inspect.unwrap(function)  # from what checks shapes in the tests
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no directory to cache in
        return numba.njit(nogil=True)(function)


@intrinsic
def popcount(typing: Any, word: Any) -> Any:
    """Return the number of ones in a 64-bit word, by the processor's own instruction."""

    def build(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


@compiled
def count_words(query, query_labels, database, database_labels, count):
    """Add each pair to `count[q, 2 * distance + relevant]`, where a code and its labels fill one word each."""
    zero, two, one = np.uint64(0), np.uint64(2), np.uint32(1)
    codes, labels = database[0], database_labels[0]
    for q in range(query.shape[0]):
        code, label, row = query[q, 0], query_labels[q, 0], count[q]
        for n in range(codes.shape[0]):
            row[popcount(code ^ codes[n]) * two + np.uint64((label & labels[n]) != zero)] += one


@compiled
def count_keys(query, query_labels, database, database_labels, count):
    """Add each pair to `count[q, distance, shared labels]`; the last column takes all that share more."""
    items, most = database.shape[1], np.uint64(count.shape[2] - 1)
    distance, shared = np.empty(TILE, np.uint64), np.empty(TILE, np.uint64)
    for start in range(0, items, TILE):
        size = min(TILE, items - start)
        for q in range(query.shape[0]):
            add_words(query[q], database[:, start : start + size], distance, True)
            add_words(query_labels[q], database_labels[:, start : start + size], shared, False)
            row = count[q]
            for n in range(size):
                row[distance[n], min(shared[n], most)] += np.uint32(1)


@compiled
def rank_stably(query, query_labels, database, database_labels, grades):
    """Write the labels shared with each item into `grades[q, rank]`; items at one distance keep their order."""
    items = database.shape[1]
    distance, shared = np.empty(TILE, np.uint64), np.empty(TILE, np.uint64)
    distances = np.empty(items, np.uint16)
    for q in range(query.shape[0]):
        place = np.zeros(64 * database.shape[0] + 2, np.int64)
        for start in range(0, items, TILE):
            size = min(TILE, items - start)
            add_words(query[q], database[:, start : start + size], distance, True)
            for n in range(size):
                distances[start + n] = distance[n]
                place[distance[n] + np.uint64(1)] += 1
        for d in range(1, place.shape[0]):
            place[d] += place[d - 1]
        for start in range(0, items, TILE):
            size = min(TILE, items - start)
            add_words(query_labels[q], database_labels[:, start : start + size], shared, False)
            for n in range(size):
                d = distances[start + n]
                grades[q, place[d]] = shared[n]
                place[d] += 1


@compiled
def add_words(word, words, total, differing):
    """Set `total[n]` to the bits that differ from (or are shared with) item n, over all words."""
    total[: words.shape[1]] = 0
    for w in range(words.shape[0]):
        a, others = word[w], words[w]
        if differing:
            for n in range(others.shape[0]):
                total[n] += popcount(a ^ others[n])
        else:
            for n in range(others.shape[0]):
                total[n] += popcount(a & others[n])
