"""Keeping what is sound: a new file with every item that is as it was written, and the old one set aside."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, final

import numpy as np

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import DamagedError
from ..model import fingerprint, load
from ..storage.batch import EncodedBatch
from ..storage.schema import PAGE
from ..storage.store import DATABASE, HEAD, MODEL, ItemStore, locked
from ..storage.transactions import change
from .salvage import Damage, IntactItem, Salvage, reading
from .verify import read_acknowledged, read_facts

#: Items of one transaction.
BATCH = 1024
ASIDE, MADE = "damaged", "repaired"


@final
@dataclass(frozen=True)
class RepairResult:
    """What a repair kept, what it found damaged, and where the old file is."""

    items: int
    damage: tuple[Damage, ...]
    aside: Path


def repair(folder: Path) -> RepairResult:
    """Write a collection's file anew with all that is sound; what is not can be added again from its source.

    The damaged file is kept in a folder beside it. No other process may have the collection open meanwhile.
    """
    with locked(folder):
        made = folder / MADE
        if (folder / DATABASE).exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            damage = _salvaged(folder, made)
        else:  # a repair was interrupted when everything was written already
            damage = []
        _replace(folder, made)
        with closing(ItemStore(folder)) as store, store.reading() as connection:
            (items,) = connection.execute("SELECT items FROM head").fetchone()
    return RepairResult(items, tuple(damage), folder / ASIDE)


def _salvaged(folder: Path, made: Path) -> list[Damage]:
    """Write all that is sound into a new file; return what is not."""
    damage: list[Damage] = []
    try:
        source = made / "mended"
        source.mkdir()
        mended(folder, source)
        with reading(source) as connection:
            facts = _facts(folder, _read(connection, damage))
            head = read_acknowledged(folder)
            salvage = Salvage(connection, facts["bits"], head.next if head else 0)
            salvage.read_codes()
            ItemStore.create(made, facts)
            with closing(ItemStore(made)) as store:
                for batch in _batches(salvage, facts):
                    with store.changing() as writing:
                        change(writing, (), batch)
                store.vacuum()
            return damage + salvage.damage
    except sqlite3.Error as fault:
        raise DamagedError(
            f"nothing can be kept of {folder / DATABASE} ({fault}): restore it from a copy, or create the collection"
            " again and add its sources"
        ) from None


def _read(connection: sqlite3.Connection, damage: list[Damage]) -> dict[str, Any]:
    try:
        return read_facts(connection, damage)
    except sqlite3.Error as fault:
        damage.append(Damage("facts", str(fault)))
        return {}


def _facts(folder: Path, read: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the collection says of itself, what is damaged of it replaced by what its model says."""
    facts = {name: value for name, value in read.items() if name != "format"}
    if "model" not in facts:
        facts["model"] = fingerprint(folder / MODEL)
    if "bits" not in facts:
        facts["bits"] = load(folder / MODEL).dim
    return {"thumbnail": 256, "vectors": True, **facts}


def _batches(salvage: Salvage, facts: Mapping[str, Any]) -> Iterator[EncodedBatch]:
    thumbnails = dict(salvage.read_beside("thumbnails"))
    vectors = dict(salvage.read_beside("vectors"))
    found = ((number, sound) for number, sound, _ in salvage.read_items())
    while part := list(islice(found, BATCH)):
        numbers = [number for number, _ in part]
        values = {
            modality: np.stack([_vector(vectors.get(n), at, facts["bits"]) for n in numbers])
            for at, modality in enumerate(MODALITIES)
        }
        small = [thumbnails.get(number, (None,))[0] for number in numbers]
        yield _batch([sound for _, sound in part], facts["bits"], values if facts["vectors"] else None, small)


def _batch(sounds: Sequence[IntactItem], bits: int, vectors: Any, thumbnails: Sequence[bytes | None]) -> EncodedBatch:
    images, texts = b"".join(s.code.image for s in sounds), b"".join(s.code.text for s in sounds)
    codes: dict[Modality, Codes] = {
        modality: Codes(np.frombuffer(joined, np.uint8).reshape(len(sounds), -1), bits)
        for modality, joined in zip(MODALITIES, (images, texts), strict=True)
    }
    present = np.array([sound.code.present for sound in sounds], np.uint8)
    return EncodedBatch([sound.item for sound in sounds], present, codes, vectors, thumbnails)


def _vector(blobs: tuple[bytes | None, ...] | None, at: int, bits: int) -> Any:
    blob = None if blobs is None else blobs[at]
    return np.full(bits, np.nan, np.float16) if blob is None else np.frombuffer(blob, "<f2")


def _replace(folder: Path, made: Path) -> None:
    """Set the old file aside and put the new one in its place; what an interruption left undone is done."""
    aside = folder / ASIDE
    aside.mkdir(exist_ok=True)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE):
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    for name in (HEAD, DATABASE):
        if (made / name).exists():
            (made / name).replace(folder / name)
    shutil.rmtree(made)


#: Where SQLite's header says how many pages there are, which of them are free, and as of which change.
_PAGES, _FREE, _CHANGED, _VALID_FOR = slice(28, 32), slice(32, 40), slice(24, 28), slice(92, 96)
_TABLES = {"facts", "head", "items", "segments", "removed", "thumbnails", "vectors"}


def mended(folder: Path, made: Path) -> None:
    """Copy a collection's file and log into another folder, and make SQLite open them.

    Pages that were cut off become empty. A first page that cannot be used is replaced by that of a new collection: it
    holds the same, for the tables of all collections begin on the same pages.
    """
    for name in (DATABASE, f"{DATABASE}-wal"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, made / name)
    fresh = _first_page(made)
    data = (made / DATABASE).read_bytes()
    said = int.from_bytes(data[_PAGES], "big")
    pages = max(-(-len(data) // PAGE), said if said < 1 << 20 or said * PAGE < 4 * len(data) else 0)
    for first in (data[:PAGE], fresh):
        _write(made / DATABASE, first, data[PAGE:], pages)
        if _opens(made):
            return


def _write(path: Path, first: bytes, others: bytes, pages: int) -> None:
    """Write a file of so many pages, with a first page that says so and knows of no free ones."""
    head = bytearray(first.ljust(PAGE, b"\0"))
    head[_PAGES], head[_FREE], head[_VALID_FOR] = pages.to_bytes(4, "big"), bytes(8), head[_CHANGED]
    path.write_bytes(head + others.ljust((pages - 1) * PAGE, b"\0"))


def _first_page(made: Path) -> bytes:
    folder = made / "new"
    folder.mkdir()
    ItemStore.create(folder, {})
    data = (folder / DATABASE).read_bytes()
    shutil.rmtree(folder)
    return data[:PAGE]


def _opens(folder: Path) -> bool:
    """Tell whether SQLite finds the tables in the file without its log."""
    with closing(sqlite3.connect(f"{(folder / DATABASE).absolute().as_uri()}?immutable=1", uri=True)) as connection:
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error:
            return False
    return {name for (name,) in found} >= _TABLES
