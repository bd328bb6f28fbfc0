"""FAISS's inverted file: codes are grouped around centres, and a search looks into the nearest groups only."""

from __future__ import annotations

from typing import final

import faiss
import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from .base import Balls, Neighbours, columns, same_bits, searchable
from .flat import Flat, within


@final
class InvertedFile:
    """Approximate: finds at least 95 % of the 100 nearest among codes that cluster as learned ones do.

    Codes that are spread evenly defeat it, as they defeat every approximate index: scan those with `Flat`. Distances
    are always right, and as many neighbours come back as were asked for: a query whose groups hold too few codes is
    scanned instead, and so is a restricted search. Of codes that tie at the last distance, it returns any.
    """

    def __init__(self, codes: Codes, lists: int | None = None, probes: int = 64) -> None:
        """Group the codes into `lists` groups, by default near the square root of their number; search `probes`."""
        self.codes = searchable(codes)
        lists = default_lists(len(codes)) if lists is None else lists
        if not 1 <= lists <= len(codes):
            raise InputError(f"{lists} lists cannot be made of {len(codes)} codes; use 1 to {len(codes)} lists")
        if probes < 1:
            raise InputError(f"a search looks into at least one list, but probes is {probes}")
        self._scan = Flat(self.codes)
        width = 8 * self.codes.packed.shape[1]
        self._centres = faiss.IndexBinaryFlat(width)  # held here: the inverted file does not own it
        self._groups = faiss.IndexBinaryIVF(self._centres, width, lists)
        self._groups.cp.min_points_per_centroid = 1  # or it warns on stderr about small collections
        self._groups.nprobe = min(probes, lists)
        self._groups.train(self.codes.packed)
        self._groups.add(self.codes.packed)

    def search(self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None) -> Neighbours:
        """Return `k` near codes of each query: those of the probed groups, or exactly the nearest allowed ones."""
        same_bits(self.codes, queries)
        if allowed is not None:
            return self._scan.search(queries, k, allowed)
        distances, rows = self._groups.search(queries.packed, columns(k, len(self.codes)))
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            rows[short], distances[short] = self._scan.search(queries[short], k)
        order = np.lexsort((rows, distances))
        return Neighbours(
            np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1).astype(np.uint16)
        )

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the codes of the probed groups, or all allowed ones, that differ in at most `radius` bits."""
        same_bits(self.codes, queries)
        if allowed is not None:
            return self._scan.within(queries, radius, allowed)
        return within(self._groups, queries, radius)


def default_lists(total: int) -> int:
    """Return the power of two nearest to the square root: 1,024 lists for a million codes."""
    return int(2 ** round(np.log2(total) / 2))
