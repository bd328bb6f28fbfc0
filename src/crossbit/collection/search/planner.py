"""The choice of an index for each search: a scan up to some millions of codes, an inverted file beyond.

A search under a filter gathers the allowed codes and scans them.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import Modality
from ...indexes import INDEXES, Balls, Index, Neighbours, build, scan, scan_name
from ..storage.snapshot import Side
from .saved_index import SavedIndex
from .settings import Settings

#: Codes up to which a scan is fast enough to need no index: 10 ms a query at 64 bits, see docs/performance.md.
SCANNED = 4_000_000


@final
class Planner:
    """Indexes over the sides of a snapshot, each built when it is first needed; those worth it are saved in a folder.

    The ids of its results are rows of the side.
    """

    def __init__(self, folder: Path) -> None:
        """Start without any."""
        self._folder = folder
        self._built: dict[tuple[Modality, str], tuple[Side, Index]] = {}
        self._saved: dict[tuple[Modality, str], SavedIndex] = {}
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
        """Return the nearest codes of each query by row, and the index that found them."""
        if not len(side) or (allowed is not None and not len(allowed)):
            shape = (len(queries), 0)
            return Neighbours(np.empty(shape, np.int64), np.empty(shape, np.uint16)), "nothing to search"
        if allowed is not None:
            found = scan(side.codes[allowed]).search(queries, k)
            return Neighbours(allowed[found.ids], found.distances), f"{scan_name()} over the allowed codes"
        name = _chosen(settings, len(side))
        if (modality, name) in self._saved or INDEXES[name].saved:
            index = self._saved_index(name, side, modality)
            return index.search(side, queries, k, settings.probes), f"{name}, {settings.probes} probes"
        return self._index(name, side, modality).search(queries, k), name

    def within(
        self, side: Side, modality: Modality, query: Codes, radius: int, allowed: Int64[ndarray, "m"] | None
    ) -> tuple[Balls, str]:
        """Return the codes within a radius of a query by row, and the index that found them."""
        name = scan_name()
        if not len(side) or (allowed is not None and not len(allowed)):
            none = np.empty(0, np.int64)
            return Balls(np.zeros(2, np.int64), none, none.astype(np.uint16)), "nothing to search"
        return self._index(name, side, modality).within(query, radius, allowed), name

    def _index(self, name: str, side: Side, modality: Modality) -> Index:
        """Return an index of the codes as they are; building it costs nothing."""
        known = self._built.get((modality, name))
        if known is None or known[0] is not side:
            known = self._built[modality, name] = (side, build(name, side.codes))
        return known[1]

    def _saved_index(self, name: str, side: Side, modality: Modality) -> SavedIndex:
        """Return an index that is good for a side: the one at hand, the saved one, or a new one."""
        known = self._saved.get((modality, name))
        if known is not None and not known.stale(side):
            return known
        with self._lock:
            known = self._saved.get((modality, name)) or SavedIndex.load(self._folder, modality, name, side)
            if known is None or known.stale(side):
                known = SavedIndex.built(name, side)
                known.save(self._folder, modality, name)
            self._saved[modality, name] = known
            return known


def _chosen(settings: Settings, size: int) -> str:
    """Return the name of the index to search; without FAISS there is only numpy's scan."""
    if settings.index == "auto":
        return "ivf" if size > SCANNED and scan_name() == "flat" else scan_name()
    return scan_name() if settings.index == "flat" else settings.index
