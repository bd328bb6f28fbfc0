"""Searching a collection against FAISS's flat index on the same codes: rate, tail, memory, opening, adding.

The codes are clustered as learned ones are: around 1,000 random centres, each bit flipped with probability 0.12;
queries are drawn alike. Everything runs on one thread. *FAISS flat* is IndexBinaryFlat, called directly, and the
columns *times FAISS's* compare with its time in the same run: 1.15 is 15 % more, 0.1 a tenth. *ours, codes* is what a
collection does for a query's code: see whether the file has changed, scan, give numbers of items. *ours, with items*
also reads the items from the file; it is left out of the largest, where the collection holds codes alone. A batch has
100 queries; a single one is the fastest of its repeats. Recall counts a code as found when it is no farther than the
true k-th neighbour. The inverted file is kept beside the database; reading it again checks every code in it. Memory is
what a fresh process takes more after opening than before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from _bench import Row, Tables, in_turns, main, times_faster
from crash import made_model
from crossbit.codes import Codes
from crossbit.collection import Collection, Item, Settings
from crossbit.collection.model import bundle_sha256, fingerprint
from crossbit.collection.storage.batch import EncodedBatch
from crossbit.collection.storage.schema import Head
from crossbit.collection.storage.store import ItemStore
from crossbit.collection.storage.transactions import SEGMENT, write_segment

K, BATCH = 10, 100
#: What is measured, in this order, as long as there is time left: seconds.
PLAN = [
    (100_000, 64), (100_000, 256), (1_000_000, 64), (1_000_000, 256), (10_000_000, 256), (10_000_000, 64),
]  # fmt: skip
BUDGET = 900.0
#: Bits of all codes up to which a collection is filled with whole items, and up to which near codes are indexed.
WHOLE, GROUPED = 64_000_000, 700_000_000
FLAT, INVERTED = Settings("flat"), (Settings("ivf", 16), Settings("ivf", 64))
READ = "assert SavedIndex.load(shelf.folder, 'image', 'ivf', side) is not None"


def measure(quick: bool) -> Tables:
    """Return a table for each size and length, one of inverted files, and one of adding and opening."""
    faiss.omp_set_num_threads(1)
    plan = [(20_000, 64), (20_000, 256)] if quick else PLAN
    tables: dict[str, list[Row]] = {}
    inverted: list[Row] = []
    upkeep: list[Row] = []
    begin = time.perf_counter()
    for size, bits in plan:
        if time.perf_counter() - begin > BUDGET:
            print(f"no time left for {size:,} codes of {bits} bits", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as name:
            print(f"{time.perf_counter() - begin:.0f} s: {size:,} codes of {bits} bits", file=sys.stderr)
            codes, queries = clustered(bits, size, 2 * BATCH)
            whole, near = size * bits <= WHOLE, size * bits <= GROUPED
            added = filled(Path(name), codes) if whole else filled_with_codes(Path(name), codes)
            sizes = {"codes": size, "bits": bits}
            with Collection(Path(name)) as shelf:
                if near:
                    made = timed(lambda: shelf.nearest(queries[:1], "image", K, settings=INVERTED[0]))  # noqa: B023
                    inverted.append({**sizes, "made and kept, s": made, **kept(Path(name))})
                ways = ways_of(shelf, codes, items=whole, near=near)
                tables[f"{K} nearest of {size:,} codes of {bits} bits"] = searched(ways, queries, 9 if whole else 3)
            rate = f"{size / added:,.0f}" if whole else "codes alone"
            now = opened(Path(name))
            upkeep.append({**sizes, "added per second": rate, "open, s": now["seconds"], "MiB": now["MiB"]})
    return {**tables, "Inverted files": inverted, "Adding (encoded items, one process) and opening": upkeep}


def kept(folder: Path) -> dict[str, float]:
    """Return how long reading the inverted file of a collection takes, and its size."""
    (file,) = (folder / "indexes").iterdir()
    seconds = opened(folder, then=READ)["seconds"] - opened(folder)["seconds"]
    return {"read and checked, s": seconds, "MiB": file.stat().st_size / 2**20}


def ways_of(shelf: Collection, codes: Codes, *, items: bool, near: bool) -> dict[str, Callable[[Codes], Any]]:
    """Return the ways of searching that are compared, each from queries to distances."""
    direct = faiss.IndexBinaryFlat(codes.bits)
    direct.add(codes.packed)
    shelf.snapshot()
    ways: dict[str, Callable[[Codes], Any]] = {
        "FAISS flat": lambda q: direct.search(q.packed, K)[0],
        "ours, codes": lambda q: shelf.nearest(q, "image", K, settings=FLAT).distances,
    }
    if items:
        ways["ours, with items"] = lambda q: np.array(
            [[h.distance for h in hits] for hits in shelf.search_codes(q, "image", K, settings=FLAT)]
        )
    if near:
        multi = multi_index(codes)
        for way in INVERTED:
            ways[f"ours, inverted file, {way.probes} probes"] = lambda q, way=way: (  # type: ignore[misc]
                shelf.nearest(q, "image", K, settings=way).distances
            )
        ways["FAISS multi-index hashing"] = lambda q: multi.search(q.packed, K)[0]
    return ways


def searched(ways: Mapping[str, Callable[[Codes], Any]], queries: Codes, repeats: int) -> list[Row]:
    """Compare searches of one query and of many, in turns."""
    truth = ways["FAISS flat"](queries)
    rows: list[Row] = []
    many, one = queries[:BATCH], [queries[at : at + 1] for at in range(BATCH, 2 * BATCH)]
    together = in_turns({name: lambda way=way: way(many) for name, way in ways.items()}, repeats)  # type: ignore[misc]
    rounds = [{name: single(way, one) for name, way in ways.items()} for _ in range(repeats)]
    for name, way in ways.items():
        found = way(queries)
        seconds = np.min([each[name] for each in rounds], axis=0)
        raw = np.min([each["FAISS flat"] for each in rounds], axis=0)
        rows.append(
            {
                "what": name,
                "q/s, batch": BATCH / float(np.median(together[name])),
                "times FAISS's, batch": 1 / times_faster(together, name, "FAISS flat"),
                "p50 ms": 1000 * float(np.median(seconds)),
                "p99 ms": 1000 * float(np.quantile(seconds, 0.99)),
                "times FAISS's, single": float(np.median(seconds) / np.median(raw)),
                "recall": float((found <= truth[:, -1:]).mean()),
            }
        )
    return rows


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def single(way: Callable[[Codes], Any], queries: list[Codes]) -> Any:
    """Return the seconds of each query, one after the other."""
    return np.array([timed(lambda: way(query)) for query in queries])  # noqa: B023


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
    ItemStore.create(folder, {**facts, "thumbnail": 0, "vectors": False})
    none = Codes(np.zeros_like(codes.packed[:1]), codes.bits)
    with Collection(folder) as shelf:
        start = time.perf_counter()
        for first in range(0, len(codes), 10_000):
            part = codes[first : first + 10_000]
            items = [Item(f"item{first + row}", metadata={"year": 2000 + row % 25}) for row in range(len(part))]
            empty = Codes(np.repeat(none.packed, len(part), axis=0), codes.bits)
            present = np.ones(len(part), np.uint8)
            shelf.put(EncodedBatch(items, present, {"image": part, "text": empty}, None, [None] * len(part)))
        return time.perf_counter() - start


def filled_with_codes(folder: Path, codes: Codes) -> float:
    """Fill a collection with the codes of pictures alone, as `compact` writes them."""
    model = made_model(folder)
    facts = {"model": fingerprint(model), "bundle": bundle_sha256(model), "bits": codes.bits}
    ItemStore.create(folder, {**facts, "thumbnail": 0, "vectors": False})
    with closing(ItemStore(folder)) as store, store.changing() as connection:
        for first in range(0, len(codes), SEGMENT):
            part = codes.packed[first : first + SEGMENT]
            numbers = np.arange(first, first + len(part))
            write_segment(connection, numbers, np.ones(len(part), np.uint8), part, np.zeros_like(part))
        Head(1, 0, len(codes), 0, 0).write(connection)
    return 0.0


def opened(folder: Path, then: str = "") -> dict[str, float]:
    """Return how long a fresh process takes to open a collection and read its codes, and how much memory."""
    code = f"""
import json, time, psutil
from pathlib import Path
import faiss, crossbit.collection
from crossbit.collection.search.saved_index import SavedIndex
process = psutil.Process()
before, start = process.memory_info().rss, time.perf_counter()
shelf = crossbit.collection.Collection(Path({str(folder)!r}))
side = shelf.snapshot().sides["image"]
{then}
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "MiB": (process.memory_info().rss - before) / 2**20}}))
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
