"""Adding items: in batches, each acknowledged when it is on the disk; an unchanged item is not encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypedDict, final

import numpy as np

from ...errors import InputError
from ...progress import Log, silent
from ..item import Raw, described, storable
from ..model import Model
from ..storage.batch import EncodedBatch
from ..storage.reads import Digests, digests_of, items_named
from ..storage.store import ItemStore
from ..storage.transactions import commit, storable_part
from .encode import Encoder, ItemFailure

#: Items of one transaction.
BATCH = 256
OnError = Literal["fail", "skip"]


@final
@dataclass
class AddResult:
    """Counts of items that were added, replaced, or stored already with the same content; and the failures."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    failures: list[ItemFailure] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many items were dealt with."""
        return self.added + self.replaced + self.unchanged + len(self.failures)


class AddOptions(TypedDict, total=False):
    """The options of adding; with `gps` the places of pictures become metadata, `lat` and `lon`."""

    on_error: OnError
    log: Log
    cache: Path | None
    gps: bool


def add_items(
    store: ItemStore,
    model: Model,
    raws: Raw | Iterable[Raw],
    *,
    on_error: OnError = "skip",
    log: Log = silent,
    cache: Path | None = None,
    gps: bool = False,
) -> Iterator[AddResult]:
    """Add items, replacing those that have changed; yield the counts after each batch that is on the disk.

    With `on_error="fail"` the first unusable item ends the work; the batches before it stay. Features that are in
    `cache` are read, and new ones added to it. An item with precomputed features is encoded again to see its change.
    """
    encoder = Encoder.of(model, store, cache, gps=gps)
    counts = AddResult()
    total = len(raws) if isinstance(raws, Sized) else 0
    rest = _checked(raws)
    with store.locked():
        while part := list(islice(rest, BATCH)):
            _add_batch(store, encoder, part, counts)
            if counts.failures and on_error == "fail":
                first = counts.failures[0]
                raise InputError(
                    f"{first.id} cannot be used: {first.reason}; with --on-error skip such items are left out and named"
                )
            log(
                counts.done, max(total, counts.done), {"failed": float(len(counts.failures))} if counts.failures else {}
            )
            yield counts


def add_batch(store: ItemStore, batch: EncodedBatch) -> AddResult:
    """Add encoded items, replacing those that differ from the stored ones, in one change."""
    counts = AddResult()
    with store.locked():
        _write(store, batch, counts)
    return counts


def _checked(raws: Raw | Iterable[Raw]) -> Iterator[Raw]:
    """Return the items to be added, a single one as the only one; other kinds are refused."""
    if isinstance(raws, Raw):
        return iter([raws])
    if not isinstance(raws, Iterable) or isinstance(raws, str | bytes | Mapping):
        raise _no_item(raws)
    return map(_item, raws)


def _item(value: Any) -> Raw:
    if not isinstance(value, Raw):
        raise _no_item(value)
    return value


def _no_item(value: Any) -> InputError:
    return InputError(
        f"items to be added are crossbit.Raw(id, picture=..., texts=...), one or several, not {described(value)}"
    )


def _add_batch(store: ItemStore, encoder: Encoder, raws: Sequence[Raw], counts: AddResult) -> None:
    by_id: dict[str, Raw] = {}
    repeated: list[str] = []
    for raw in raws:
        if raw.id in by_id:
            repeated.append(raw.id)
        else:
            by_id[raw.id] = raw
    with store.reading() as connection:
        stored = {item.id: item for item in items_named(connection, [*filter(storable, by_id)]).values()}
    encoded = encoder([*by_id.values()], stored)
    counts.unchanged += encoded.unchanged
    counts.failures += encoded.failures
    counts.failures += [ItemFailure(id_, "two items of this batch have this id") for id_ in repeated]
    if len(encoded.batch):
        _write(store, encoded.batch, counts)


def _write(store: ItemStore, batch: EncodedBatch, counts: AddResult) -> None:
    kept = storable_part(store, batch)
    with store.reading() as connection:
        stored = digests_of(connection, [item.id for item in kept.items])
    known = [_is_stored(stored.get(item.id), kept, row) for row, item in enumerate(kept.items)]
    fresh = kept[np.flatnonzero(~np.array(known, bool))]
    replaced = [stored[item.id].number for item in fresh.items if item.id in stored]
    if len(fresh):
        commit(store, replaced, fresh)
    counts.replaced += len(replaced)
    counts.added += len(fresh) - len(replaced)
    counts.unchanged += len(batch) - len(fresh)


def _is_stored(digests: Digests | None, batch: EncodedBatch, row: int) -> bool:
    """Return whether the checksums of a stored item are those of an item of a batch."""
    if digests is None or digests.item != batch.digests[row]:
        return False
    return batch.vectors_digest(row) in (None, digests.vectors)
