"""Which index answers: a scan up to some millions of codes, an inverted file beyond, gathered codes under a filter."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import Modality
from ...indexes import Balls, Index, Neighbours, build
from ..storage.snapshot import Side
from .ivf import Inverted
from .settings import Settings

#: Codes up to which a scan is fast enough to need no index: 10 ms a query at 64 bits, see docs/performance.md.
SCANNED = 4_000_000


@final
class Engines:
    """Indexes over the sides of a snapshot, made when they are first needed; inverted files are kept in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start without any."""
        self._folder = folder
        self._flat: dict[Modality, tuple[Side, Index]] = {}
        self._inverted: dict[Modality, Inverted] = {}
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
            inverted = self._inverted_file(side, modality)
            return inverted.search(side, queries, k, settings.probes), f"ivf, {settings.probes} probes"
        return self._scan(side, modality).search(queries, k), "flat"

    def within(
        self, side: Side, modality: Modality, query: Codes, radius: int, allowed: Int64[ndarray, "m"] | None
    ) -> tuple[Balls, str]:
        """Return the codes within a radius of a query by row, and how they were found."""
        if not len(side) or (allowed is not None and not len(allowed)):
            none = np.empty(0, np.int64)
            return Balls(np.zeros(2, np.int64), none, none.astype(np.uint16)), "nothing to search"
        return self._scan(side, modality).within(query, radius, allowed), "flat"

    def _scan(self, side: Side, modality: Modality) -> Index:
        known = self._flat.get(modality)
        if known is None or known[0] is not side:
            known = self._flat[modality] = (side, build("faiss", side.codes))
        return known[1]

    def _inverted_file(self, side: Side, modality: Modality) -> Inverted:
        """Return an inverted file that is good for a side: the one at hand, the saved one, or a new one."""
        known = self._inverted.get(modality)
        if known is not None and not known.stale(side):
            return known
        with self._lock:
            known = self._inverted.get(modality) or Inverted.load(self._folder, modality, side)
            if known is None or known.stale(side):
                known = Inverted.built(side)
                known.save(self._folder, modality)
            self._inverted[modality] = known
            return known
