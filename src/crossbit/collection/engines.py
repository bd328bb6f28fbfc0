"""Which index answers: a scan up to some millions of codes, an inverted file beyond, gathered codes under a filter."""

from __future__ import annotations

import threading
from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ..codes import Codes
from ..data import Modality
from ..indexes import Balls, Index, Neighbours, build
from .settings import Settings
from .snapshot import Side

#: Codes up to which a scan is fast enough to need no index: 10 ms a query at 64 bits, see docs/performance.md.
SCANNED = 4_000_000


@final
class Engines:
    """Indexes over the sides of a snapshot, built when they are first needed and dropped with it."""

    def __init__(self) -> None:
        """Start without any."""
        self._built: dict[tuple[Modality, str, int], tuple[Side, Index]] = {}
        self._lock = threading.Lock()

    def nearest(
        self,
        side: Side,
        modality: Modality,
        queries: Codes,
        k: int,
        allowed: Int64[ndarray, "m"] | None,
        settings: Settings,
    ) -> tuple[Neighbours, str]:
        """Return the nearest codes of each query by row, and how they were found."""
        if not len(side) or (allowed is not None and not len(allowed)):
            shape = (len(queries), 0)
            return Neighbours(np.empty(shape, np.int64), np.empty(shape, np.uint16)), "nothing to search"
        if allowed is not None:
            found = build("faiss", side.codes[allowed]).search(queries, k)
            return Neighbours(allowed[found.rows], found.distances), "flat over the allowed codes"
        if settings.index == "ivf" or (settings.index == "auto" and len(side) > SCANNED):
            index = self._index(side, modality, "faiss-ivf", probes=settings.probes)
            return index.search(queries, k), f"ivf, {settings.probes} probes"
        return self._index(side, modality, "faiss").search(queries, k), "flat"

    def within(
        self, side: Side, modality: Modality, query: Codes, radius: int, allowed: Int64[ndarray, "m"] | None
    ) -> tuple[Balls, str]:
        """Return the codes within a radius of a query by row, and how they were found."""
        if not len(side) or (allowed is not None and not len(allowed)):
            none = np.empty(0, np.int64)
            return Balls(np.zeros(2, np.int64), none, none.astype(np.uint16)), "nothing to search"
        return self._index(side, modality, "faiss").within(query, radius, allowed), "flat"

    def _index(self, side: Side, modality: Modality, name: str, probes: int = 0) -> Index:
        """Return the index over a side; the one over an older state of it makes room."""
        key = (modality, name, probes)
        known = self._built.get(key)
        if known is None or known[0] is not side:
            with self._lock:
                known = self._built.get(key)
                if known is None or known[0] is not side:
                    options = {"probes": probes} if probes else {}
                    known = self._built[key] = (side, build(name, side.codes, **options))
        return known[1]
