"""Checksums: of an item with its codes, of the blobs beside it, and of the set of all items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ..item import Item

#: Eight bytes as SQLite holds them: a signed integer.
BYTES = 8


def of_parts(*parts: bytes | None) -> int:
    """Return the checksum of several parts, each delimited by its length; none differs from empty."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"-" if part is None else len(part).to_bytes(8, "little"))
        digest.update(part or b"")
    return int.from_bytes(digest.digest()[:BYTES], "little", signed=True)


def of_item(item: Item, image: bytes | None, text: bytes | None) -> int:
    """Return the checksum of everything stored of an item: its facts, and its code in each modality."""
    return of_parts(*item.facts(), image, text)


def of_items(items: Sequence[Item], images: Sequence[bytes | None], texts: Sequence[bytes | None]) -> list[int]:
    """Return the checksums of items, each with its code in each modality."""
    facts = [item.facts() for item in items]
    return [of_parts(*each, *codes) for each, *codes in zip(facts, images, texts, strict=True)]


def of_set(digests: Iterable[int], start: int = 0) -> int:
    """Return the checksum of a set of items; adding an item and removing it are the same operation."""
    for digest in digests:
        start ^= digest
    return start
