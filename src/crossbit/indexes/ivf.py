"""The inverted file of FAISS: codes are grouped around centres, and a search looks into the nearest groups only."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Int64, Shaped, UInt8
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from . import files
from .base import (
    Balls,
    Neighbours,
    balls,
    checked_ids,
    checked_radius,
    columns,
    distinct,
    faiss_module,
    in_order,
    ordered,
    same_bits,
)
from .flat import Flat, owners
from .scans import refuse_known

#: Groups that a search looks into by default.
PROBES = 64
#: Codes for each group that its centre is learned from, at most, and rounds of learning.
SAMPLED, ROUNDS = 64, 5


@final
class InvertedFile:
    """Approximate: finds at least 95 % of the 100 nearest among codes that cluster as learned ones do.

    Codes that are spread evenly defeat it, as they defeat every approximate index: scan those with `Flat`. As many
    neighbours come back as were asked for: a query whose groups hold too few codes is scanned instead, and so is a
    restricted search.
    """

    recall: ClassVar[float] = 0.95
    saved: ClassVar[bool] = True

    def __init__(
        self,
        codes: Codes,
        ids: Shaped[ndarray, "n"] | None = None,
        lists: int | None = None,
        probes: int = PROBES,
    ) -> None:
        """Group the codes into `lists` groups, by default near the square root of their number; search `probes`."""
        codes, ids = ordered(codes, ids)
        lists = default_lists(len(codes)) if lists is None else lists
        if not 1 <= lists <= len(codes):
            raise InputError(f"{lists} lists cannot be made of {len(codes)} codes; use 1 to {len(codes)} lists")
        self._start(codes.bits, lists, checked_probes(probes))
        self._groups.train(codes.packed)
        self._groups.add_with_ids(codes.packed, np.arange(len(codes)) if ids is None else ids)

    def _start(self, bits: int, lists: int, probes: int) -> None:
        faiss = faiss_module()
        self.bits, self.probes = bits, probes
        width = 8 * -(-bits // 8)
        self._centres = faiss.IndexBinaryFlat(width)  # held here: the inverted file does not own it
        self._groups = faiss.IndexBinaryIVF(self._centres, width, lists)
        self._groups.cp.min_points_per_centroid = 1  # or it warns on stderr about small collections
        self._groups.cp.max_points_per_centroid, self._groups.cp.niter = SAMPLED, ROUNDS
        self._scan: Flat | None = None

    def __len__(self) -> int:
        """Return the number of codes."""
        return int(self._groups.ntotal)

    def add(self, codes: Codes, ids: Shaped[ndarray, "n"]) -> None:
        """Add codes under new ids to the groups of their nearest centres."""
        same_bits(self.bits, codes)
        ids = checked_ids(ids, codes)
        refuse_known(ids, self.entries()[0])
        self._groups.add_with_ids(np.ascontiguousarray(codes.packed), np.ascontiguousarray(ids))
        self._scan = None

    def remove(self, ids: Shaped[ndarray, "n"]) -> int:
        """Remove codes and return how many."""
        ids = np.ascontiguousarray(distinct(ids, "ids"))
        self._scan = None
        return int(self._groups.remove_ids(ids)) if len(ids) else 0

    def entries(self) -> tuple[Int64[ndarray, "n"], Codes]:
        """Return all ids, ascending, and their codes."""
        _, ids, packed = self._lists()
        order = np.argsort(ids, kind="stable")
        return ids[order], Codes(packed[order], self.bits)

    def search(
        self, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None, *, probes: int | None = None
    ) -> Neighbours:
        """Return `k` near codes of each query: those of the probed groups, or exactly the nearest allowed ones.

        Threads that search at once with different probes may use each other's: only recall depends on them.
        """
        same_bits(self.bits, queries)
        k = columns(k, len(self))
        if not k:
            return Neighbours(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.uint16))
        if allowed is not None:
            return self._scanned().search(queries, k, allowed)
        self._probe(self.probes if probes is None else checked_probes(probes))
        distances, ids = self._groups.search(np.ascontiguousarray(queries.packed), k)
        short = np.flatnonzero((ids < 0).any(axis=1))
        if len(short):
            ids[short], distances[short] = self._scanned().search(queries[short], k)
        return in_order(ids, distances)

    def within(self, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None) -> Balls:
        """Return the codes of the probed groups, or all allowed ones, that differ in at most `radius` bits."""
        same_bits(self.bits, queries)
        radius = checked_radius(radius, self.bits)
        if allowed is not None and len(self):
            return self._scanned().within(queries, radius, allowed)
        self._probe(self.probes)
        limits, distances, ids = self._groups.range_search(np.ascontiguousarray(queries.packed), radius + 1)
        return balls(owners(limits.astype(np.int64)), ids, distances, len(queries))

    def save(self, path: Path) -> None:
        """Save the centres, and the ids and codes of group after group, in one file."""
        sizes, ids, packed = self._lists()
        centres = faiss_module().vector_to_array(self._centres.xb).reshape(len(sizes), -1)
        probes = np.array([self.probes])
        files.save(path, "ivf", Codes(packed, self.bits), ids=ids, sizes=sizes, centres=centres, probes=probes)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the saved index, without learning centres again."""
        codes, (ids, sizes, packed, probes) = files.load(path, "ivf", ["ids", "sizes", "centres", "probes"])
        index = cls.__new__(cls)
        with files.refused(path):
            centres = Codes(packed, codes.bits)
            whole = ids.shape == (len(codes),) and sizes.shape == (len(centres),) and sizes.sum() == len(codes)
            if not (whole and ids.dtype == sizes.dtype == np.int64 and sizes.min() >= 0):
                raise ValueError("its groups do not add up")
            index._start(codes.bits, len(sizes), checked_probes(int(probes[0])))
        index._fill(centres, sizes, ids, codes)
        return index

    def _fill(self, centres: Codes, sizes: Int64[ndarray, "lists"], ids: Int64[ndarray, "n"], codes: Codes) -> None:
        """Take group after group as it was."""
        faiss = faiss_module()
        self._centres.add(np.ascontiguousarray(centres.packed))
        starts = [0, *np.cumsum(sizes).tolist()]
        for group, (start, stop) in enumerate(pairwise(starts)):
            part = faiss.swig_ptr(ids[start:stop]), faiss.swig_ptr(codes.packed[start:stop])
            self._groups.invlists.add_entries(group, stop - start, *part)
        self._groups.is_trained, self._groups.ntotal = True, len(ids)

    def _probe(self, probes: int) -> None:
        self._groups.nprobe = min(probes, self._groups.nlist)

    def _scanned(self) -> Flat:
        """Return a scan of all codes, gathered when one is first needed after a change."""
        scan = self._scan
        if scan is None:
            ids, codes = self.entries()
            scan = self._scan = Flat(codes, ids)
        return scan

    def _lists(self) -> tuple[Int64[ndarray, "lists"], Int64[ndarray, "n"], UInt8[ndarray, "n bytes"]]:
        """Return the sizes of the groups, and the ids and codes of group after group."""
        faiss, lists, width = faiss_module(), self._groups.invlists, self._groups.code_size
        sizes = np.array([lists.list_size(group) for group in range(self._groups.nlist)])
        ids, packed = np.empty(sizes.sum(), np.int64), np.empty((sizes.sum(), width), np.uint8)
        start = 0
        for group, size in enumerate(sizes.tolist()):
            if size:
                ids[start : start + size] = faiss.rev_swig_ptr(lists.get_ids(group), size)
                codes: Any = faiss.rev_swig_ptr(lists.get_codes(group), size * width)
                packed[start : start + size] = codes.reshape(size, width)
            start += size
        return sizes, ids, packed


def default_lists(total: int) -> int:
    """Return the power of two nearest to the square root: 1,024 lists for a million codes."""
    return int(2 ** round(np.log2(total) / 2))


def checked_probes(probes: int) -> int:
    """Return the number of lists to look into; less than one is refused."""
    if probes < 1:
        raise InputError(f"a search looks into at least one list, but probes is {probes}")
    return probes
