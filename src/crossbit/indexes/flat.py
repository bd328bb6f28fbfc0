"""FAISS's exhaustive scan: the oracle's results, ties included, from SIMD kernels."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from jaxtyping import Int64, Shaped
from numpy import ndarray

from ..codes import Codes
from .base import Neighbours, faiss_module
from .scans import NO_PAIRS, Pairs, Scan


@final
class Flat(Scan):
    """Scans all codes where they lie and keeps no copy."""

    def __init__(self, codes: Codes, ids: Shaped[ndarray, "n"] | None = None) -> None:
        """Take the codes to search among; FAISS must be installed."""
        faiss_module()
        super().__init__(codes, ids)

    def _nearest(self, queries: Codes, codes: Codes, k: int) -> Neighbours:
        faiss = faiss_module()
        distances, rows = faiss.knn_hamming(np.ascontiguousarray(queries.packed), codes.packed, k)
        return Neighbours(rows, distances.astype(np.uint16))

    def _pairs(self, queries: Codes, codes: Codes, radius: int) -> Pairs:
        faiss = faiss_module()
        packed = np.ascontiguousarray(queries.packed)
        found = faiss.RangeSearchResult(len(packed))
        faiss.hamming_range_search(
            faiss.swig_ptr(packed),
            faiss.swig_ptr(codes.packed),
            len(packed),
            len(codes),
            radius + 1,  # FAISS leaves out what lies at the radius itself
            packed.shape[1],
            found,
        )
        limits = faiss.rev_swig_ptr(found.lims, len(packed) + 1).astype(np.int64)
        if not limits[-1]:
            return NO_PAIRS
        rows, distances = (faiss.rev_swig_ptr(part, int(limits[-1])).copy() for part in (found.labels, found.distances))
        return Pairs(owners(limits), rows, distances)


def owners(limits: Int64[ndarray, "starts"]) -> Any:
    """Return the query of each result of a range search."""
    return np.repeat(np.arange(len(limits) - 1), np.diff(limits))
