"""Extraction of many items: in batches, by content, kept on disk shard by shard, resumed where it stopped.

Threads open items a bounded number ahead of the extractor, so that memory holds no more than twice the result and a
few batches. Identical content is extracted once. An item that cannot be used is named.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from ..data import Array
from ..errors import InputError
from ..progress import Log, silent
from .extractor import Extractor, file_sha256
from .pictures import existing
from .precomputed import Precomputed, finite
from .store import Shard, Store

OnError: TypeAlias = Literal["fail", "skip"]
K = TypeVar("K")
V = TypeVar("V")

BATCH = 32
SHARD = 256
WORKERS = 2


class Extracted(NamedTuple):
    """The features of the usable items: `rows` says which they are, `failures` why the others are not.

    `computed` counts what was extracted now, being neither in the cache nor a repetition.
    """

    features: Array
    rows: Int[ndarray, "m"]
    failures: dict[int, str]
    computed: int


def extract(
    extractor: Extractor,
    raws: Sequence[Any] | Array,
    names: Sequence[str],
    *,
    cache: Path | None = None,
    on_error: OnError = "fail",
    log: Log = silent,
) -> Extracted:
    """Return the features of raw items; rows already in `cache` are read, new ones are added to it.

    `raws` is any sequence, opened item by item, and for precomputed features their matrix. `names` go into errors.
    With `on_error="fail"` the first unusable item ends the extraction with an error that gives its name; what was
    extracted until then stays in the cache.
    """
    job = _Job(extractor, raws, names, on_error, log)
    if isinstance(extractor, Precomputed):
        return job.as_given()
    store = None if cache is None or extractor.cheap else Store(cache / extractor.fingerprint)
    with ThreadPoolExecutor(WORKERS) as pool:
        job.identify(pool)
        if store is not None:
            job.recall(store)
        computed = job.compute(pool, store)
    return job.result(computed)


@dataclass(eq=False)
class _Job:
    """The state of one extraction: which rows share which content, what is known of it and what failed."""

    extractor: Extractor
    raws: Any
    names: Sequence[str]
    on_error: OnError
    log: Log
    rows_of: dict[Any, list[int]] = field(default_factory=dict)
    place: dict[Any, int] = field(default_factory=dict)
    parts: list[Array] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    done: int = 0

    def as_given(self) -> Extracted:
        """Return precomputed features whose numbers are all finite."""
        fine = finite(self.raws)
        for row in np.flatnonzero(~fine).tolist():
            self._fail([row], InputError("its features hold NaN or infinity"))
        rows = np.flatnonzero(fine)
        self._refuse_nothing(len(rows))
        return Extracted(self.raws[rows].astype(np.float32), rows, self.failures, 0)

    def identify(self, pool: ThreadPoolExecutor) -> None:
        """Find the rows that share their content; a cheap extractor takes each row as it comes."""
        if self.extractor.cheap:
            self.rows_of = {row: [row] for row in range(len(self.raws))}
            return
        for row, key in _ahead(pool, lambda row: content_key(self.raws[row]), range(len(self.raws))):
            if isinstance(key, InputError):
                self._fail([row], key)
            else:
                self.rows_of.setdefault(key, []).append(row)

    def recall(self, store: Store) -> None:
        """Take what the store already has."""
        for shard in store.read():
            chosen = [at for at, key in enumerate(shard.keys) if key in self.rows_of and key not in self.place]
            self._add([shard.keys[at] for at in chosen], shard.rows[chosen])

    def compute(self, pool: ThreadPoolExecutor, store: Store | None) -> int:
        """Extract what is missing, writing a shard whenever one is full, and return how many items that were."""
        known = len(self.place)
        missing = [key for key in self.rows_of if key not in self.place]
        attempts = _ahead(pool, lambda key: self.extractor.prepare(self.raws[self.rows_of[key][0]]), missing)
        unsaved: list[Shard] = []
        self._report()
        try:
            while batch := list(islice(attempts, BATCH)):
                usable = self._usable(batch)
                if usable:
                    rows = self.extractor.compute([item for _, item in usable])
                    unsaved.append(Shard([key for key, _ in usable], rows))
                    self._add(*unsaved[-1])
                if sum(len(shard.keys) for shard in unsaved) >= SHARD:
                    _save(store, unsaved)
                self._report()
        finally:
            _save(store, unsaved)
        return len(self.place) - known

    def result(self, computed: int) -> Extracted:
        """Return the features in the order of the items."""
        key_of = {row: key for key, rows in self.rows_of.items() for row in rows if row not in self.failures}
        self._refuse_nothing(len(key_of))
        rows = sorted(key_of)
        joined = _joined(self.parts)
        self.parts.clear()
        features = joined[np.array([self.place[key_of[row]] for row in rows])]
        return Extracted(features, np.array(rows, np.int64), dict(sorted(self.failures.items())), computed)

    def _usable(self, batch: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        for key, item in batch:
            if isinstance(item, InputError):
                self._fail(self.rows_of[key], item)
        return [(key, item) for key, item in batch if not isinstance(item, InputError)]

    def _add(self, keys: Sequence[Any], rows: Array) -> None:
        self.place |= {key: len(self.place) + at for at, key in enumerate(keys)}
        self.done += sum(len(self.rows_of[key]) for key in keys)
        self.parts.append(rows)

    def _fail(self, rows: list[int], reason: InputError) -> None:
        if self.on_error == "fail":
            raise InputError(
                f"the {self.extractor.modality} of {self.names[rows[0]]} cannot be used: {reason};"
                " with on_error=skip such items are left out and reported"
            )
        self.failures |= dict.fromkeys(rows, str(reason))
        self.done += len(rows)

    def _refuse_nothing(self, usable: int) -> None:
        if not usable:
            first = f"; {self.names[0]}: {self.failures[0]}" if self.failures else ""
            raise InputError(f"none of {len(self.names)} items has a usable {self.extractor.modality}{first}")

    def _report(self) -> None:
        values = {"failed": float(len(self.failures))} if self.failures else {}
        self.log(self.done, len(self.raws), values)


def content_key(raw: Path | ndarray | str) -> bytes:
    """Return the sha256 of an item's content: the bytes of a file, pixels with their shape, or a text."""
    if isinstance(raw, Path):
        return bytes.fromhex(file_sha256(existing(raw)))
    if isinstance(raw, ndarray):
        head = f"pixels {raw.dtype} {raw.shape} ".encode()
        return hashlib.sha256(head + raw.tobytes()).digest()
    return hashlib.sha256(b"text " + raw.encode("utf-8", "surrogatepass")).digest()


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[K], V], items: Iterable[K]
) -> Iterator[tuple[K, V | InputError]]:
    """Yield each item with its result or the reason why there is none, in order, working a little ahead."""

    def attempt(item: K) -> V | InputError:
        try:
            return function(item)
        except InputError as fault:
            return fault
        except OSError as fault:
            return InputError(fault.strerror or str(fault))

    queue: deque[tuple[K, Future[V | InputError]]] = deque()
    for item in items:
        queue.append((item, pool.submit(attempt, item)))
        if len(queue) > 2 * BATCH:
            first, future = queue.popleft()
            yield first, future.result()
    for item, future in queue:
        yield item, future.result()


def _save(store: Store | None, unsaved: list[Shard]) -> None:
    if store is not None and unsaved:
        keys = [key for shard in unsaved for key in shard.keys]
        store.write(Shard(keys, np.concatenate([shard.rows for shard in unsaved])))
    unsaved.clear()


def _joined(parts: list[Array]) -> Array:
    if isinstance(parts[0], ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")
