"""Synchronisation with a folder: new pictures are added, vanished ones removed, renamed ones keep their codes."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack, final

from ...errors import InputError
from ...features.raw import content_of
from ...records.record import ReadingReport, ReadOptions
from ..collection import Collection
from ..ingest.add import AddOptions, AddResult
from ..ingest.sources import DEFAULTS, read_source
from ..item import Item, Raw, read_item, refuse_id
from ..storage.reads import COLUMNS, items_named
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

    Items from elsewhere stay; a folder that would replace one, having the same id, is refused. Where the folder has
    nothing but the picture of an item, its texts and metadata stay.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; sync needs a folder of pictures")
    source = read_source(str(folder), sys.stdin, reading)
    raws = {raw.id: raw for raw in source.raws}
    named = [raw for raw in raws.values() if _can_be_named(raw)]  # adding says what is wrong with the others
    with collection.store.reading() as connection:
        known = _from_folder(connection, folder.resolve()) | _named_alike(connection, folder.resolve(), named)
    if known and not raws:
        raise InputError(
            f"{folder} holds no pictures, but {len(known):,} items came from it: is it the right folder, and mounted?"
            " To remove them all, use `crossbit index remove --where`"
        )
    vanished = {number: item for number, item in known.items() if item.id not in raws}
    taken = {item.id for item in known.values()}
    renamed = _renamed(vanished, [raw for raw in named if raw.id not in taken])
    gone = [number for number in vanished if number not in renamed]
    if vanished:
        _forget(collection, renamed, gone)
    kept = {item.id: item for item in [*known.values(), *renamed.values()]}
    added = collection.add([_completed(raw, kept.get(raw.id)) for raw in raws.values()], **options)
    return SyncResult(added, len(renamed), len(gone), source.report)


def _forget(collection: Collection, renamed: Mapping[int, Item], gone: Sequence[int]) -> None:
    """Rename and remove, in one change."""
    with collection.store.locked(), collection.view() as (connection, snapshot):
        batch = snapshot.batch(connection, renamed) if renamed else None
        commit(collection.store, [*renamed, *gone], batch)


def _from_folder(connection: sqlite3.Connection, folder: Path) -> dict[int, Item]:
    """Return the items whose picture lies below a folder, by number."""
    below = f"{folder}/"
    query = f"SELECT {COLUMNS} FROM items WHERE picture >= ? AND picture < ?"  # noqa: S608
    return {row[0]: read_item(row) for row in connection.execute(query, (below, below[:-1] + "0"))}  # "0" follows "/"


def _named_alike(connection: sqlite3.Connection, folder: Path, raws: Sequence[Raw]) -> dict[int, Item]:
    """Return the items that share an id with a picture of a folder, by number; one from elsewhere is refused."""
    by_id = {raw.id: raw for raw in raws}
    found = items_named(connection, [*by_id])
    for item in found.values():
        place = by_id[item.id].place
        if item.picture != place and not Path(item.picture or "").is_relative_to(folder):
            raise InputError(
                f"the item {item.id!r} of this collection is {item.picture or 'without a file'}, and would be replaced"
                f" by {place or 'one without a file'}: an id is the path below the folder, so sync a folder above both,"
                " or keep a collection for each"
            )
    return found


def _can_be_named(raw: Raw) -> bool:
    try:
        refuse_id(raw.id)
    except InputError:
        return False
    return True


def _renamed(vanished: Mapping[int, Item], fresh: Sequence[Raw]) -> dict[int, Item]:
    """Return the vanished items whose picture is among the fresh ones, under the new name."""
    by_content: dict[str, list[int]] = {}
    for number, item in vanished.items():
        if item.content:
            by_content.setdefault(item.content, []).append(number)
    found: dict[int, Item] = {}
    for raw in fresh if by_content else ():
        assert isinstance(raw.picture, Path)
        numbers = by_content.get(content_of(raw.picture)) if raw.picture.is_file() else None
        if numbers:
            number = numbers.pop(0)
            found[number] = replace(vanished[number], id=raw.id, picture=raw.place)
    return found


def _completed(raw: Raw, known: Item | None) -> Raw:
    """Return a raw item with the stored texts and metadata, where it brings none."""
    if known is None:
        return raw
    return replace(raw, texts=raw.texts or known.texts, metadata=raw.metadata or known.metadata)
