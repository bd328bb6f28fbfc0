"""FAISS's exhaustive scan: the oracle's answers, ties included, from its SIMD kernels."""

from __future__ import annotations

from typing import final

import faiss
import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ..codes import Codes
from .base import Balls, Neighbours, balls, columns, rows_of, same_bits, searchable, whole_radius


@final
class Flat:
    """Scans all codes where they lie, memory-mapped ones too, and keeps no copy.

    A restricted search gathers the allowed codes and scans those alone.
    """

    def __init__(self, codes: Codes) -> None:
        """Take the codes to search among."""
        self.codes = searchable(codes)

    def search(self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None) -> Neighbours:
        """Return the `k` nearest allowed codes of each query."""
        same_bits(self.codes, queries)
        if allowed is None:
            return _nearest(queries, self.codes, columns(k, len(self.codes)))
        rows = rows_of(allowed, len(self.codes))
        found = _nearest(queries, self.codes[rows], columns(k, len(rows)))
        return Neighbours(rows[found.rows], found.distances)

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the allowed codes that differ from each query in at most `radius` bits."""
        same_bits(self.codes, queries)
        rows = rows_of(allowed, len(self.codes))
        scan = faiss.IndexBinaryFlat(8 * self.codes.packed.shape[1])
        scan.add(self.codes.packed if allowed is None else self.codes.packed[rows])
        found = within(scan, queries, radius)
        return Balls(found.starts, rows[found.rows], found.distances)


def within(index: faiss.IndexBinary, queries: Codes, radius: int) -> Balls:
    """Return what a FAISS index finds within a radius; FAISS itself excludes the radius it is given."""
    limits, distances, rows = index.range_search(queries.packed, min(whole_radius(radius), queries.bits) + 1)
    query = np.searchsorted(limits.astype(np.int64), np.arange(len(rows)), side="right") - 1
    return balls(query, rows, distances, len(queries))


def _nearest(queries: Codes, codes: Codes, k: int) -> Neighbours:
    if not k or not len(queries):
        return Neighbours(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.uint16))
    distances, rows = faiss.knn_hamming(np.ascontiguousarray(queries.packed), codes.packed, k)
    return Neighbours(rows, distances.astype(np.uint16))
