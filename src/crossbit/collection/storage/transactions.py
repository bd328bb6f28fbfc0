"""Changes: items are removed and added in one transaction, and the head records it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from ...data.pairs import MODALITIES
from ..item import edits_text, written
from . import checksums
from .batch import EncodedBatch
from .reads import chunks
from .schema import Head
from .segments import numbers_of, segment_digest
from .sources import SOURCES, Sources
from .store import ItemStore

#: Codes of a segment that `compact` writes.
SEGMENT = 1 << 16


def commit(
    store: ItemStore,
    removals: Sequence[int] = (),
    batch: EncodedBatch | None = None,
    sources: Sources | None = None,
) -> None:
    """Remove items, then add a batch and record its sources, in one change that is on the disk when this returns."""
    kept = None if batch is None else storable_part(store, batch)
    with store.changing() as connection:
        change(connection, removals, kept)
        if sources is not None and sources != Sources.of(store.facts):
            store.set_fact(connection, SOURCES, dict(sources.places))


def storable_part(store: ItemStore, batch: EncodedBatch) -> EncodedBatch:
    """Return what a collection stores of a batch: with vectors, or without."""
    return batch if batch.vectors is None or store.facts["vectors"] else batch.without_vectors()


def change(connection: sqlite3.Connection, removals: Sequence[int] = (), batch: EncodedBatch | None = None) -> Head:
    """Remove items, then add a batch; return the new head."""
    head = Head.read(connection)
    removed = _remove(connection, removals, head.sequence + 1)
    added = [] if batch is None else batch.digests
    if batch is not None and len(batch):
        _add(connection, head.next, batch, added)
    new = Head(
        head.sequence + 1,
        head.generation,
        head.next + len(added),
        head.items - len(removed) + len(added),
        checksums.of_set([*removed, *added], head.digest),
    )
    new.write(connection)
    return new


def compact_segments(connection: sqlite3.Connection) -> Head:
    """Rewrite all segments without the codes of removed items; return the new head."""
    removed = np.array([number for (number,) in connection.execute("SELECT number FROM removed")], np.int64)
    old = connection.execute("SELECT first FROM segments").fetchall()
    rows = connection.execute(
        "SELECT first, length, numbers, present, image, text FROM segments ORDER BY first"
    ).fetchall()
    parts = list(_kept(rows, removed))
    connection.executemany("DELETE FROM segments WHERE first = ?", old)
    if parts:
        numbers, *blobs = (np.concatenate(column) for column in zip(*parts, strict=True))
        for start in range(0, len(numbers), SEGMENT):
            at = slice(start, start + SEGMENT)
            write_segment(connection, numbers[at], *(blob[at] for blob in blobs))
    connection.execute("DELETE FROM removed")
    head = Head.read(connection)
    new = head._replace(sequence=head.sequence + 1, generation=head.generation + 1)
    new.write(connection)
    return new


def write_segment(
    connection: sqlite3.Connection,
    numbers: Int64[ndarray, "n"],
    present: UInt8[ndarray, "n"],
    image: UInt8[ndarray, "n bytes"],
    text: UInt8[ndarray, "n bytes"],
) -> None:
    """Write the codes of some items, in order of their numbers."""
    first, length = int(numbers[0]), len(numbers)
    holes = int(numbers[-1]) - first + 1 != length
    blobs = (numbers.astype("<i8").tobytes() if holes else None, present.tobytes(), image.tobytes(), text.tobytes())
    connection.execute(
        "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)",
        (first, length, *blobs, segment_digest(first, length, *blobs)),
    )


def _remove(connection: sqlite3.Connection, numbers: Sequence[int], sequence: int) -> list[int]:
    removed: list[int] = []
    for marks, part in chunks(numbers):
        removed += [d for (d,) in connection.execute(f"SELECT digest FROM items WHERE number IN ({marks})", part)]  # noqa: S608
        for table in ("items", "thumbnails", "vectors"):
            connection.execute(f"DELETE FROM {table} WHERE number IN ({marks})", part)  # noqa: S608
        connection.executemany("INSERT INTO removed VALUES (?, ?)", [(number, sequence) for number in part])
    return removed


def _add(connection: sqlite3.Connection, first: int, batch: EncodedBatch, digests: Sequence[int]) -> None:
    connection.executemany(
        "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                first + row,
                item.id,
                item.picture,
                None if item.content is None else bytes.fromhex(item.content),
                written(item.texts),
                written(item.metadata),
                digests[row],
                item.source,
                item.key,
                edits_text(item.edits),
            )
            for row, item in enumerate(batch.items)
        ),
    )
    numbers = np.arange(first, first + len(batch))
    write_segment(connection, numbers, batch.present, *(batch.codes[m].packed for m in MODALITIES))
    connection.executemany(
        "INSERT INTO thumbnails VALUES (?, ?, ?)",
        (
            (first + row, jpeg, checksums.of_parts(jpeg))
            for row, jpeg in enumerate(batch.thumbnails)
            if jpeg is not None
        ),
    )
    if batch.vectors is not None:
        pairs = ([batch.vector(row, m) for m in MODALITIES] for row in range(len(batch)))
        connection.executemany(
            "INSERT INTO vectors VALUES (?, ?, ?, ?)",
            ((first + row, *pair, checksums.of_parts(*pair)) for row, pair in enumerate(pairs)),
        )


def _kept(rows: Sequence[tuple[Any, ...]], removed: Int64[ndarray, "r"]) -> Iterator[tuple[ndarray, ...]]:
    for first, length, numbers, *blobs in rows:
        own = numbers_of(first, length, numbers)
        kept = ~np.isin(own, removed)
        yield (own[kept], *(np.frombuffer(blob, np.uint8).reshape(length, -1)[kept] for blob in blobs))
