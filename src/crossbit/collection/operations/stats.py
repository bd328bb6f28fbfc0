"""Statistics of a collection: its items by kind, its bytes, its model."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from ..collection import Collection
from ..storage.sources import Sources


@final
@dataclass(frozen=True)
class Stats:
    """The facts of a collection; bytes are those on the disk, and those of the codes in memory.

    `sources` are the places that items came from, by their labels.
    """

    items: int
    images: int
    texts: int
    thumbnails: int
    vectors: int
    bits: int
    model: str
    changes: int
    removed_codes: int
    file_bytes: int
    code_bytes: int
    settings: Mapping[str, Any]
    calibrated: tuple[str, ...]
    sources: Mapping[str, str]


def stats(collection: Collection) -> Stats:
    """Return the current facts of a collection."""
    with collection.view() as (connection, snapshot):
        head, sides = snapshot.head, snapshot.sides
        return Stats(
            head.items,
            len(sides["image"]),
            len(sides["text"]),
            _count(connection, "thumbnails"),
            _count(connection, "vectors"),
            collection.bits,
            collection.store.facts["model"],
            head.sequence,
            _count(connection, "removed"),
            sum(path.stat().st_size for path in collection.folder.glob("items.db*")),
            sum(side.codes.packed.nbytes for side in sides.values()),
            asdict(collection.settings),
            tuple(collection.store.facts.get("calibration", {})),
            Sources.of(collection.store.facts).places,
        )


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    return count
