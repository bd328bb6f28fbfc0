"""Which stored item an incoming one is: that of the same source and key, whatever ids are shown.

The id that is shown is the key where that is free, else `label/key`, with the label of the source. A picture file that
another source holds already, a folder above or below, belongs to that one. An item that came without a source, from
Python or from a collection of the first format, is found by its id if it is the same picture.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import chain, count
from pathlib import Path, PurePath
from typing import NamedTuple, cast
from unicodedata import normalize

from ...errors import InputError
from ...features.raw import content_of
from ..item import Edits, Item, Picture, Raw, refuse_id, storable
from ..storage.reads import items_keyed, items_named, items_pictured, taken_ids
from ..storage.sources import Sources, is_folder, is_path

#: Items that are compared with those of other places before the first one of a new place is added.
_COMPARED = 32
#: Metadata that the file of a picture gives, as it is now.
_BY_FILES = {"taken", "camera", "lens", "lat", "lon", "width", "height", "bytes", "mtime"}


class Identified(NamedTuple):
    """The identity of an incoming item: its id, its source and key if it has them, and what is stored of it."""

    id: str
    source: str | None = None
    key: str | None = None
    known: Item | None = None

    @classmethod
    def of(cls, item: Item) -> Identified:
        """Return the identity of a stored item."""
        return cls(item.id, item.source, item.key, item)


class Incoming(NamedTuple):
    """An incoming item as it is encoded, under its id and with the texts that count; and the stored one as that was.

    `own_texts` are those of its source.
    """

    raw: Raw
    own_texts: tuple[str, ...]
    stored: Item | None = None
    source: str | None = None
    key: str | None = None
    edits: Edits | None = None

    @classmethod
    def of(cls, raw: Raw, identity: Identified | None) -> Incoming:
        """Return an item that has been identified, or one that cannot be named, which encoding refuses."""
        texts = tuple(raw.texts)
        if identity is None:
            return cls(raw, texts)
        raw, known = replace(raw, id=identity.id), identity.known
        if known is None:
            return cls(raw, texts, None, *identity[1:3])
        raw = _completed(raw, known)
        texts = tuple(raw.texts)
        stored = replace(known.own, source=None, key=None)
        if known.edits is not None and known.edits.texts is not None:
            changed = None if known.own.texts == texts else ""  # codes stay, but the item is not as it is stored
            stored = replace(stored, texts=known.texts, key=changed)
            raw = replace(raw, texts=known.texts, features={m: raw.features[m] for m in raw.features if m != "text"})
        return cls(raw, texts, stored, identity.source, identity.key, known.edits)

    def finished(self, item: Item) -> Item:
        """Return its encoded facts with its identity, and with the values that were set by hand."""
        return replace(item, texts=self.own_texts, source=self.source, key=self.key).with_edits(self.edits)


def _completed(raw: Raw, known: Item) -> Raw:
    """Return an incoming item with the stored one's texts and metadata where its source says nothing of them.

    This is the one rule of adding and synchronising: a bare picture takes nothing away, an empty row of a list does.
    """
    said = {name: value for name, value in known.own.metadata.items() if name not in _BY_FILES}
    return replace(
        raw,
        texts=raw.texts if "texts" in raw.says else known.own.texts,
        metadata=raw.metadata if "metadata" in raw.says else said,
    )


def can_be_named(key: str) -> bool:
    """Return whether a key may be an id."""
    try:
        refuse_id(key)
    except InputError:
        return False
    return True


def identified(
    connection: sqlite3.Connection, sources: Sources, place: str | None, raws: Sequence[Raw]
) -> dict[str, Identified]:
    """Return the identity of each item, by its key in the source; those that cannot be named are left out."""
    named = {raw.id: raw for raw in raws if can_be_named(raw.id)}
    if place is None:
        stored = {item.id: item for item in items_named(connection, [*named]).values()}
        return {id_: Identified.of(stored[id_]) if id_ in stored else Identified(id_) for id_ in named}
    found = of_source(connection, sources, place, named)
    _, label = sources.with_place(place)
    adopted = _adopted(connection, {key: raw for key, raw in named.items() if key not in found})
    found |= {key: Identified(item.id, label, key, item) for key, item in adopted.items()}
    fresh = [key for key in named if key not in found]
    ids = free_ids(connection, label, fresh)
    return found | {key: Identified(ids[key], label, key) for key in fresh}


def _adopted(connection: sqlite3.Connection, raws: Mapping[str, Raw]) -> dict[str, Item]:
    """Return the stored items without a source that incoming ones are, by key: the same pictures, or the same ids."""
    places = {place: key for key, raw in raws.items() if (place := raw.place) is not None and storable(place)}
    pictured = items_pictured(connection, [*places]).values()
    found = {places[item.picture]: item for item in pictured if item.picture is not None}
    named = items_named(connection, [*raws]).values()
    return found | {item.id: item for item in named if _is_same(item, raws[item.id])}


def of_source(
    connection: sqlite3.Connection, sources: Sources, place: str, raws: Mapping[str, Raw]
) -> dict[str, Identified]:
    """Return the identity of those items that are stored, by key: in the source, or in one that holds their files."""
    label = sources.label(place)
    stored = {} if label is None else items_keyed(connection, label, [*raws])
    found = {key: Identified.of(item) for key, item in stored.items()}
    for other, ours, theirs in sources.keys_elsewhere(place):
        keys = {
            theirs + key.removeprefix(ours): key
            for key, raw in raws.items()
            if key not in found and key.startswith(ours) and _is_path_of(key, raw)
        }
        found |= {keys[key]: Identified.of(item) for key, item in items_keyed(connection, other, [*keys]).items()}
    return found


def free_ids(
    connection: sqlite3.Connection, label: str, keys: Sequence[str], leaving: Iterable[str] = ()
) -> dict[str, str]:
    """Return an id for each key of a source: one that no item has, except those that leave."""
    ids: dict[str, str] = {}
    gone = {*leaving}
    taken = taken_ids(connection, keys) - gone
    for key in keys:
        names = _names(f"{label}/{key}")
        ids[key] = key if key not in taken else next(_free(connection, names, taken, gone))
        taken.add(ids[key])
    return ids


def _free(
    connection: sqlite3.Connection, names: Iterable[str], taken: Set[str], gone: Set[str] = frozenset()
) -> Iterator[str]:
    """Yield those of the names that no item has."""
    return (name for name in names if name not in taken and not taken_ids(connection, [name]) - gone)


def _names(*names: str) -> Iterator[str]:
    """Yield names, and the last one with numbers."""
    return chain(names, (f"{names[-1]} ({number})" for number in count(2)))


def placed(
    connection: sqlite3.Connection, sources: Sources, places: Mapping[str, str], items: Sequence[Item]
) -> tuple[Sources, list[Item]]:
    """Return items from elsewhere, whose sources are labels of `places`, with their ids and labels here."""
    labels: dict[str | None, str] = {}
    for label in dict.fromkeys(item.source for item in items if item.source is not None):
        sources, labels[label] = sources.with_place(places.get(label, label))
    moved = [replace(item, source=labels.get(item.source)) for item in items]
    stored = _stored(connection, moved)
    taken = {item.id for item in stored.values()}
    ready: list[Item] = []
    for item in moved:
        known = stored.pop(_identity(item), None)
        if known is None:
            names = _names(item.id, f"{item.source}/{item.key}" if item.source else item.id)
            ready.append(replace(item, id=next(_free(connection, names, taken))))
            taken.add(ready[-1].id)
        else:
            ready.append(_in_place_of(known, item))
    return sources, ready


def _stored(connection: sqlite3.Connection, items: Sequence[Item]) -> dict[tuple[str | None, str], Item]:
    """Return those of the items that are stored, by their identity."""
    keys: dict[str, list[str]] = {}
    for item in items:
        if item.source is not None:
            keys.setdefault(item.source, []).append(item.key or "")
    found = {(label, key): i for label, own in keys.items() for key, i in items_keyed(connection, label, own).items()}
    bare = [item.id for item in items if item.source is None]
    return found | {(None, item.id): item for item in items_named(connection, bare).values()}


def _identity(item: Item) -> tuple[str | None, str]:
    return (None, item.id) if item.source is None else (item.source, item.key or "")


def _in_place_of(known: Item, item: Item) -> Item:
    """Return an item under the identity of the stored one, whose edits stay where the item knows of none."""
    item = replace(item, id=known.id, source=known.source, key=known.key)
    return known if replace(known, edits=None) == item else item


def refuse_other_mount(
    connection: sqlite3.Connection, folder: Path, sources: Sources, place: str, raws: Sequence[Raw]
) -> None:
    """Refuse new items of a new place most of which are there already, under the same keys, from another place."""
    some = {raw.id: raw for raw in raws[:: max(1, len(raws) // _COMPARED)]}
    kin = {label for label, *_ in sources.keys_elsewhere(place)}
    for label, other in [*sources.places.items(), ("", "")]:
        if label in kin:
            continue
        stored = items_keyed(connection, label, [*some]) if label else _without_source(connection, [*some])
        lists = not is_folder(place) and not is_folder(other)
        same = [key for key, item in stored.items() if has_same_content(item, some[key], texts=lists)]
        if 2 * len(same) > len(some):
            raise InputError(_same_elsewhere(folder, other or _root_of(stored[same[0]]), place, len(same), len(some)))


def has_same_content(item: Item, raw: Raw, *, texts: bool) -> bool:
    """Return whether an item is the same picture as another, and has the same texts where those are asked for."""
    if (texts or raw.picture is None) and item.own.texts != tuple(raw.texts):
        return False
    return content_if_read(raw) == item.content


def content_if_read(raw: Raw) -> str | None:
    """Return the sha256 of an item's picture: none where it has none, and nothing where it cannot be read."""
    try:
        return None if raw.picture is None else content_of(cast("Picture", raw.picture))
    except OSError:
        return ""


def _same_elsewhere(folder: Path, old: str, place: str, same: int, of: int) -> str:
    new = place.rstrip("/") or "/"
    here = f"{same} of {of} items of {new} that were compared are in this collection already, from {old or 'elsewhere'}"
    move = (
        f"if it has moved, `crossbit index relocate {folder} {old.rstrip('/')} {new}` says so; " if is_path(old) else ""
    )
    return f"{here}: {move}to keep both, add it with --keep-both"


def _root_of(item: Item) -> str:
    """Return the folder from which an item without a source came, by its picture and its id."""
    picture = item.picture or ""
    return picture.removesuffix(item.id) if picture.endswith(f"/{item.id}") else ""


def _without_source(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Item]:
    return {item.id: item for item in items_named(connection, ids).values() if item.source is None}


def _is_path_of(key: str, raw: Raw) -> bool:
    """Return whether a key is the path of an item's picture below its source, and not an id of its own."""
    if not isinstance(raw.picture, PurePath):
        return False
    path, key = normalize("NFC", raw.picture.as_posix()), normalize("NFC", key)
    return path == key or path.endswith(f"/{key}")


def _is_same(item: Item, raw: Raw) -> bool:
    """Return whether an item that came without a source is an item of a source with that id."""
    if item.source is not None:
        return False
    if item.picture is not None or isinstance(raw.picture, Path):
        return item.picture == raw.place
    return has_same_content(item, raw, texts=raw.picture is None)
