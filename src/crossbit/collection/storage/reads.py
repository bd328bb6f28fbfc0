"""Reads of stored items: facts, thumbnails, vectors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from ...data.pairs import Modality
from ...errors import DamagedError
from ..errors import NoItemError
from ..item import Item, read_item
from . import checksums
from .filter_fields import refuse_unknown
from .filters import Filter

COLUMNS = "number, id, picture, content, texts, metadata, source, key, edits"
#: Parameters of one statement; SQLite allows more, older versions 999.
PARAMETERS = 900


class Digests(NamedTuple):
    """The number of an item, its checksum, and that of its vectors if it has them."""

    number: int
    item: int
    vectors: int | None


def chunks(values: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield values in parts that one statement takes, each with its question marks."""
    whole = list(values)
    for start in range(0, len(whole), PARAMETERS):
        part = whole[start : start + PARAMETERS]
        yield ", ".join("?" * len(part)), part


def items_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, Item]:
    """Return the items under some numbers; a missing one, whose code is there, is damage."""
    found: dict[int, Item] = {}
    for marks, part in chunks(numbers):
        rows = connection.execute(f"SELECT {COLUMNS} FROM items WHERE number IN ({marks})", part)  # noqa: S608
        found |= {row[0]: read_item(row) for row in rows}
    if len(found) < len(set(numbers)):
        raise DamagedError(f"items are missing under the numbers {sorted(set(numbers) - found.keys())[:5]}")
    return found


def items_named(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[int, Item]:
    """Return those of the items that are there, by number."""
    found: dict[int, Item] = {}
    for marks, part in chunks(ids):
        rows = connection.execute(f"SELECT {COLUMNS} FROM items WHERE id IN ({marks})", part)  # noqa: S608
        found |= {row[0]: read_item(row) for row in rows}
    return found


def items_keyed(connection: sqlite3.Connection, source: str, keys: Sequence[str]) -> dict[str, Item]:
    """Return those of the items of a source that are there, by key."""
    found: dict[str, Item] = {}
    for marks, part in chunks(keys):
        query = f"SELECT {COLUMNS} FROM items WHERE source = ? AND key IN ({marks})"  # noqa: S608
        items = map(read_item, connection.execute(query, (source, *part)))
        found |= {item.key: item for item in items if item.key is not None}
    return found


def items_from(connection: sqlite3.Connection, source: str) -> dict[int, Item]:
    """Return the items of a source, by number."""
    query = f"SELECT {COLUMNS} FROM items WHERE source = ?"  # noqa: S608
    return {row[0]: read_item(row) for row in connection.execute(query, (source,))}


def items_pictured(connection: sqlite3.Connection, paths: Sequence[str]) -> dict[int, Item]:
    """Return the items without a source whose pictures are files of these paths, by number."""
    found: dict[int, Item] = {}
    for marks, part in chunks(paths):
        query = f"SELECT {COLUMNS} FROM items WHERE source IS NULL AND picture IN ({marks})"  # noqa: S608
        found |= {row[0]: read_item(row) for row in connection.execute(query, part)}
    return found


def items_pictured_below(connection: sqlite3.Connection, folder: str, start: int = -1) -> dict[int, Item]:
    """Return the items whose picture lies below a folder, whose path ends in a slash, by number, above a number."""
    end = f"{folder[:-1]}0"  # "0" follows "/"
    query = f"SELECT {COLUMNS} FROM items WHERE picture >= ? AND picture < ? AND number > ?"  # noqa: S608
    return {row[0]: read_item(row) for row in connection.execute(query, (folder, end, start))}


def taken_ids(connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that items have."""
    found: set[str] = set()
    for marks, part in chunks(ids):
        found |= {id_ for (id_,) in connection.execute(f"SELECT id FROM items WHERE id IN ({marks})", part)}  # noqa: S608
    return found


def items_after(connection: sqlite3.Connection, number: int, most: int) -> dict[int, Item]:
    """Return the first items above a number, by number, in order."""
    query = f"SELECT {COLUMNS} FROM items WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608
    return {row[0]: read_item(row) for row in connection.execute(query, (number, most))}


def number_of(connection: sqlite3.Connection, id_: str) -> int:
    """Return the number of the item of an id; an unknown id is refused."""
    row = connection.execute("SELECT number FROM items WHERE id = ?", (id_,)).fetchone()
    if row is None:
        raise NoItemError(f"there is no item {id_!r} in this collection")
    number: int = row[0]
    return number


def digests_of(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Digests]:
    """Return the checksums of those of the items that are there, by id."""
    query = "SELECT id, number, items.digest, vectors.digest FROM items LEFT JOIN vectors USING (number)"
    found: dict[str, Digests] = {}
    for marks, part in chunks(ids):
        rows = connection.execute(f"{query} WHERE id IN ({marks})", part)
        found |= {id_: Digests(*rest) for id_, *rest in rows}
    return found


def read_ids(connection: sqlite3.Connection, where: Filter | None = None) -> Iterator[str]:
    """Yield the ids of all items, or of those that a filter allows, in order of their numbers."""
    if where:
        refuse_unknown(connection, where.text, where.needs)
    sql, parameters = (where.sql, where.parameters) if where else ("1", ())
    for (id_,) in connection.execute(f"SELECT id FROM items WHERE {sql} ORDER BY number", parameters):  # noqa: S608
        yield id_


def numbers_matching(connection: sqlite3.Connection, where: Filter, start: int = 0) -> Int64[ndarray, "n"]:
    """Return the numbers, from `start` on, of the items that a filter allows, in order.

    From the beginning, a filter with a field that no item has is refused.
    """
    if start <= 0:
        refuse_unknown(connection, where.text, where.needs)
    query = f"SELECT number FROM items WHERE number >= ? AND ({where.sql}) ORDER BY number"  # noqa: S608
    return np.fromiter((n for (n,) in connection.execute(query, (start, *where.parameters))), np.int64)


def thumbnail_of(connection: sqlite3.Connection, id_: str) -> bytes | None:
    """Return the thumbnail of an item as JPEG, or none if it has none."""
    query = "SELECT jpeg, digest FROM thumbnails WHERE number = ?"
    row = connection.execute(query, (number_of(connection, id_),)).fetchone()
    if row is None:
        return None
    if checksums.of_parts(row[0]) != row[1]:
        raise DamagedError(f"the thumbnail of item {id_!r} has changed")
    jpeg: bytes = row[0]
    return jpeg


def thumbnails_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    """Return the thumbnails of those items that have one, by number."""
    found: dict[int, bytes] = {}
    for marks, part in chunks(numbers):
        found |= dict(connection.execute(f"SELECT number, jpeg FROM thumbnails WHERE number IN ({marks})", part))  # noqa: S608
    return found


def vectors_of(
    connection: sqlite3.Connection, numbers: Sequence[int], modality: Modality, dim: int
) -> Float32[ndarray, "n dim"]:
    """Return the stored vectors of items, a row each; NaN where there is none."""
    values = np.full((len(numbers), dim), np.nan, np.float32)
    row_of = {number: row for row, number in enumerate(numbers)}
    for marks, part in chunks(numbers):
        query = f"SELECT number, {modality} FROM vectors WHERE number IN ({marks})"  # noqa: S608
        for number, blob in connection.execute(query, part):
            if blob is not None and len(blob) == 2 * dim:
                values[row_of[number]] = np.frombuffer(blob, "<f2")
    return values
