"""What one transaction does: items leave, items come, and the head says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from ...data.pairs import MODALITIES
from ..item import written
from . import checksums
from .batch import EncodedBatch
from .schema import Head

#: Numbers in one statement; SQLite allows more, older ones 999.
MANY = 900
#: Codes in a segment that `compact` writes.
SEGMENT = 1 << 16


def change(connection: sqlite3.Connection, removals: Sequence[int] = (), batch: EncodedBatch | None = None) -> Head:
    """Take items away, then add a batch; return the new head."""
    head = Head.read(connection)
    gone = _remove(connection, removals, head.sequence + 1)
    come = [] if batch is None else [batch.digest(row) for row in range(len(batch))]
    if batch is not None and len(batch):
        _add(connection, head.next, batch, come)
    made = Head(
        head.sequence + 1,
        head.generation,
        head.next + len(come),
        head.items - len(gone) + len(come),
        checksums.of_set([*gone, *come], head.digest),
    )
    made.write(connection)
    return made


def compact(connection: sqlite3.Connection) -> Head:
    """Write all segments anew without the codes of removed items; return the new head."""
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
    made = head._replace(sequence=head.sequence + 1, generation=head.generation + 1)
    made.write(connection)
    return made


def numbers_of(first: int, length: int, numbers: bytes | None) -> Int64[ndarray, "n"]:
    """Return the numbers of a segment's codes: consecutive, unless it says otherwise."""
    return np.arange(first, first + length) if numbers is None else np.frombuffer(numbers, "<i8").astype(np.int64)


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


def segment_digest(first: int, length: int, *blobs: bytes | None) -> int:
    """Return the checksum of a segment."""
    return checksums.of_parts(f"{first} {length}".encode(), *blobs)


def chunks(values: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield values in parts that one statement takes, each with its question marks."""
    whole = list(values)
    for start in range(0, len(whole), MANY):
        part = whole[start : start + MANY]
        yield ", ".join("?" * len(part)), part


def _remove(connection: sqlite3.Connection, numbers: Sequence[int], sequence: int) -> list[int]:
    gone: list[int] = []
    for marks, part in chunks(numbers):
        gone += [d for (d,) in connection.execute(f"SELECT digest FROM items WHERE number IN ({marks})", part)]  # noqa: S608
        for table in ("items", "thumbnails", "vectors"):
            connection.execute(f"DELETE FROM {table} WHERE number IN ({marks})", part)  # noqa: S608
        connection.executemany("INSERT INTO removed VALUES (?, ?)", [(number, sequence) for number in part])
    return gone


def _add(connection: sqlite3.Connection, first: int, batch: EncodedBatch, digests: Sequence[int]) -> None:
    connection.executemany(
        "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                first + row,
                item.id,
                item.picture,
                None if item.content is None else bytes.fromhex(item.content),
                written(item.texts),
                written(item.metadata),
                digests[row],
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
