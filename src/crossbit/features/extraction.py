"""Feature extraction in batches: each content once, cached on disk shard by shard, resumable.

Threads open items a bounded number ahead of the extractor, so that memory holds no more than twice the result and a
few batches. Identical content is extracted once. An unusable item is named.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from PIL.Image import Image

from ..data.rows import Array, mapped, select
from ..errors import InputError, ItemError
from ..progress import Log, silent
from .base import Extractor
from .cache import Shard, ShardStore
from .matrix import as_float32, finite, stacked
from .raw import Picture, content_of, existing_file, open_picture

OnError: TypeAlias = Literal["fail", "skip"]
K = TypeVar("K")
V = TypeVar("V")

BATCH = 32
SHARD = 256
WORKERS = 2


class Extracted(NamedTuple):
    """The features of the usable items, whose numbers are `rows`; `failures` gives the reasons of the others.

    `computed` counts the items that were neither cached nor repetitions.
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

    `raws` is any sequence, opened item by item, and for precomputed features their matrix. `names` stand in errors.
    With `on_error="fail"` the first unusable item ends the extraction with an error that gives its name; what was
    extracted until then stays in the cache.
    """
    job = _Job(extractor, raws, names, on_error, log)
    if extractor.precomputed:
        return job.as_given()
    store = None if cache is None or extractor.cheap else ShardStore(cache / extractor.fingerprint)
    with ThreadPoolExecutor(WORKERS) as pool:
        job.compute(pool, store)
    return job.result(store)


@dataclass(eq=False)
class _Job:
    """The state of one extraction.

    `rows_of` groups the rows by content; `place` is the position of a content's features in `parts`; `fresh` items are
    opened and wait for their batch.
    """

    extractor: Extractor
    raws: Any
    names: Sequence[str]
    on_error: OnError
    log: Log
    rows_of: dict[Any, list[int]] = field(default_factory=dict)
    place: dict[Any, int] = field(default_factory=dict)
    parts: list[Array] = field(default_factory=list)
    fresh: list[tuple[Any, Any]] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)

    def as_given(self) -> Extracted:
        """Return precomputed features whose numbers are all finite."""
        fine = finite(self.raws)
        for row in np.flatnonzero(~fine).tolist():
            self._fail(row, ItemError("its features hold NaN or infinity"))
        rows = np.flatnonzero(fine)
        self._refuse_nothing(len(rows))
        return Extracted(mapped(select(self.raws, rows), as_float32), rows, self.failures, 0)

    def compute(self, pool: ThreadPoolExecutor, store: ShardStore | None) -> None:
        """Extract what the store lacks, writing a shard whenever one is full."""
        cached = frozenset() if store is None else frozenset(key for shard in store.read() for key in shard.keys)
        unsaved: list[Shard] = []
        try:
            for row, opened in _ahead(pool, lambda row: self._open(row, cached), range(len(self.raws))):
                self._take(row, opened)
                if len(self.fresh) == BATCH or row + 1 == len(self.raws):
                    self._extract(unsaved)
                if sum(len(shard.keys) for shard in unsaved) >= SHARD:
                    _save(store, unsaved)
                if row % BATCH == 0 or row + 1 == len(self.raws):
                    self._report(row + 1)
        finally:
            _save(store, unsaved)

    def result(self, store: ShardStore | None) -> Extracted:
        """Return the features in the order of the items, those that were cached before read from the store."""
        computed = len(self.place)
        for shard in store.read() if store is not None and len(self.rows_of) > computed else ():
            wanted = [at for at, key in enumerate(shard.keys) if key in self.rows_of and key not in self.place]
            self._add([shard.keys[at] for at in wanted], shard.rows[wanted])
        if store is not None and len(self.place) < len(self.rows_of):
            raise InputError(f"the cache {store.folder} changed while it was used; run again")
        key_of = {row: key for key, rows in self.rows_of.items() for row in rows}
        rows = sorted(key_of)
        self._refuse_nothing(len(rows))
        joined = stacked(self.parts)
        self.parts.clear()
        features = joined[np.array([self.place[key_of[row]] for row in rows])]
        return Extracted(features, np.array(rows, np.int64), self.failures, computed)

    def _open(self, row: int, cached: frozenset[bytes]) -> tuple[Any, Any]:
        raw = self.raws[row]
        key = row if self.extractor.cheap else content_key(raw)
        return key, None if key in cached or key in self.rows_of else self.extractor.prepare(raw)

    def _take(self, row: int, opened: tuple[Any, Any] | ItemError) -> None:
        if isinstance(opened, ItemError):
            self._fail(row, opened)
            return
        key, item = opened
        if item is not None and key not in self.rows_of:
            self.fresh.append((key, item))
        self.rows_of.setdefault(key, []).append(row)

    def _extract(self, unsaved: list[Shard]) -> None:
        if self.fresh:
            shard = Shard([key for key, _ in self.fresh], self.extractor.compute([item for _, item in self.fresh]))
            self._add(*shard)
            unsaved.append(shard)
            self.fresh.clear()

    def _add(self, keys: Sequence[Any], rows: Array) -> None:
        self.place |= {key: len(self.place) + at for at, key in enumerate(keys)}
        self.parts.append(rows)

    def _fail(self, row: int, reason: ItemError) -> None:
        if self.on_error == "fail":
            raise InputError(
                f"the {self.extractor.modality} of {self.names[row]} cannot be used: {reason};"
                " with on_error=skip such items are left out and reported"
            )
        self.failures[row] = str(reason)

    def _refuse_nothing(self, usable: int) -> None:
        if not usable:
            first = f"; {self.names[0]}: {self.failures[0]}" if self.failures else ""
            raise InputError(f"none of {len(self.names)} items has a usable {self.extractor.modality}{first}")

    def _report(self, done: int) -> None:
        self.log(done, len(self.raws), {"failed": float(len(self.failures))} if self.failures else {})


def content_key(raw: Picture | str) -> bytes:
    """Return the sha256 of an item's content: a file or its bytes, pixels with their shape, or a text."""
    if isinstance(raw, str):
        return hashlib.sha256(b"text " + raw.encode("utf-8", "surrogatepass")).digest()
    if isinstance(raw, Image):
        raw = np.asarray(open_picture(raw))
    return bytes.fromhex(content_of(existing_file(raw) if isinstance(raw, Path) else raw))


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[K], V], items: Iterable[K]
) -> Iterator[tuple[K, V | ItemError]]:
    """Yield each item with its result or error, in order, while a pool works a little ahead.

    The first item is processed alone, so that what a function loads on its first call is loaded once.
    """

    def attempt(item: K) -> V | ItemError:
        try:
            return function(item)
        except ItemError as fault:
            return fault
        except OSError as fault:
            return ItemError(fault.strerror or str(fault))

    started = False
    queue: deque[tuple[K, Future[V | ItemError]]] = deque()
    for item in items:
        queue.append((item, pool.submit(copy_context().run, attempt, item)))
        if not started:
            queue[0][1].result()
            started = True
        if len(queue) > 2 * BATCH:
            first, future = queue.popleft()
            yield first, future.result()
    for item, future in queue:
        yield item, future.result()


def _save(store: ShardStore | None, unsaved: list[Shard]) -> None:
    if store is not None and unsaved:
        keys = [key for shard in unsaved for key in shard.keys]
        store.write(Shard(keys, np.concatenate([shard.rows for shard in unsaved])))
    unsaved.clear()
