"""Search in Hamming space: our indexes, FAISS called directly, and the matrix product of research code.

The codes are clustered as learned ones are: around 1,000 random centres, each bit flipped with probability 0.12;
queries are drawn alike. Recall counts a code as found when it is no farther than the true k-th neighbour. The matrix
product of +-1 floats takes 32 times the bytes of the codes; it scores all of them, then partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, TypeAlias

import faiss
import numpy as np
from jaxtyping import Float32, Shaped
from numpy import ndarray

from _bench import Tables, in_turns, main, times_faster
from crossbit.codes import Codes
from crossbit.indexes import Index, build

K = 100
RADIUS = 8
Distances: TypeAlias = Shaped[ndarray, "q k"]


def measure(quick: bool) -> Tables:
    """Return the tables: whole collections at two lengths, allowed parts of one, and lookups within a radius."""
    rng = np.random.default_rng(0)
    n, q, repeats = (100_000, 50, 3) if quick else (1_000_000, 100, 5)
    drawn = {bits: _clustered(rng, bits, n, q) for bits in (64, 128)}
    tables = {f"{K} nearest of {n:,} codes of {bits} bits": whole(*pair, repeats) for bits, pair in drawn.items()}
    database, queries = drawn[64]
    index = build("flat", database)
    for share in (0.5, 0.01):
        allowed = rng.random(n) < share
        title = f"{K} nearest among an allowed {share:.0%} of {n:,} codes of 64 bits"
        tables[title] = restricted(index, database, queries, allowed, repeats)
    tables[f"All within {RADIUS} bits among {n:,} codes of 64 bits"] = within(database, queries, repeats)
    return tables


def whole(database: Codes, queries: Codes, repeats: int) -> list[dict[str, Any]]:
    """Compare every index on the whole collection; the reference is FAISS called directly."""
    ours = {f"ours: {name}": build(name, database) for name in ("exact", "flat", "ivf")}
    direct = _direct(database)
    signs, query_signs = database.signs().astype(np.float32), queries.signs().astype(np.float32)
    contestants: dict[str, Callable[[], Distances]] = {
        "FAISS": lambda: direct.search(queries.packed, K)[0],
        "matrix product": lambda: _by_product(query_signs, signs),
        **{name: lambda index=index: index.search(queries, K).distances for name, index in ours.items()},  # type: ignore[misc]
    }
    return _rows(contestants, len(queries), repeats, approximate="ours: ivf")


def restricted(
    index: Index, database: Codes, queries: Codes, allowed: Shaped[ndarray, "n"], repeats: int
) -> list[dict[str, Any]]:
    """Compare gathering the allowed codes, as we do, with FAISS's own filter."""
    direct, ids = _direct(database), np.flatnonzero(allowed)
    selector: Any = faiss.IDSelectorBitmap  # its stubs know the C++ constructor only
    parameters = faiss.SearchParameters()
    parameters.sel = selector(np.packbits(allowed, bitorder="little"))
    contestants: dict[str, Callable[[], Distances]] = {
        "FAISS": lambda: direct.search(queries.packed, K, params=parameters)[0],
        "ours: flat": lambda: index.search(queries, K, ids).distances,
    }
    return _rows(contestants, len(queries), repeats)


def within(database: Codes, queries: Codes, repeats: int) -> list[dict[str, Any]]:
    """Compare the lookups of all codes within a radius."""
    direct = _direct(database)
    exact, flat = build("exact", database), build("flat", database)
    contestants: dict[str, Callable[[], Distances]] = {
        "FAISS": lambda: np.sort(direct.range_search(queries.packed, RADIUS + 1)[1])[None],
        "ours: exact": lambda: np.sort(exact.within(queries, RADIUS).distances)[None],
        "ours: flat": lambda: np.sort(flat.within(queries, RADIUS).distances)[None],
    }
    return _rows(contestants, len(queries), repeats)


def _rows(
    contestants: Mapping[str, Callable[[], Distances]], queries: int, repeats: int, approximate: str = ""
) -> list[dict[str, Any]]:
    """Return a row per contestant, after all but the approximate one have given the distances of the first."""
    found = {name: search() for name, search in contestants.items()}
    truth = found["FAISS"]
    wrong = [name for name in contestants if name != approximate and not np.array_equal(found[name], truth)]
    assert not wrong, f"{wrong} do not find what FAISS finds"
    seconds = in_turns(contestants, repeats)
    return [
        {
            "what": name,
            "ms per query": 1000 * median(seconds[name]) / queries,
            "times as fast as FAISS": times_faster(seconds, name, "FAISS"),
            "recall": float((found[name] <= truth[:, -1:]).mean()),
        }
        for name in contestants
    ]


def _direct(database: Codes) -> Any:
    index = faiss.IndexBinaryFlat(database.bits)
    index.add(database.packed)
    return index


def _by_product(queries: Float32[ndarray, "q bits"], database: Float32[ndarray, "n bits"]) -> Distances:
    distance = (database.shape[1] - queries @ database.T) / 2
    return np.sort(np.partition(distance, K - 1, axis=1)[:, :K], axis=1)


def _clustered(rng: np.random.Generator, bits: int, n: int, q: int) -> tuple[Codes, Codes]:
    centres = rng.random((1000, bits)) < 0.5
    drawn = centres[rng.integers(1000, size=n + q)] ^ (rng.random((n + q, bits)) < 0.12)
    codes = Codes.from_bits(drawn)
    return codes[:n], codes[n:]


if __name__ == "__main__":
    main(measure, __doc__)
