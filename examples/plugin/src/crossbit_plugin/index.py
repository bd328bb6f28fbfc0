"""An index of our own: an exact scan that selects the nearest codes instead of sorting all distances."""

from __future__ import annotations

from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from crossbit import Codes, hamming
from crossbit.indexes import Neighbours
from crossbit.indexes.scans import Pairs, Scan


@final
class Selection(Scan):
    """Compares every query with every code in numpy; a key of distance and row makes ties exact."""

    def _nearest(self, queries: Codes, codes: Codes, k: int) -> Neighbours:
        keys = _keys(queries, codes)
        if k < len(codes):
            keys = np.partition(keys, k - 1, axis=1)[:, :k] if k else keys[:, :0]
        distances, rows = np.divmod(np.sort(keys, axis=1), len(codes) or 1)
        return Neighbours(rows, distances.astype(np.uint16))

    def _pairs(self, queries: Codes, codes: Codes, radius: int) -> Pairs:
        distances = hamming(queries, codes)
        query, row = np.nonzero(distances <= radius)
        return Pairs(query, row, distances[query, row])


def _keys(queries: Codes, codes: Codes) -> Int64[ndarray, "q n"]:
    return hamming(queries, codes).astype(np.int64) * len(codes) + np.arange(len(codes))
