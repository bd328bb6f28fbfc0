"""Features in files that need not fit into memory: fitting and encoding by method, against reading the files.

Image and text features lie in two .npy files that are memory-mapped. Each method extracts them (`precomputed`), fits 64
bits with its default widths and batches, and encodes queries, in a process of its own. *Growth* is the peak of the
resident set beyond what it was when everything was imported, mapped pages of the files included; *anonymous* is its
part that is no file, sampled. What decides the peak of a method that trains in batches is its networks, their
gradients and its optimiser; its epoch is cut to a few batches, drawn from the whole file. A method that compares every
item with every other is fitted on fewer. Codes of rows read from the file are first checked against those of the same
rows in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

from _bench import Row, Tables, main
from crossbit.data.corpus import Corpus
from crossbit.data.pairs import MODALITIES, Paired
from crossbit.data.splits import Split
from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.training.run import PLAIN

BITS, BATCHES, QUERIES, CLASSES = 64, 12, 2000, 24
GIB = 2**30
#: What takes memory: given the folder of the files, what to do and the number of pairs.
Work: TypeAlias = Callable[[Path, str, int], dict[str, Any]]
#: The methods that work through all rows, then those that train in batches.
IN_BLOCKS = ("cca+itq", "cca@512+itq", "scm", "lcmh")
IN_BATCHES = (
    *("adah(epochs=1)", "cfrh(epochs=1)", "dcmh(epochs=1)", "djsrh(epochs=1)", "infonce(epochs=1)+itq"),
    *("jdsh(epochs=1)", "mesdch(epochs=1)", "mfsr(epochs=1)+itq", "ssah(epochs=1,label_passes=1,passes=1)"),
    *("ucch(epochs=2)", "vsepp(epochs=1)+itq"),
)
#: Those that compare every item with every other, each with whether it is given few items.
PAIRWISE = (("dgcpn(epochs=1)", True), ("dgcpn(epochs=1)", False), ("ugach(pretraining=1,rounds=1)", True))
STEPS = "precomputed|pca256"


def measure(quick: bool) -> Tables:
    """Return a table of the methods that need all rows or some at a time, and one of those that compare all pairs."""
    n, few, widths = (30_000, 2000, (1024, 256)) if quick else (120_000, 12_000, (4096, 1024))
    recipes = ("cca+itq", "dcmh(epochs=1)", "vsepp(epochs=1)+itq") if quick else (*IN_BLOCKS, *IN_BATCHES)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for modality, width in zip(MODALITIES, widths, strict=True):
            write(folder / f"{modality}.npy", n, width)

        def row(what: str, count: int = n, work: Work = fitted) -> Row:
            return alone(work, folder, what, count, 4 * count * sum(widths))

        rows = [row("the files read into memory", work=read_whole)]
        rows += [row(recipe) for recipe in (*recipes, f"cca+itq {STEPS}")]
        compared = [] if quick else [row(recipe, few if fewer else n) for recipe, fewer in PAIRWISE]
    title = f"{n:,} pairs of {widths[0]:,} and {widths[1]:,} numbers"
    return {title: rows} | ({"Methods that compare every item with every other": compared} if compared else {})


def write(path: Path, n: int, width: int) -> None:
    """Write features in blocks: sixteen directions that both modalities share, and noise."""
    shared, own = np.random.default_rng(0), np.random.default_rng(width)
    basis = own.normal(size=(16, width)).astype(np.float32)
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (n, width))
    for start in range(0, n, 1000):
        block = shared.normal(size=(len(matrix[start : start + 1000]), 16)).astype(np.float32) @ basis
        matrix[start : start + 1000] = block + own.standard_normal(block.shape, np.float32)
    matrix.flush()


def alone(work: Work, folder: Path, what: str, n: int, size: int) -> Row:
    """Return the row of some work, done in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(work, folder, what, n).result()
    growth = found["growth"]
    return {
        "what": what,
        "pairs": n,
        "growth GiB": growth / GIB,
        "anonymous GiB": found["anonymous"] / GIB,
        "times the files": growth / size,
        "seconds": found["seconds"],
        "end": found["end"],
    }


def read_whole(folder: Path, _: str, n: int) -> dict[str, Any]:
    """Return what reading both files takes."""
    with watched() as found:
        matrices = [np.load(folder / f"{modality}.npy", allow_pickle=False) for modality in MODALITIES]
        found["end"] = f"{len(matrices)} matrices"
    return found


def fitted(folder: Path, what: str, n: int) -> dict[str, Any]:
    """Return what a recipe takes from the files to codes of queries."""
    text, _, steps = what.partition(" ")
    recipe, data = Recipe.parse(text), corpus(folder, n)
    warm_up()
    with watched() as found, patch.object(Paired, "batches", some_batches):
        try:
            made = featurise(data, steps or "precomputed", "precomputed").dataset
            encoder = recipe.fit(made.train, BITS, training=PLAIN)
            for modality in MODALITIES:
                encoder.encode(made.database.of(modality)[:QUERIES], modality)
            found["end"] = "codes"
        except InputError as refusal:
            found["end"] = str(refusal).partition(":")[0]
    if found["end"] == "codes":
        rows = made.database.image[:200]
        assert (encoder.encode(rows, "image").packed == encoder.encode(np.array(rows), "image").packed).all()
    return found


def corpus(folder: Path, n: int) -> Corpus:
    """Return the first `n` pairs of the files."""
    ids = tuple(map(str, range(n)))
    split = Split("files", train=ids[QUERIES // 2 :], query=ids[: QUERIES // 2], database=ids[QUERIES // 2 :])
    features = {m: np.load(folder / f"{m}.npy", mmap_mode="r", allow_pickle=False)[:n] for m in MODALITIES}
    labels = np.random.default_rng(1).random((n, CLASSES)) < 0.1
    labels[:, 0] |= ~labels.any(1)
    return Corpus("files", ids, split, labels=labels, features=features)


def warm_up() -> None:
    """Import what a fit imports, PyTorch's optimisers included, by fits that are too small to take memory."""
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(2, 64, 70)).astype(np.float32)
    for recipe in ("cca+itq", "ucch(epochs=1,hidden=8,batch=32,K=4)"):
        Recipe.parse(recipe).fit(Paired(image, text), 16)


def some_batches(pairs: Paired, size: int, rng: np.random.Generator, *, drop_last: bool = False) -> Iterator[Any]:
    """Yield the first batches of a shuffled pass."""
    order = rng.permutation(len(pairs))
    starts = range(0, len(order) - size * drop_last, size)
    for start in islice(starts, BATCHES):
        yield order[start : start + size], pairs[order[start : start + size]]


@contextmanager
def watched() -> Iterator[dict[str, Any]]:
    """Yield a dictionary that gets, in the end, the growth and the anonymous part of the resident set, and seconds."""
    found: dict[str, Any] = {}
    before, done = resident(), threading.Event()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    anonymous = [before["RssAnon"]]

    def sample() -> None:
        while not done.wait(0.05):
            anonymous.append(resident()["RssAnon"])

    sampler = threading.Thread(target=sample)
    sampler.start()
    start = time.perf_counter()
    try:
        yield found
    finally:
        done.set()
        sampler.join()
        found["seconds"] = time.perf_counter() - start
        found["growth"] = resident()["VmHWM"] - before["VmRSS"]
        found["anonymous"] = max(anonymous) - before["RssAnon"]


def resident() -> dict[str, int]:
    """Return the bytes of the resident set, of its peak and of its anonymous part, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(values[name].split()[0]) for name in ("VmRSS", "VmHWM", "RssAnon")}


if __name__ == "__main__":
    main(measure, __doc__)
