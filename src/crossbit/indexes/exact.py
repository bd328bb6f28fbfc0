"""The oracle: every query is compared with every code, in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
from jaxtyping import Shaped, UInt16
from numpy import ndarray

from ..codes import Codes, hamming
from .base import Balls, Neighbours, balls, columns, rows_of, same_bits, searchable, whole_radius

#: Distances held at a time; a stable argsort of as many takes ten times their bytes.
_BLOCK = 1 << 22


@final
class Exact:
    """Sorts all distances; the definition that the other indexes are tested against."""

    def __init__(self, codes: Codes) -> None:
        """Take the codes to search among."""
        self.codes = searchable(codes)

    def search(self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None) -> Neighbours:
        """Return the `k` nearest allowed codes of each query."""
        same_bits(self.codes, queries)
        rows = rows_of(allowed, len(self.codes))
        shape = len(queries), columns(k, len(rows))
        found = Neighbours(np.empty(shape, np.int64), np.empty(shape, np.uint16))
        for block, distance in _distances(queries, self.codes[rows]):
            nearest = np.argsort(distance, axis=1, kind="stable")[:, : shape[1]]
            found.rows[block] = rows[nearest]
            found.distances[block] = np.take_along_axis(distance, nearest, axis=1)
        return found

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the allowed codes that differ from each query in at most `radius` bits."""
        same_bits(self.codes, queries)
        rows = rows_of(allowed, len(self.codes))
        parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))]
        for block, distance in _distances(queries, self.codes[rows]):
            query, column = np.nonzero(distance <= whole_radius(radius))
            parts.append((query + block.start, rows[column], distance[query, column]))
        query, found, distances = (np.concatenate(part) for part in zip(*parts, strict=True))
        return balls(query, found, distances, len(queries))


def _distances(queries: Codes, codes: Codes) -> Iterator[tuple[slice, UInt16[ndarray, "b n"]]]:
    """Yield a block of queries at a time with its distances, so that memory stays bounded."""
    size = max(1, _BLOCK // max(1, len(codes)))
    for start in range(0, len(queries), size):
        block = slice(start, start + size)
        yield block, hamming(queries[block], codes)
