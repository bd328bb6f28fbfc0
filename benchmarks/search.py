"""Searching a collection against FAISS's flat index on the same codes: rate, tail, memory, opening, adding.

The codes are clustered as learned ones are: around 1,000 random centres, each bit flipped with probability 0.12;
queries are drawn alike. *FAISS flat* is IndexBinaryFlat, called directly. *ours, codes* is what a collection does for
a query's code: see whether the file has changed, scan, give numbers of items. *ours, with items* also reads the items
from the file. Recall counts a code as found when it is no farther than the true k-th neighbour. Memory is what a fresh
process takes more after opening than before. `--large` adds 10 M codes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from _bench import Row, Tables, in_turns, main, times_faster
from crash import made_model
from crossbit.codes import Codes
from crossbit.collection import Collection, Item, Settings
from crossbit.collection.batch import Batch
from crossbit.collection.model import bundle_sha256, fingerprint
from crossbit.collection.store import Store
from crossbit.indexes import build

K, BATCH = 10, 100


def measure(quick: bool) -> Tables:
    """Return a table for each size and length, and one of opening and adding."""
    large = "--large" in sys.argv
    sizes = [20_000] if quick else [100_000, 1_000_000, *([10_000_000] if large else [])]
    tables: dict[str, list[Row]] = {}
    upkeep: list[Row] = []
    for bits in (64, 256):
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                codes, queries = clustered(bits, size, 2 * BATCH)
                added = filled(Path(name), codes)
                with Collection(Path(name)) as shelf:
                    title = f"{K} nearest of {size:,} codes of {bits} bits"
                    tables[title] = searched(shelf, codes, queries, 3 if quick else 7)
                upkeep.append({"codes": size, "bits": bits, "added per second": size / added, **opened(Path(name))})
    return {**tables, "Adding (encoded items, one process) and opening": upkeep}


def searched(shelf: Collection, codes: Codes, queries: Codes, repeats: int) -> list[Row]:
    """Compare searches of one query and of many with FAISS called directly, in turns."""
    direct = faiss.IndexBinaryFlat(codes.bits)
    direct.add(codes.packed)
    truth = direct.search(queries.packed, K)[0]
    ivf, multi = build("faiss-ivf", codes), multi_index(codes)
    shelf.snapshot()
    ways: dict[str, Callable[[Codes], Any]] = {
        "FAISS flat": lambda q: direct.search(q.packed, K)[0],
        "ours, codes": lambda q: shelf.nearest(q, "image", K, settings=Settings("flat")).distances,
        "ours, with items": lambda q: np.array(
            [[h.distance for h in hits] for hits in shelf.search_codes(q, "image", K)]
        ),
        "ours, inverted file": lambda q: ivf.search(q, K).distances,
        "FAISS multi-index hashing": lambda q: multi.search(q.packed, K)[0],
    }
    rows: list[Row] = []
    many, one = queries[:BATCH], [queries[at : at + 1] for at in range(BATCH, 2 * BATCH)]
    together = in_turns({name: lambda way=way: way(many) for name, way in ways.items()}, repeats)  # type: ignore[misc]
    singles = {name: single(way, one) for name, way in ways.items()}
    for _ in range(repeats - 1):
        for name, way in ways.items():
            singles[name] = np.minimum(singles[name], single(way, one))
    for name, way in ways.items():
        found = way(queries)
        seconds = singles[name]
        rows.append(
            {
                "what": name,
                "q/s, batch": BATCH / float(np.median(together[name])),
                "x FAISS, batch": times_faster(together, name, "FAISS flat"),
                "p50 ms": 1000 * float(np.median(seconds)),
                "p99 ms": 1000 * float(np.quantile(seconds, 0.99)),
                "x FAISS, single": float(np.median(singles["FAISS flat"]) / np.median(seconds)),
                "recall": float((found <= truth[:, -1:]).mean()),
            }
        )
    return rows


def single(way: Callable[[Codes], Any], queries: list[Codes]) -> Any:
    """Return the seconds of each query, one after the other."""
    seconds = []
    for query in queries:
        start = time.perf_counter()
        way(query)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def multi_index(codes: Codes) -> Any:
    """Return FAISS's multi-index hashing: 16 bits a table, one bit flipped."""
    index = faiss.IndexBinaryMultiHash(codes.bits, codes.bits // 16, 16)
    index.nflip = 1
    index.add(codes.packed)
    return index


def filled(folder: Path, codes: Codes) -> float:
    """Fill a collection with codes of pictures; return the seconds that it took."""
    model = made_model(folder)
    facts = {"model": fingerprint(model), "bundle": bundle_sha256(model), "bits": codes.bits}
    Store.create(folder, {**facts, "thumbnail": 0, "vectors": False})
    none = Codes(np.zeros_like(codes.packed[:1]), codes.bits)
    with Collection(folder) as shelf:
        start = time.perf_counter()
        for first in range(0, len(codes), 10_000):
            part = codes[first : first + 10_000]
            items = [Item(f"item{first + row}", metadata={"year": 2000 + row % 25}) for row in range(len(part))]
            empty = Codes(np.repeat(none.packed, len(part), axis=0), codes.bits)
            present = np.ones(len(part), np.uint8)
            shelf.put(Batch(items, present, {"image": part, "text": empty}, None, [None] * len(part)))
        return time.perf_counter() - start


def opened(folder: Path) -> dict[str, float]:
    """Return how long a fresh process takes to open a collection and read its codes, and how much memory."""
    code = f"""
import json, time, psutil
from pathlib import Path
import faiss, crossbit.collection
process = psutil.Process()
before, start = process.memory_info().rss, time.perf_counter()
shelf = crossbit.collection.Collection(Path({str(folder)!r}))
shelf.snapshot()
seconds = time.perf_counter() - start
print(json.dumps({{"open, s": seconds, "MiB": (process.memory_info().rss - before) / 2**20}}))
"""
    told: dict[str, float] = json.loads(subprocess.run([sys.executable, "-c", code], stdout=-1, check=True).stdout)
    return told


def clustered(bits: int, n: int, q: int) -> tuple[Codes, Codes]:
    """Return codes around 1,000 centres, and queries drawn alike."""
    rng = np.random.default_rng(bits)
    centres = np.packbits(rng.random((1000, bits)) < 0.5, axis=1)
    parts = []
    for start in range(0, n + q, 1 << 18):
        size = min(1 << 18, n + q - start)
        flipped = np.packbits(rng.random((size, bits), np.float32) < 0.12, axis=1)
        parts.append(centres[rng.integers(1000, size=size)] ^ flipped)
    codes = Codes(np.concatenate(parts), bits)
    return codes[:n], codes[n:]


if __name__ == "__main__":
    main(measure, __doc__)
