"""The oracle: every query is compared with every code, in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
from jaxtyping import UInt16
from numpy import ndarray

from ..codes import Codes, hamming
from .base import Neighbours
from .scans import NO_PAIRS, Pairs, Scan

#: Distances held at a time; a stable argsort of as many takes ten times their bytes.
_BLOCK = 1 << 22


@final
class Exact(Scan):
    """Sorts all distances; the definition that the other indexes are tested against."""

    def _nearest(self, queries: Codes, codes: Codes, k: int) -> Neighbours:
        found = Neighbours(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.uint16))
        for block, distance in _distances(queries, codes):
            found.ids[block] = np.argsort(distance, axis=1, kind="stable")[:, :k]
            found.distances[block] = np.take_along_axis(distance, found.ids[block], axis=1)
        return found

    def _pairs(self, queries: Codes, codes: Codes, radius: int) -> Pairs:
        parts = [NO_PAIRS]
        for block, distance in _distances(queries, codes):
            query, row = np.nonzero(distance <= radius)
            parts.append(Pairs(query + block.start, row, distance[query, row]))
        return Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _distances(queries: Codes, codes: Codes) -> Iterator[tuple[slice, UInt16[ndarray, "b n"]]]:
    """Yield a block of queries at a time with its distances, so that memory stays bounded."""
    size = max(1, _BLOCK // max(1, len(codes)))
    for start in range(0, len(queries), size):
        block = slice(start, start + size)
        yield block, hamming(queries[block], codes)
