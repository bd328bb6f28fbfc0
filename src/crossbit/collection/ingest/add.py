"""Adding items: in batches, each acknowledged when it is on the disk; an unchanged item is not encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict, final

import numpy as np

from ...errors import InputError
from ...progress import Log, silent
from ..item import Raw, described
from ..model import Model
from ..storage.batch import EncodedBatch
from ..storage.reads import Digests, digests_of
from ..storage.sources import Sources, place_of
from ..storage.store import ItemStore
from ..storage.transactions import commit, storable_part
from .encode import Encoder, ItemFailure
from .identity import Incoming, identified, placed, refuse_other_mount

#: Items of one transaction.
BATCH = 256
OnError = Literal["fail", "skip"]


@final
@dataclass
class AddResult:
    """Counts of items that were added, replaced, or stored already with the same content; and the failures.

    Of the added ones, `qualified` are shown under `label/key`, because an item of another source has their key as id.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    failures: list[ItemFailure] = field(default_factory=list)
    qualified: int = 0

    @property
    def done(self) -> int:
        """How many items were dealt with."""
        return self.added + self.replaced + self.unchanged + len(self.failures)


class AddOptions(TypedDict, total=False):
    """The options of adding.

    `source` is the place that the items come from: a folder or list, or a name. An item's identity is then this place
    and its id there; without one it is its id. `keep_both` adds items that are there already from another place. With
    `gps` the places of pictures become metadata, `lat` and `lon`.
    """

    source: str | PathLike[str] | None
    keep_both: bool
    on_error: OnError
    log: Log
    cache: Path | None
    gps: bool


def add_items(store: ItemStore, model: Model, raws: Raw | Iterable[Raw], options: AddOptions) -> Iterator[AddResult]:
    """Add items, replacing those that have changed; yield the counts after each batch that is on the disk.

    With `on_error="fail"` the first unusable item ends the work; the batches before it stay. Features that are in
    `cache` are read, and new ones added to it. An item with precomputed features is encoded again to see its change.
    Values set by hand stay. Items of a new source most of which are there from another place are refused.
    """
    log, source = options.get("log", silent), options.get("source")
    encoder = Encoder.of(model, store, options.get("cache"), gps=options.get("gps", False))
    adding = _Adding(store, encoder, None if source is None else place_of(source), options.get("keep_both", False))
    total = len(raws) if isinstance(raws, Sized) else 0
    rest, counts = _checked(raws), adding.counts
    with store.locked():
        while part := list(islice(rest, BATCH)):
            adding.add(part)
            if counts.failures and options.get("on_error") == "fail":
                first = counts.failures[0]
                raise InputError(
                    f"{first.id} cannot be used: {first.reason}; with --on-error skip such items are left out and named"
                )
            log(
                counts.done, max(total, counts.done), {"failed": float(len(counts.failures))} if counts.failures else {}
            )
            yield counts


def add_batch(store: ItemStore, batch: EncodedBatch, places: Mapping[str, str]) -> AddResult:
    """Add encoded items, replacing those that differ from the stored ones, in one change.

    Their sources are labels of `places`, as where the items come from; an item without one is found by its id.
    """
    counts = AddResult()
    with store.locked():
        with store.reading() as connection:
            sources, items = placed(connection, Sources.of(store.facts), places, batch.items)
        _write(store, replace(batch, items=items), counts, sources)
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


@final
@dataclass(eq=False)
class _Adding:
    """The work of adding the items of one place; `seen` holds their ids there."""

    store: ItemStore
    encoder: Encoder
    place: str | None
    keep_both: bool = False
    counts: AddResult = field(default_factory=AddResult)
    seen: set[str] = field(default_factory=set)

    def add(self, raws: Sequence[Raw]) -> None:
        """Add a batch of items."""
        fresh, repeated = self._unrepeated(raws)
        sources = Sources.of(self.store.facts)
        with self.store.reading() as connection:
            found = identified(connection, sources, self.place, fresh)
            if self.place is not None and not self.keep_both and sources.label(self.place) is None:
                new = [raw for raw in fresh if raw.id in found and found[raw.id].known is None]
                refuse_other_mount(connection, self.store.folder, sources, self.place, new)
        self.keep_both = True  # the first items speak for all
        known = {raw.id: Incoming.of(raw, found.get(raw.id)) for raw in fresh}
        stored = {each.raw.id: each.stored for each in known.values() if each.stored is not None}
        encoded = self.encoder([each.raw for each in known.values()], stored)
        self.counts.unchanged += encoded.unchanged
        self.counts.failures += [*encoded.failures, *repeated]
        if len(encoded.batch):
            by_id = {each.raw.id: each for each in known.values()}
            batch = replace(encoded.batch, items=[by_id[item.id].finished(item) for item in encoded.batch.items])
            named = sources if self.place is None else sources.with_place(self.place)[0]
            _write(self.store, batch, self.counts, named)

    def _unrepeated(self, raws: Sequence[Raw]) -> tuple[list[Raw], list[ItemFailure]]:
        """Return the items whose ids have not been seen yet, and failures for the others."""
        fresh: list[Raw] = []
        repeated: list[ItemFailure] = []
        for raw in raws:
            if raw.id in self.seen:
                where = f"; the second, {raw.where}, is not read, nor are its texts" if raw.where else ""
                repeated.append(ItemFailure(raw.id, f"two items have this id{where}"))
            else:
                self.seen.add(raw.id)
                fresh.append(raw)
        return fresh, repeated


def _write(store: ItemStore, batch: EncodedBatch, counts: AddResult, sources: Sources) -> None:
    kept = storable_part(store, batch)
    with store.reading() as connection:
        stored = digests_of(connection, [item.id for item in kept.items])
    known = [_is_stored(stored.get(item.id), kept, row) for row, item in enumerate(kept.items)]
    fresh = kept[np.flatnonzero(~np.array(known, bool))]
    replaced = [stored[item.id].number for item in fresh.items if item.id in stored]
    if len(fresh):
        commit(store, replaced, fresh, sources)
    counts.replaced += len(replaced)
    counts.added += len(fresh) - len(replaced)
    counts.qualified += sum(item.id != (item.key or item.id) and item.id not in stored for item in fresh.items)
    counts.unchanged += len(batch) - len(fresh)


def _is_stored(digests: Digests | None, batch: EncodedBatch, row: int) -> bool:
    """Return whether the checksums of a stored item are those of an item of a batch."""
    if digests is None or digests.item != batch.digests[row]:
        return False
    return batch.vectors_digest(row) in (None, digests.vectors)
