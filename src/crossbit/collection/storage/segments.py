"""Segments: the codes of items that were added together, in blobs under one checksum."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from ...errors import DamagedError
from . import checksums


class Segment(NamedTuple):
    """The codes of some items, in order of their numbers; `present` has a bit for each modality that an item has."""

    numbers: Int64[ndarray, "n"]
    present: UInt8[ndarray, "n"]
    image: UInt8[ndarray, "n bytes"]
    text: UInt8[ndarray, "n bytes"]


def read_segments(connection: sqlite3.Connection, start: int, bits: int) -> list[Segment]:
    """Return the segments from a number on; a damaged one is refused."""
    rows = connection.execute("SELECT * FROM segments WHERE first >= ? ORDER BY first", (start,))
    return [segment_of(row, bits) for row in rows]


def segment_of(row: tuple[int, int, bytes | None, bytes, bytes, bytes, int], bits: int) -> Segment:
    """Return a row of the table of segments as arrays; a damaged one is refused."""
    first, length, numbers, present, *codes, digest = row
    if segment_digest(first, length, numbers, present, *codes) != digest:
        raise DamagedError(f"the codes of items {first} to {first + length - 1} have changed")
    width = -(-bits // 8)
    arrays = (np.frombuffer(blob, np.uint8).reshape(length, width) for blob in codes)
    return Segment(numbers_of(first, length, numbers), np.frombuffer(present, np.uint8), *arrays)


def numbers_of(first: int, length: int, numbers: bytes | None) -> Int64[ndarray, "n"]:
    """Return the numbers of a segment's items: consecutive ones, unless they are listed."""
    return np.arange(first, first + length) if numbers is None else np.frombuffer(numbers, "<i8").astype(np.int64)


def segment_digest(first: int, length: int, *blobs: bytes | None) -> int:
    """Return the checksum of a segment."""
    return checksums.of_parts(f"{first} {length}".encode(), *blobs)
