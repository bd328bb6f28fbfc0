"""Synchronisation with a folder: new pictures are added, vanished ones removed, renamed ones keep their codes."""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Unpack, final

from ...data.splits import listed
from ...errors import InputError
from ...records.record import ReadingReport, ReadOptions, Unread
from ...records.shards import CUT_SHORT
from ..collection import Collection
from ..ingest.add import AddOptions, AddResult
from ..ingest.identity import can_be_named, content_if_read, free_ids, identified
from ..ingest.sources import DEFAULTS, read_source
from ..item import Item, Raw
from ..storage.reads import items_from, items_pictured_below
from ..storage.sources import Sources, place_of
from ..storage.transactions import commit


@final
@dataclass(frozen=True)
class SyncResult:
    """What was added, how many items were renamed and removed, and what was not read.

    `kept` counts the items whose picture was not read but may well be there, by what was not read and why.
    """

    added: AddResult
    renamed: int
    removed: int
    report: ReadingReport
    kept: Mapping[str, int]


def sync(
    collection: Collection,
    folder: Path,
    reading: ReadOptions = DEFAULTS,
    **options: Unpack[AddOptions],
) -> SyncResult:
    """Add the pictures of a folder, remove the items whose picture has left it, and recognise those that only moved.

    Items from elsewhere stay, also where they have the same names. So do those whose picture was not read, because it
    is left out, or in a folder that cannot be opened, say: only what is certainly absent is removed. Where the folder
    has nothing but the picture of an item, its texts and metadata stay, and what was set by hand stays everywhere.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; sync needs a folder of pictures")
    read = read_source(str(folder), sys.stdin, reading)
    raws = {raw.id: raw for raw in read.raws}
    named = {raw.id: raw for raw in raws.values() if can_be_named(raw.id)}  # adding says what is wrong with the others
    place = place_of(read.place)
    with collection.store.reading() as connection:
        before = Sources.of(collection.store.facts)
        sources, label = before.with_place(place)
        below = dict(_below(connection, before, place))
        found = identified(connection, before, place, [*named.values()])
        if below and not raws:
            raise InputError(_nothing_read(collection, folder, reading, read.report, len(below)))
        vanished = {number: item for number, (key, item) in below.items() if key not in raws}
        kept = _not_read(vanished, {number: below[number][0] for number in vanished}, place, read.report)
        vanished = {number: item for number, item in vanished.items() if number not in kept}
        moved = _moved(vanished, [raw for key, raw in named.items() if found[key].known is None])
        ids = free_ids(connection, label, [raw.id for raw in moved.values()], [item.id for item in vanished.values()])
    renamed = {
        number: replace(vanished[number], id=ids[raw.id], picture=raw.place, source=label, key=raw.id)
        for number, raw in moved.items()
    }
    gone = [number for number in vanished if number not in renamed]
    if vanished:
        _forget(collection, renamed, gone, sources)
    options["source"] = place
    added = collection.add([*raws.values()], **options)
    return SyncResult(added, len(renamed), len(gone), read.report, _counted([*kept.values()]))


def _nothing_read(collection: Collection, folder: Path, reading: ReadOptions, report: ReadingReport, items: int) -> str:
    """Return why no item is synchronised with a folder of which no picture was read."""
    globs = [*(f"--include {glob}" for glob in reading.include), *(f"--exclude {glob}" for glob in reading.exclude)]
    unread = ReadingReport(unread=[each for each in report.unread if each.reason]).summary(names=1)
    if globs and any(each.kind == "excluded" for each in report.unread):
        why = f"no picture of {folder} is left by {' '.join(globs)}"
    elif unread:
        why = f"no picture of {folder} could be read ({'; '.join(unread)})"
    else:
        why = f"{folder} holds no pictures"
    advice = "" if globs or unread else ": is it the right folder, and mounted?"
    return (
        f"{why}, but {items:,} items came from it{advice or '; nothing was changed.'} To remove items, use"
        f" `crossbit index remove {collection.folder} --where FILTER`"
    )


def _not_read(
    items: Mapping[int, Item], keys: Mapping[int, str], place: str, report: ReadingReport
) -> dict[int, Unread]:
    """Return for those of the items that may well be there what was not read: they, or what they are in."""
    unread: dict[str, Unread] = {}
    for each in report.unread:
        unread.setdefault(each.name.rpartition(", from byte ")[0] if each.kind == CUT_SHORT else each.name, each)
    found: dict[int, Unread] = {}
    for number, item in items.items() if unread else ():
        names = {keys[number], (item.picture or "").removeprefix(place)}
        above = (above for name in names for above in (name, *map(str, PurePosixPath(name).parents)))
        first = next((unread[name] for name in above if name in unread), None)
        if first is not None:
            found[number] = first
    return found


def _counted(unread: Sequence[Unread]) -> dict[str, int]:
    """Return how many items are kept for each reason, with the names of what was not read."""
    counts = Counter((each.kind, each.reason) for each in unread)
    names = {kind: listed([*dict.fromkeys(each.name for each in unread if each[1:] == kind)], 3) for kind in counts}
    return {f"{names[kind]} ({': '.join(filter(None, kind))})": count for kind, count in counts.items()}


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
