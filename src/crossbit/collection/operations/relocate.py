"""Relocation: a source has moved, to another disk or mount; its items are told, and keep codes, texts and edits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from ...errors import InputError
from ...features.raw import content_of
from ...progress import Log, silent
from ..collection import Collection
from ..item import Item
from ..storage.reads import items_of, items_pictured_below
from ..storage.sources import Sources, folder_of, is_folder, is_path, moved, place_of
from ..storage.transactions import commit

#: Items of one transaction.
BATCH = 1024
#: Pictures that are looked for at the new place, and those of which the content is compared.
_LOOKED_FOR, _COMPARED = 1000, 20


@final
@dataclass(frozen=True)
class RelocateResult:
    """How many items were told the new place of their picture, and the sources that have moved, by label.

    Those of the pictures that are not there are `missing`. Nothing to do is no items and no sources.
    """

    items: int
    sources: tuple[str, ...]
    missing: tuple[str, ...] = ()


def relocate(collection: Collection, old: str, new: str | os.PathLike[str], log: Log = silent) -> RelocateResult:
    """Change the places of sources and pictures at or below an old place to a new one; `old` may be a source's label.

    Most of the pictures must be there. Each batch of items is one change, the places come last: an interrupted
    relocation goes on when it is run again, and one that is complete has nothing to do.
    """
    there = Path(new).resolve()
    if not there.exists():
        raise InputError(f"{new} does not exist; relocate needs the place where {old} is now")
    place = place_of(there)
    sources = Sources.of(collection.store.facts)
    with collection.store.locked():
        before = _old_place(collection, sources, old, place)
        if before.rstrip("/") == place.rstrip("/"):
            return RelocateResult(0, ())
        after = sources.moved(before, place)
        labels = tuple(label for label in after.places if after.places[label] != sources.places[label])
        _refuse_place(sources, before, place, labels)
        with collection.store.reading() as connection:
            items = items_pictured_below(connection, folder_of(before) or before)
        if not is_folder(before):
            items = {number: item for number, item in items.items() if item.source in labels}
        roots = folder_of(before) or before, folder_of(place) or place
        _refuse_absent([*items.values()], *roots)
        numbers = sorted(items)
        for start in range(0, len(numbers), BATCH):
            _move(collection, numbers[start : start + BATCH], *roots)
            log(min(start + BATCH, len(numbers)), len(numbers), {})
        if labels:
            commit(collection.store, sources=after)
    places = (moved(item.picture or "", *roots) or "" for item in items.values())
    return RelocateResult(len(items), labels, tuple(path for path in places if not os.path.isfile(path)))


def _old_place(collection: Collection, sources: Sources, old: str, new: str) -> str:
    """Return the old place as sources or pictures name it, or the new one if all of them name that already.

    One that none of them names is refused.
    """
    if is_path(sources.places.get(old, "")):
        return sources.places[old]
    for path in dict.fromkeys((os.path.abspath(old), os.path.realpath(old))):
        label = sources.label(path)
        if label is not None:
            return sources.places[label]
        with collection.store.reading() as connection:
            if sources.moved(path, "/") != sources or items_pictured_below(connection, f"{path}/"):
                return f"{path}/"
    with collection.store.reading() as connection:
        if sources.label(new) is not None or items_pictured_below(connection, folder_of(new) or new):
            return new
    known = ", ".join(f"{place.rstrip('/')} ({label})" for label, place in sources.places.items() if is_path(place))
    raise InputError(
        f"no items of {collection.folder} came from {old}; they came from {known or 'no file that is known'}"
    )


def _refuse_place(sources: Sources, old: str, new: str, labels: Sequence[str]) -> None:
    if is_folder(old) != is_folder(new):
        kinds = ("a folder", "a file") if is_folder(old) else ("a file", "a folder")
        raise InputError(f"{old.rstrip('/')} was {kinds[0]}, but {new.rstrip('/')} is {kinds[1]}")
    for label in labels:
        taken = sources.label(moved(sources.places[label], old, new) or "")
        if taken is not None and taken not in labels:
            raise InputError(
                f"{new.rstrip('/')} is the source {taken!r} of this collection already: items were added from both"
                " places, so remove those of one"
            )


def _refuse_absent(items: Sequence[Item], old: str, new: str) -> None:
    """Refuse a new place that lacks most of the pictures, or has others under their names."""
    some = items[:: max(1, len(items) // _LOOKED_FOR)]
    places = {moved(item.picture or "", old, new) or "": item for item in some}
    found = {place: item for place, item in places.items() if os.path.isfile(place)}
    if 2 * len(found) <= len(places) and places:
        absent = next(place for place in places if place not in found)
        raise InputError(
            f"{len(found)} of {len(places)} pictures of {old} that were looked for are below {new}; {absent}, for"
            " example, is not: name the folder that holds the same files"
        )
    compared = [*found.items()][:: max(1, len(found) // _COMPARED)]
    other = [place for place, item in compared if _content(place) != item.content]
    if 2 * len(other) > len(compared):
        raise InputError(
            f"{len(other)} of {len(compared)} pictures below {new} that were compared differ from those of {old}, such"
            f" as {other[0]}: name the folder that holds the same files, or add this one with `crossbit index add`"
        )


def _content(place: str) -> str:
    try:
        return content_of(Path(place))
    except OSError:
        return ""


def _move(collection: Collection, numbers: Sequence[int], old: str, new: str) -> None:
    with collection.view() as (connection, snapshot):
        items: Mapping[int, Item] = items_of(connection, numbers)
        there = {n: replace(item, picture=moved(item.picture or "", old, new)) for n, item in items.items()}
        commit(collection.store, numbers, snapshot.batch(connection, dict(sorted(there.items()))))
