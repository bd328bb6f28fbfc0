"""Synchronisation with a folder: new pictures are added, vanished ones removed, renamed ones keep their codes."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack, final

from ...errors import InputError
from ...records.record import ReadingReport, ReadOptions
from ..collection import Collection
from ..ingest.add import AddOptions, AddResult
from ..ingest.identity import can_be_named, completed, content_if_read, free_ids, identified
from ..ingest.sources import DEFAULTS, read_source
from ..item import Item, Raw
from ..storage.reads import items_from, items_pictured_below
from ..storage.sources import Sources, place_of
from ..storage.transactions import commit


@final
@dataclass(frozen=True)
class SyncResult:
    """What was added, how many items were renamed and removed, and what was not read."""

    added: AddResult
    renamed: int
    removed: int
    report: ReadingReport


def sync(
    collection: Collection,
    folder: Path,
    reading: ReadOptions = DEFAULTS,
    **options: Unpack[AddOptions],
) -> SyncResult:
    """Add the pictures of a folder, remove the items whose picture has left it, and recognise those that only moved.

    Items from elsewhere stay, also where they have the same names. Where the folder has nothing but the picture of an
    item, its texts and metadata stay, and what was set by hand stays everywhere.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; sync needs a folder of pictures")
    read = read_source(str(folder), sys.stdin, reading)
    raws = {raw.id: raw for raw in read.raws}
    named = {raw.id: raw for raw in raws.values() if can_be_named(raw.id)}  # adding says what is wrong with the others
    place = place_of(read.place)
    with collection.store.reading() as connection:
        sources, label = Sources.of(collection.store.facts).with_place(place)
        below = dict(_below(connection, Sources.of(collection.store.facts), place))
        found = identified(connection, Sources.of(collection.store.facts), place, [*named.values()])
        if below and not raws:
            raise InputError(
                f"{folder} holds no pictures, but {len(below):,} items came from it: is it the right folder, and"
                " mounted? To remove them all, use `crossbit index remove --where`"
            )
        vanished = {number: item for number, (key, item) in below.items() if key not in raws}
        moved = _moved(vanished, [raw for key, raw in named.items() if found[key].known is None])
        ids = free_ids(connection, label, [raw.id for raw in moved.values()], [item.id for item in vanished.values()])
    renamed = {
        number: replace(vanished[number], id=ids[raw.id], picture=raw.place, source=label, key=raw.id)
        for number, raw in moved.items()
    }
    gone = [number for number in vanished if number not in renamed]
    if vanished:
        _forget(collection, renamed, gone, sources)
    known = {key: each.known for key, each in found.items()} | {item.key: item for item in renamed.values()}
    options["source"] = place
    added = collection.add([completed(raw, known.get(raw.id)) for raw in raws.values()], **options)
    return SyncResult(added, len(renamed), len(gone), read.report)


def _forget(collection: Collection, renamed: Mapping[int, Item], gone: Sequence[int], sources: Sources) -> None:
    """Rename and remove, in one change."""
    with collection.store.locked(), collection.view() as (connection, snapshot):
        batch = snapshot.batch(connection, renamed) if renamed else None
        commit(collection.store, [*renamed, *gone], batch, sources)


def _below(connection: sqlite3.Connection, sources: Sources, place: str) -> Iterator[tuple[int, tuple[str, Item]]]:
    """Yield the number of each item that came from a folder, and its path there."""
    for label, ours, theirs in sources.below(place):
        for number, item in items_from(connection, label).items():
            if item.key is not None and item.key.startswith(theirs):
                yield number, (ours + item.key.removeprefix(theirs), item)
    for number, item in items_pictured_below(connection, place).items():
        if item.source is None:
            yield number, ((item.picture or "").removeprefix(place), item)


def _moved(vanished: Mapping[int, Item], fresh: Sequence[Raw]) -> dict[int, Raw]:
    """Return for those of the vanished items whose picture is among the fresh ones what they are now."""
    by_content: dict[str, list[int]] = {}
    for number, item in vanished.items():
        if item.content:
            by_content.setdefault(item.content, []).append(number)
    found: dict[int, Raw] = {}
    for raw in fresh if by_content else ():
        numbers = by_content.get(content) if (content := content_if_read(raw)) else None
        if numbers:
            found[numbers.pop(0)] = raw
    return found
