"""The contract of an index: what `crossbit.indexes.Index` promises, as checks that the author of one can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int64, Shaped, UInt16
from numpy import ndarray

from ..codes import Codes, hamming
from ..errors import DamagedError, InputError
from ..indexes import Index

#: A function of codes and their ids, or None for row numbers, that returns an index of them.
Make: TypeAlias = Callable[[Codes, Any], Index]
_MEMBERS = ("recall", "saved", "bits", "add", "remove", "entries", "search", "within", "save", "load")


def check_index(make: Make, seed: int = 0) -> None:
    """Raise an AssertionError that names a promise which an index breaks; return after seconds if it keeps all.

    `make` is the class of the index, or a function that returns one from codes and ids, as for an index on a server.
    It is called several times while earlier indexes are still in use.
    """
    rng = np.random.default_rng(seed)
    for content, queries, k, radius in _cases(rng):
        index = _made(make, content)
        _expect(0 < index.recall <= 1, f"recall is a share above 0 and up to 1, but it is {index.recall}")
        _expect(index.saved in (True, False), f"saved is True or False, but it is {index.saved!r}")
        _check_searches(index, content, queries, k, radius)
        _check_filters(index, content, queries, k, radius)
        _check_threads(index, queries, k)
        _check_refusals(make, index, content, queries)
        _check_changes(make, content, queries, k, radius)
        _check_persistence(index, content, queries, k, radius)
    rows = make(content.codes, None).entries()[0]
    _expect(np.array_equal(rows, np.arange(len(rows))), "without ids, the ids are the row numbers of the codes")


def _made(make: Make, content: _Content) -> Index:
    try:
        index = make(content.codes, content.ids)
    except Exception as error:  # whatever the index of a stranger raises
        raise AssertionError(f"make(codes, ids) returns an index, but {type(error).__name__}: {error}") from error
    absent = [name for name in _MEMBERS if not hasattr(index, name)]
    _expect(not absent, f"an index has {', '.join(absent)}, but {type(index).__name__} has not")
    return index


@dataclass(frozen=True, eq=False)
class _Content:
    """The codes that an index should hold, under their ids."""

    codes: Codes
    ids: Int64[ndarray, "n"]

    def __getitem__(self, rows: Any) -> _Content:
        return _Content(self.codes[rows], self.ids[rows])

    def __len__(self) -> int:
        return len(self.ids)

    def distances(self, queries: Codes) -> tuple[Int64[ndarray, "n"], UInt16[ndarray, "q n"]]:
        """Return all ids, ascending, and the distance of each code to each query."""
        order = np.argsort(self.ids)
        return self.ids[order], hamming(queries, self.codes[order])


def _cases(rng: np.random.Generator) -> Iterator[tuple[_Content, Codes, int, int]]:
    """Yield codes, queries, k and radius: few codes of few values, so that ties are everywhere; many clustered ones."""
    for bits, total, centres, flipped in ((5, 60, 9, 0.0), (20, 60, 9, 0.0), (64, 20_000, 200, 0.12)):
        pool = rng.random((centres, bits)) < 0.5
        drawn = pool[rng.integers(centres, size=total + 20)] ^ (rng.random((total + 20, bits)) < flipped)
        ids = rng.permutation(4 * total)[:total]
        ids[0] = 2**62
        codes = Codes.from_bits(drawn)
        for array in (codes.packed, ids):
            array.setflags(write=False)
        yield _Content(codes[20:], ids), codes[:20], total // 3 if total < 100 else 100, bits // 4


def _check_searches(index: Index, content: _Content, queries: Codes, k: int, radius: int) -> None:
    _expect(index.bits == content.codes.bits, f"bits is {content.codes.bits} for such codes, but it is {index.bits}")
    _check_entries(index, content)
    for some in (queries, queries[::-2], queries[:1], queries[:0]):
        _check_nearest(index, content, some, k)
        _check_balls(index, content, some, radius)
    _check_nearest(index, content, queries[:2], len(content) + 1)
    if index.recall == 1 or len(content) < 100:
        _check_balls(index, content, queries[:2], content.codes.bits + 1)


def _check_filters(index: Index, content: _Content, queries: Codes, k: int, radius: int) -> None:
    unknown = np.array([2**61, 2**62 - 1])
    for rows in (np.arange(0, len(content), 2), np.arange(3), np.arange(0)):
        allowed = np.concatenate([content.ids[rows][::-1], unknown])
        _check_nearest(index, content[rows], queries, k, allowed)
        _check_balls(index, content[rows], queries, radius, allowed)


def _check_changes(make: Make, content: _Content, queries: Codes, k: int, radius: int) -> None:
    half = len(content) // 2
    index = make(content.codes[:half], content.ids[:half])
    index.add(content.codes[half:], content.ids[half:])
    _check_entries(index, content)
    _check_nearest(index, content, queries, k)
    gone = np.arange(0, len(content), 3)
    removed = index.remove(np.append(content.ids[gone], 2**61))
    _expect(removed == len(gone), f"remove returned {removed} for {len(gone)} ids of the index and one that is unknown")
    left = content[np.setdiff1d(np.arange(len(content)), gone)]
    _check_entries(index, left)
    _check_nearest(index, left, queries, k)
    _check_balls(index, left, queries, radius)
    _check_nearest(index, left[:9], queries, k, left.ids[:9])
    index.remove(left.ids)
    _check_entries(index, left[:0])
    _check_nearest(index, left[:0], queries, k)
    _check_balls(index, left[:0], queries, radius)
    index.add(content.codes[gone], content.ids[gone])
    _check_nearest(index, content[gone], queries, k)


def _check_persistence(index: Index, content: _Content, queries: Codes, k: int, radius: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "index")
        index.save(path)
        index.remove(content.ids[:2])
        index.save(path)
        loaded = type(index).load(path)
        _check_searches(loaded, content[2:], queries, k, radius)
        _check_filters(loaded, content[2:], queries, k, radius)
        loaded.add(content.codes[:2], content.ids[:2])
        _check_entries(loaded, content)
        for file in sorted(each for each in (path, *path.rglob("*")) if each.is_file()):
            _check_damage(type(index), path, file)
        _refused(lambda: type(index).load(Path(folder, "none")), DamagedError, "load of a path where nothing is")
        loaded.remove(content.ids)
        loaded.save(path)
        _check_searches(type(index).load(path), content[:0], queries, k, radius)


def _check_damage(kind: type[Index], path: Path, file: Path) -> None:
    sound = file.read_bytes()
    for at in (0, len(sound) // 3, len(sound) // 2, len(sound) - 1):
        flipped = bytearray(sound)
        flipped[at] ^= 4
        file.write_bytes(flipped)
        _refused(lambda: kind.load(path), DamagedError, f"load, with byte {at} of {file.name} changed,")
    for size in (len(sound) - 1, len(sound) // 2, 0):
        file.write_bytes(sound[:size])
        _refused(lambda: kind.load(path), DamagedError, f"load, with {file.name} cut to {size} bytes,")
    file.write_bytes(sound)


def _check_refusals(make: Make, index: Index, content: _Content, queries: Codes) -> None:
    codes, ids = content.codes, content.ids
    other = Codes(np.zeros((1, -(-codes.bits // 8) + 1), np.uint8), codes.bits + 8)
    for what, call in {
        "search with k = 0": lambda: index.search(queries, 0),
        "search with codes of other bits": lambda: index.search(other, 1),
        "search with a mask as allowed ids": lambda: index.search(queries, 1, np.ones(len(ids), bool)),
        "search with a repeated allowed id": lambda: index.search(queries, 1, ids[[1, 1]]),
        "within a negative radius": lambda: index.within(queries, -1),
        "within with codes of other bits": lambda: index.within(other, 1),
        "add of an id that is there": lambda: index.add(codes[:2], np.array([2**61, ids[1]])),
        "add of a repeated id": lambda: index.add(codes[:2], np.array([2**61, 2**61])),
        "add of codes of other bits": lambda: index.add(other, np.array([2**61])),
        "add of fewer ids than codes": lambda: index.add(codes[:2], np.array([2**61])),
        "add of a negative id": lambda: index.add(codes[:1], np.array([-1])),
        "an index of no codes": lambda: make(codes[:0], ids[:0]),
        "an index with a repeated id": lambda: make(codes[:2], ids[[1, 1]]),
        "an index with ids that are not integers": lambda: make(codes[:2], np.array([0.5, 1.5])),
    }.items():
        _refused(call, InputError, what)
    _check_entries(index, content)


def _check_threads(index: Index, queries: Codes, k: int) -> None:
    alone = index.search(queries, k).distances
    with ThreadPoolExecutor(4) as threads:
        found = [*threads.map(lambda _: index.search(queries, k).distances, range(8))]
    _expect(all(np.array_equal(each, alone) for each in found), "searches in several threads find what one finds")


def _check_entries(index: Index, content: _Content) -> None:
    order = np.argsort(content.ids)
    ids, codes = index.entries()
    _expect(len(index) == len(content), f"len is {len(content)} for so many codes, but it is {len(index)}")
    _expect(np.array_equal(ids, content.ids[order]), "entries returns the ids of the index, ascending")
    same = codes.bits == content.codes.bits and np.array_equal(codes.packed, content.codes.packed[order])
    _expect(same, "entries returns the code of each id")


def _check_nearest(
    index: Index, content: _Content, queries: Codes, k: int, allowed: Shaped[ndarray, "m"] | None = None
) -> None:
    """Check a search whose filter allows just the content."""
    what = f"search for {k} codes" + (f", {len(content)} of them allowed" if allowed is not None else "")
    found = index.search(queries, k, allowed)
    shape = len(queries), min(k, len(content))
    _expect(found.ids.shape == found.distances.shape == shape, f"{what}: results have shape {shape}")
    _check_results(index, what, [*zip(*found, strict=True)], content.distances(queries), lambda _: k)


def _check_balls(
    index: Index, content: _Content, queries: Codes, radius: int, allowed: Shaped[ndarray, "m"] | None = None
) -> None:
    """Check a lookup whose filter allows just the content."""
    what = f"within {radius} bits" + (f", {len(content)} codes allowed" if allowed is not None else "")
    starts, *found = index.within(queries, radius, allowed)
    _expect(len(starts) == len(queries) + 1, f"{what}: starts has an entry for each query and one more")
    _expect(starts[0] == 0 and starts[-1] == len(found[0]), f"{what}: starts goes from 0 to the number of results")
    balls = [tuple(part[start:stop] for part in found) for start, stop in pairwise(starts.tolist())]
    _check_results(index, what, balls, content.distances(queries), lambda distances: int((distances <= radius).sum()))


def _check_results(
    index: Index,
    what: str,
    results: Sequence[tuple[ndarray, ...]],
    content: tuple[ndarray, ndarray],
    wanted: Callable[[ndarray], int],
) -> None:
    """Check the ids and distances that were found for each query against those of all codes."""
    held, matrix = content
    reached = total = 0
    for query, ((ids, distances), row) in enumerate(zip(results, matrix, strict=True)):
        where = f"{what}: query {query}"
        _expect(ids.dtype == np.int64 and distances.dtype == np.uint16, f"{where}: ids are int64, distances uint16")
        _expect(len(held) or not len(ids), f"{where} finds nothing where no code is allowed")
        nearest = np.argsort(row, kind="stable")[: wanted(row)]
        at = np.minimum(np.searchsorted(held, ids), max(len(held) - 1, 0))
        _expect(np.array_equal(held[at], ids), f"{where} finds ids that are in the index, and allowed")
        _expect(np.array_equal(row[at], distances), f"{where} finds the distance of each id")
        order = np.lexsort((ids, distances))
        _expect(np.array_equal(order, np.arange(len(ids))), f"{where} finds in order of distance, then id")
        _expect(len({*ids.tolist()}) == len(ids), f"{where} finds each id once")
        if index.recall == 1:
            _expect(np.array_equal(ids, held[nearest]), f"{where} finds exactly the nearest, ties by id")
        reached += int((distances <= row[nearest].max(initial=0)).sum())
        total += len(nearest)
    _expect(reached >= index.recall * total, f"{what}: finds {reached} of {total}, but its recall is {index.recall}")


def _refused(call: Callable[[], object], kind: type[Exception], what: str) -> None:
    try:
        call()
    except kind:
        return
    except Exception as error:  # whatever the index of a stranger raises
        raise AssertionError(f"{what} raises {kind.__name__}, not {type(error).__name__}: {error}") from error
    raise AssertionError(f"{what} raises {kind.__name__}, but it returned")


def _expect(kept: object, promise: str) -> None:
    if not kept:
        raise AssertionError(promise)
