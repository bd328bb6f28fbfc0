"""The compiled inner loops: XOR and popcount for distance, AND for relevance, counting instead of sorting.

Each function walks the database once per query, releases the GIL and needs no memory that grows with the database but
its output and, for ranking, a distance per item. `tally` and `ranking` run them on one block of queries per thread:
without numba's own parallelism they compile several times faster, nest, fork, and may be called from several threads.

Codes and labels arrive as 64-bit words: `database[w, n]` by word and item, `query[q, w]` by query and word. Where there
may be several words, a tuple of as many zeros comes along: its length is part of its type, so that the compiler
unrolls the loop over words. The first call for a number of words compiles for about a second; the result is cached
on disk where a writable place exists.
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
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the compiled function, cached on disk unless no place to write is found."""
    function = inspect.unwrap(function)  # from what checks shapes in the tests
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no directory to cache in
        return numba.njit(nogil=True)(function)


def _ones(typing: Any, word: Any) -> Any:
    def build(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


#: The number of ones in a 64-bit word, by the processor's own instruction.
popcount: Any = intrinsic(_ones)


@compiled
def distance(code, database, n):
    """Return the number of bits in which a code differs from item n's."""
    total = popcount(code[0] ^ database[0, n])
    for w in range(1, len(code)):
        total += popcount(code[w] ^ database[w, n])
    return total


@compiled
def shared(label, labels, n):
    """Return the number of labels shared with item n."""
    total = popcount(label[0] & labels[0, n])
    for w in range(1, len(label)):
        total += popcount(label[w] & labels[w, n])
    return total


@compiled
def row_words(words, q, blank):
    """Return row q of a matrix of words as a tuple."""
    for w in range(len(blank)):
        blank = tuple_setitem(blank, w, words[q, w])
    return blank


@compiled
def count_words(query, query_labels, database, database_labels, count):
    """Add each pair to `count[q, distance, relevant]`, where a code and its labels fill one word each."""
    last = query.shape[0] - 1
    spare = np.zeros_like(count[0])
    for q in range(0, last + 1, 2):
        p = min(q + 1, last)
        first, second = (query[q, 0], query_labels[q, 0]), (query[p, 0], query_labels[p, 0])
        other = count[p] if p > q else spare
        count_two(first, second, database[0], database_labels[0], count[q].reshape(-1), other.reshape(-1))


@compiled
def count_two(first, second, codes, labels, count_first, count_second):
    """Count for two queries in one walk, so that one is served while the other waits for its counter."""
    zero, two, one = np.uint64(0), np.uint64(2), np.uint32(1)
    for n in range(codes.shape[0]):
        code, label = codes[n], labels[n]
        count_first[popcount(first[0] ^ code) * two + np.uint64((first[1] & label) != zero)] += one
        count_second[popcount(second[0] ^ code) * two + np.uint64((second[1] & label) != zero)] += one


@compiled
def count_pairs(query, query_labels, database, database_labels, count, blank_code, blank_label):
    """Add each pair to `count[q, distance, shared labels]`; the last column takes all that share more."""
    for q in range(query.shape[0]):
        code, label = row_words(query, q, blank_code), row_words(query_labels, q, blank_label)
        if count.shape[2] == 2:
            count_relevant(code, label, database, database_labels, count[q].reshape(-1))
        else:
            count_shared(code, label, database, database_labels, count[q].reshape(-1), count.shape[2])


@compiled
def count_relevant(code, label, database, labels, count):
    """Count for one query whether a label is shared."""
    zero, two, one = np.uint64(0), np.uint64(2), np.uint32(1)
    for n in range(database.shape[1]):
        common = label[0] & labels[0, n]
        for w in range(1, len(label)):
            common |= label[w] & labels[w, n]
        count[distance(code, database, n) * two + np.uint64(common != zero)] += one


@compiled
def count_shared(code, label, database, labels, count, grades):
    """Count for one query how many labels are shared."""
    width, most, one = np.uint64(grades), np.uint64(grades - 1), np.uint32(1)
    for n in range(database.shape[1]):
        count[distance(code, database, n) * width + min(shared(label, labels, n), most)] += one


@compiled
def rank_pairs(query, query_labels, database, database_labels, grades, blank_code, blank_label):
    """Write the labels shared with each item into `grades[q, rank]`; items at one distance keep their order."""
    distances = np.empty(database.shape[1], np.uint16)
    for q in range(query.shape[0]):
        code, label = row_words(query, q, blank_code), row_words(query_labels, q, blank_label)
        place = np.zeros(64 * database.shape[0] + 2, np.uint32)
        measure_one(code, database, distances, place)
        for d in range(1, place.shape[0]):
            place[d] += place[d - 1]
        place_one(label, database_labels, distances, place, grades[q])


@compiled
def measure_one(code, database, distances, after):
    """Keep each item's distance, and count it one place further on."""
    one = np.uint32(1)
    for n in range(database.shape[1]):
        d = distance(code, database, n)
        distances[n] = d
        after[d + np.uint64(1)] += one


@compiled
def place_one(label, labels, distances, place, grades):
    """Put each item's grade at the next place of its distance."""
    one = np.uint32(1)
    for n in range(distances.shape[0]):
        d = np.uint64(distances[n])
        grades[np.uint64(place[d])] = shared(label, labels, n)
        place[d] += one
