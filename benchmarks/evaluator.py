"""Evaluation: crossbit, the argsort loop of research code, torchmetrics, and a bare scan as lower bound.

All compute MAP over the whole ranking, at the sizes of MIRFLICKR-25K and NUS-WIDE. Codes are the signs of noisy sums of
class prototypes, so that they are clustered and tied like learned ones. The time of crossbit is that of the whole call,
from packed codes and boolean labels to the mean over all orders of ties. The loop multiplies +-1 floats and sorts once
per query; it and torchmetrics run on a subset of the queries, and their times are scaled to all of them. The bare scan
XORs, counts bits and ANDs labels of the same arrays, and only sums up what it finds; it runs on as many threads as
crossbit. Memory is the growth of the resident set during the first call, sampled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import numba
import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from jaxtyping import Bool
from numpy import ndarray
from torchmetrics.functional.retrieval import retrieval_average_precision

from _bench import Tables, in_turns, main, times_faster
from crossbit.codes import Codes, hamming
from crossbit.metrics import evaluate
from crossbit.metrics.kernel import popcount
from crossbit.metrics.tally import PackedWords, in_blocks, tally

SIZES = {"MIRFLICKR-25K": (2_000, 18_015, 24), "NUS-WIDE": (2_100, 193_734, 21)}
LOOPED, METRICKED = 100, 20  # queries that the slow contestants run
LOOP, LIBRARY, OURS, BOUND = "argsort loop", "torchmetrics", "crossbit", "bare scan"


class Problem(NamedTuple):
    """Codes and labels of queries and database, packed and as research code holds them."""

    query: Codes
    database: Codes
    query_labels: Bool[ndarray, "q c"]
    database_labels: Bool[ndarray, "n c"]


def measure(quick: bool) -> Tables:
    """Return a table per dataset's size and code length."""
    if quick:
        return {"MIRFLICKR-25K's size, 64 bits": rows(problem("MIRFLICKR-25K", 64), 3)}
    return {f"{name}'s size, {bits} bits": rows(problem(name, bits), 7) for name in SIZES for bits in (16, 32, 64, 128)}


def problem(name: str, bits: int) -> Problem:
    """Return queries and a database of a dataset's size, labels as rare as half of them are there."""
    queries, items, classes = SIZES[name]
    rng = np.random.default_rng(bits)
    prototypes = rng.normal(size=(classes, bits))
    labels = rng.random((queries + items, classes)) < np.linspace(0.02, 0.25, classes)
    signs = labels @ prototypes + 1.5 * rng.normal(size=(queries + items, bits))
    codes = Codes.from_signs(signs)
    return Problem(codes[:queries], codes[queries:], labels[:queries], labels[queries:])


def rows(given: Problem, repeats: int) -> list[dict[str, Any]]:
    """Return a row per contestant, after a check that they agree."""
    contestants = {
        LOOP: argsort_loop(given),
        LIBRARY: torchmetrics_loop(given),
        OURS: lambda: evaluate(*given),
        BOUND: bare_scan(given),
    }
    memory = {name: grown(run) for name, run in contestants.items()}
    refuse_disagreement(given, contestants)
    scale = {LOOP: len(given.query) / LOOPED, LIBRARY: len(given.query) / METRICKED}
    timed = in_turns(contestants, repeats)
    seconds = {name: [s * scale.get(name, 1) for s in values] for name, values in timed.items()}
    return [
        {
            "what": name,
            "seconds": median(seconds[name]),
            "fastest": min(seconds[name]),
            f"times as fast as {LOOP}": times_faster(seconds, name, LOOP),
            f"times {BOUND}": 1 / times_faster(seconds, name, BOUND),
            "MiB": memory[name],
            "queries run": int(len(given.query) / scale.get(name, 1)),
        }
        for name in contestants
    ]


def argsort_loop(given: Problem) -> Callable[[], list[float]]:
    """Return what research code does for each query, on +-1 floats that it holds already."""
    query, database = (side.signs().astype(np.float32) for side in (given.query[:LOOPED], given.database))
    query_labels, database_labels = (part.astype(np.float32) for part in (given.query_labels, given.database_labels))

    def run() -> list[float]:
        values = []
        for code, labels in zip(query, query_labels, strict=False):
            relevant = labels @ database_labels.T > 0
            order = np.argsort(0.5 * (query.shape[1] - code @ database.T))
            values.append(_average_precision(relevant[order]))
        return values

    return run


def _average_precision(hits: Bool[ndarray, "n"]) -> float:
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean()) if len(ranks) else float("nan")


def torchmetrics_loop(given: Problem) -> Callable[[], list[float]]:
    """Return torchmetrics' average precision for each query; scores are positive, as it demands."""
    query, database = (torch.from_numpy(side.signs().astype(np.float32)) for side in (given.query, given.database))
    query_labels, database_labels = (torch.from_numpy(part).float() for part in given[2:])

    def run() -> list[float]:
        values = []
        for code, labels in zip(query[:METRICKED], query_labels, strict=False):
            relevant = database_labels @ labels > 0
            scores = (database @ code + query.shape[1]) / 2 + 1
            values.append(retrieval_average_precision(scores, relevant).item() if relevant.any() else float("nan"))
        return values

    return run


@numba.njit(nogil=True)
def scan(query, query_labels, database, database_labels):  # type: ignore[no-untyped-def]
    """Return the sum of all distances and the number of relevant pairs."""
    bits, relevant, zero = np.uint64(0), np.uint64(0), np.uint64(0)
    for q in range(query.shape[0]):
        label, labels = query_labels[q, 0], database_labels[0]
        for w in range(query.shape[1]):
            code, codes = query[q, w], database[w]
            if w == 0:
                for n in range(codes.shape[0]):
                    bits += popcount(code ^ codes[n])
                    relevant += np.uint64((label & labels[n]) != zero)
            else:
                for n in range(codes.shape[0]):
                    bits += popcount(code ^ codes[n])
    return bits, relevant


def bare_scan(given: Problem) -> Callable[[], tuple[int, int]]:
    """Return the scan of all pairs in words packed beforehand; its labels fit one word."""
    words = PackedWords.of(*given)

    def run() -> tuple[int, int]:
        found = []
        in_blocks(lambda block: found.append(scan(*words[block])), len(given.query))
        return sum(int(bits) for bits, _ in found), sum(int(relevant) for _, relevant in found)

    return run


def refuse_disagreement(given: Problem, contestants: Mapping[str, Callable[[], Any]]) -> None:
    """Check that the loops lie between our bounds over ties, and that the scan saw what we counted."""
    loops = np.array(contestants[LOOP]())
    library = np.array(contestants[LIBRARY]())
    bounds = evaluate(given.query[:LOOPED], given.database, given.query_labels[:LOOPED], given.database_labels,
                      ["MAP(ties=worst)", "MAP(ties=best)"])  # fmt: skip
    low, high = (bounds[measure] for measure in bounds.measures)
    for values in (loops, library):
        known = ~np.isnan(values)
        assert (low[: len(values)] <= values + 1e-5)[known].all()
        assert (values <= high[: len(values)] + 1e-5)[known].all()
    counted = tally(*given).count.astype(np.int64)
    distances = (counted.sum((0, 2)) * np.arange(given.query.bits + 1)).sum()
    assert contestants[BOUND]() == (distances, counted[:, :, 1].sum())
    assert (
        hamming(given.query[:3], given.database).sum() == (counted[:3].sum(2) @ np.arange(given.query.bits + 1)).sum()
    )


def grown(run: Callable[[], object]) -> float:
    """Return by how many MiB the resident set grew at most while something ran, looked at every 2 ms."""
    process, done = psutil.Process(), threading.Event()
    before = int(process.memory_info().rss)
    peak = [before]

    def watch() -> None:
        while not done.is_set():
            peak.append(int(process.memory_info().rss))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return (max(peak) - before) / 2**20


if __name__ == "__main__":
    main(measure, __doc__)
