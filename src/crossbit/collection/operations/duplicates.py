"""Near-duplicates: groups of items whose codes differ in few bits, such as copies, crops and bursts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Int64, UInt8, UInt64
from numpy import ndarray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...codes import Codes
from ...data.pairs import Modality
from ...errors import InputError
from ...indexes import scan
from ...progress import Log, silent
from ..collection import Collection
from ..storage.reads import items_of

#: Comparisons at most, by scanning and of codes that share a block: a minute of one core each at 64 bits.
SCANNED, SHARED = 40_000_000_000, 5_000_000_000
#: Time to compare a pair of codes that share a block, as a multiple of that in a scan.
_DEARER = 8
_PART, _MANY = 1024, 1 << 20


def duplicates(
    collection: Collection, radius: int, side: Modality = "image", log: Log = silent
) -> list[tuple[str, ...]]:
    """Return the ids of items that a chain of steps of at most `radius` bits connects, the largest groups first."""
    with collection.view() as (connection, snapshot):
        codes = snapshot.sides[side]
        if not len(codes):
            return []
        groups = grouped(codes.codes, radius, log)
        order = np.argsort(groups, kind="stable")
        parts = np.split(codes.numbers[order], np.flatnonzero(np.diff(groups[order])) + 1)
        together = [part for part in parts if len(part) > 1]
        items = items_of(connection, np.concatenate([*together, np.empty(0, np.int64)]).tolist())
    named = [tuple(items[number].id for number in group.tolist()) for group in together]
    return sorted(named, key=lambda group: (-len(group), group))


def grouped(codes: Codes, radius: int, log: Log = silent) -> Int64[ndarray, "n"]:
    """Return the number of each code's group."""
    packed, where = np.unique(codes.packed, axis=0, return_inverse=True)
    group = np.arange(len(packed))
    for edges in _bundled(_near(Codes(packed, codes.bits), radius, log) if radius else ()):
        ends = group[edges]
        graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(packed), len(packed)))
        group = connected_components(graph, directed=False)[1][group]
    return group[where.reshape(-1)].astype(np.int64)


def _near(codes: Codes, radius: int, log: Log) -> Iterator[Int64[ndarray, "m 2"]]:
    """Yield all pairs within a radius, by the cheaper way: a scan, or comparisons of codes that share a block.

    Of radius + 1 blocks of bits, two codes within the radius share at least one.
    """
    edges = np.linspace(0, codes.bits, radius + 2).astype(int).tolist()
    blocks = [(start, stop) for start, stop in pairwise(edges) if stop > start]
    counts = [np.unique(_block(codes, *block), return_counts=True)[1] for block in blocks]
    shared = sum(int((count * (count - 1) // 2).sum()) for count in counts) if len(blocks) > radius else SHARED + 1
    scanned = len(codes) ** 2
    if scanned > SCANNED and shared > SHARED:
        raise InputError(
            f"{len(codes):,} different codes are too many to compare with each other within {radius} bits;"
            " use a smaller radius"
        )
    if shared <= SHARED and (scanned > SCANNED or shared * _DEARER < scanned):
        for done, block in enumerate(blocks, 1):
            yield from _sharing(codes, _block(codes, *block), radius)
            log(done, len(blocks), {})
        return
    index = scan(codes)
    for start in range(0, len(codes), _PART):
        found = index.within(codes[start : start + _PART], radius)
        query = start + np.repeat(np.arange(len(found.starts) - 1), np.diff(found.starts))
        yield np.stack([query, found.ids], axis=1)[query < found.ids]
        log(min(start + _PART, len(codes)), len(codes), {})


def _block(codes: Codes, start: int, stop: int) -> UInt64[ndarray, "n"]:
    """Return the bits of a block, the first 64 of a longer one, as a number."""
    stop = min(stop, start + 64)
    first = start // 8
    bits = np.unpackbits(codes.packed[:, first : -(-stop // 8)], axis=1)[:, start - 8 * first : stop - 8 * first]
    return _words(np.packbits(bits, axis=1))[:, 0]


def _sharing(codes: Codes, block: UInt64[ndarray, "n"], radius: int) -> Iterator[Int64[ndarray, "m 2"]]:
    """Yield the pairs within a radius among codes that share a block."""
    order = np.argsort(block, kind="stable")
    block, words = block[order], _words(codes.packed)[order]
    one = np.arange(len(block))
    for step in range(1, len(block)):
        one = one[one < len(block) - step]
        one = one[block[one] == block[one + step]]
        if not len(one):
            return
        near = one[np.bitwise_count(words[one] ^ words[one + step]).sum(axis=1, dtype=np.int64) <= radius]
        yield order[np.stack([near, near + step], axis=1)]


def _words(packed: UInt8[ndarray, "n bytes"]) -> UInt64[ndarray, "n words"]:
    """Return bytes as numbers of 64 bits, padded with zeros."""
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def _bundled(parts: Iterable[Int64[ndarray, "m 2"]]) -> Iterator[Int64[ndarray, "n 2"]]:
    """Yield pairs in parts that are large enough to be worth a pass over the graph."""
    held: list[Int64[ndarray, "m 2"]] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= _MANY:
            yield np.concatenate(held)
            held.clear()
    if held:
        yield np.concatenate(held)
