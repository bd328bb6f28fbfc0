"""Adding items: in batches, each acknowledged when it is on the disk; what is there already costs a look."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict, final

import numpy as np

from ...errors import InputError
from ...progress import Log, silent
from ..encoding import ItemFailure, brings_features, encode, kept_features
from ..item import Item, Raw
from ..model import Model
from ..storage.batch import EncodedBatch
from ..storage.reads import COLUMNS, Digests, digests, read_item
from ..storage.store import ItemStore
from ..storage.transactions import change, chunks

#: Items of one transaction.
BATCH = 256
OnError = Literal["fail", "skip"]
#: What makes a batch of usable items, and says which are not.
Encoder: TypeAlias = Callable[[Sequence[Raw], Sequence[Item]], tuple[EncodedBatch, list[ItemFailure]]]


@final
@dataclass
class AddResult:
    """What adding did; an item that was there with the same content is `unchanged`."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    failures: list[ItemFailure] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many items were dealt with."""
        return self.added + self.replaced + self.unchanged + len(self.failures)


class AddOptions(TypedDict, total=False):
    """The options of adding."""

    on_error: OnError
    log: Log
    cache: Path | None


def add(
    store: ItemStore,
    model: Model,
    raws: Iterable[Raw],
    *,
    on_error: OnError = "skip",
    log: Log = silent,
    cache: Path | None = None,
) -> Iterator[AddResult]:
    """Add items, replacing those that have changed; yield the counts after each batch that is on the disk.

    With `on_error="fail"` the first unusable item ends the work; the batches before it stay. Features that are in
    `cache` are read, and new ones added to it. An item with precomputed features is encoded again to see its change.
    """
    counts, features = AddResult(), kept_features(model, cache)

    def encoder(raws: Sequence[Raw], items: Sequence[Item]) -> tuple[EncodedBatch, list[ItemFailure]]:
        return encode(model, raws, items, store.facts["thumbnail"], features)

    total = len(raws) if isinstance(raws, Sized) else 0
    rest = iter(raws)
    with store.locked():
        while part := list(islice(rest, BATCH)):
            _add_batch(store, model, encoder, part, counts)
            if counts.failures and on_error == "fail":
                first = counts.failures[0]
                raise InputError(
                    f"{first.id} cannot be used: {first.reason}; with --on-error skip such items are left out and named"
                )
            log(
                counts.done, max(total, counts.done), {"failed": float(len(counts.failures))} if counts.failures else {}
            )
            yield counts


def _add_batch(store: ItemStore, model: Model, encoded: Encoder, raws: Sequence[Raw], counts: AddResult) -> None:
    usable = dict(_items(raws, counts.failures))
    with store.reading() as connection:
        known = {item.id: item for _, item in stored(connection, [item.id for item in usable.values()]).values()}
    fresh = {row: i for row, i in usable.items() if known.get(i.id) != i or brings_features(raws[row], model)}
    counts.unchanged += len(usable) - len(fresh)
    if fresh:
        batch, failures = encoded([raws[row] for row in fresh], list(fresh.values()))
        counts.failures += failures
        _write(store, batch, counts)


def put(store: ItemStore, batch: EncodedBatch) -> AddResult:
    """Add items that are encoded already, replacing those that differ from what is there, in one change."""
    counts = AddResult()
    with store.locked():
        _write(store, batch, counts)
    return counts


def _write(store: ItemStore, batch: EncodedBatch, counts: AddResult) -> None:
    kept = batch if store.facts["vectors"] else batch.without_vectors()
    with store.reading() as connection:
        known = digests(connection, [item.id for item in kept.items])
    fresh = kept[np.flatnonzero([not _is(known.get(item.id), kept, row) for row, item in enumerate(kept.items)])]
    old = [known[item.id].number for item in fresh.items if item.id in known]
    if len(fresh):
        with store.changing() as connection:
            change(connection, old, fresh)
    counts.replaced += len(old)
    counts.added += len(fresh) - len(old)
    counts.unchanged += len(batch) - len(fresh)


def _is(known: Digests | None, batch: EncodedBatch, row: int) -> bool:
    """Return whether what is known of an item is all that a batch has of it."""
    return known is not None and known.item == batch.digest(row) and batch.vectors_digest(row) in (None, known.vectors)


def _items(raws: Sequence[Raw], failures: list[ItemFailure]) -> Iterator[tuple[int, Item]]:
    """Yield the row and item of each raw item that can be kept; the second of an id is not."""
    seen: set[str] = set()
    for row, raw in enumerate(raws):
        try:
            item = raw.item()
        except InputError as fault:
            failures.append(ItemFailure(raw.id if raw.id.isprintable() else ascii(raw.id), str(fault)))
        except OSError as fault:
            failures.append(ItemFailure(raw.id, fault.strerror or str(fault)))
        else:
            if item.id in seen:
                failures.append(ItemFailure(item.id, "two items of this batch have this id"))
            else:
                seen.add(item.id)
                yield row, item


def stored(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[int, Item]]:
    """Return the number and facts of those of the items that are there."""
    found: dict[str, tuple[int, Item]] = {}
    for marks, part in chunks(ids):
        rows = connection.execute(f"SELECT {COLUMNS} FROM items WHERE id IN ({marks})", part)  # noqa: S608
        found |= {row[1]: (row[0], read_item(row)) for row in rows}
    return found
