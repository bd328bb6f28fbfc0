"""Repair: a new file with every intact item, put in the place of the damaged one, which is set aside.

A damaged file is first copied and made readable for SQLite: pages that were cut off become empty, and a first page that
is beyond use is replaced by that of a new collection, for the tables of all collections begin on the same pages.
"""

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
from jaxtyping import Float16
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import DamagedError
from ..model import fingerprint, load_whole
from ..storage.batch import EncodedBatch
from ..storage.schema import PAGE
from ..storage.store import DATABASE, HEAD, MODEL, ItemStore, locked
from ..storage.transactions import commit
from .salvage import Damage, IntactItem, Salvage, reading
from .verify import read_acknowledged, read_facts

#: Items of one transaction.
BATCH = 1024
#: Folders in that of the collection: of the damaged file, and of the new one until it is complete.
ASIDE, NEW = "damaged", "repaired"
#: Where SQLite's header holds the number of pages, those that are free, and the change that both are as of.
_PAGES, _FREE, _CHANGED, _VALID_FOR = slice(28, 32), slice(32, 40), slice(24, 28), slice(92, 96)
_TABLES = {"facts", "head", "items", "segments", "removed", "thumbnails", "vectors"}


@final
@dataclass(frozen=True)
class RepairResult:
    """How many items were kept, what was found damaged, and where the damaged file is."""

    items: int
    damage: tuple[Damage, ...]
    aside: Path


def repair(folder: Path) -> RepairResult:
    """Rewrite a collection's file with every intact item; the others can be added again from their source.

    The damaged file is kept in a folder beside it. No other process may have the collection open meanwhile.
    """
    with locked(folder):
        new = folder / NEW
        damage: list[Damage] = []
        if (folder / DATABASE).exists():
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            damage = _rewrite(folder, new)
        # else a repair was interrupted when everything was written already
        _replace(folder, new)
        with closing(ItemStore(folder)) as store, store.reading() as connection:
            (items,) = connection.execute("SELECT items FROM head").fetchone()
    return RepairResult(items, tuple(damage), folder / ASIDE)


def _rewrite(folder: Path, new: Path) -> list[Damage]:
    """Write every intact item into a new file; return the damage."""
    damage: list[Damage] = []
    try:
        source = new / "readable"
        source.mkdir()
        _copy_readable(folder, source)
        facts = _completed(folder, _read_facts(source, damage))
        head = read_acknowledged(folder)
        ItemStore.create(new, facts)
        with reading(source) as connection, closing(ItemStore(new)) as store:
            salvage = Salvage(connection, facts["bits"], head.next if head else 0)
            salvage.read_codes()
            for batch in _batches(salvage, facts):
                commit(store, (), batch)
            store.vacuum()
            return damage + salvage.damage
    except sqlite3.Error as fault:
        raise DamagedError(
            f"nothing can be kept of {folder / DATABASE} ({fault}): restore it from a copy, or create the collection"
            " again and add its sources"
        ) from None


def _read_facts(source: Path, damage: list[Damage]) -> dict[str, Any]:
    try:
        with reading(source) as connection:
            return read_facts(connection, damage)
    except sqlite3.Error as fault:
        damage.append(Damage("facts", str(fault)))
        return {}


def _completed(folder: Path, intact: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a collection, the damaged ones as its model gives them."""
    facts = {name: value for name, value in intact.items() if name != "format"}
    if "model" not in facts:
        facts["model"] = fingerprint(folder / MODEL)
    if "bits" not in facts:
        facts["bits"] = load_whole(folder / MODEL).dim
    return {"thumbnail": 256, "vectors": True, **facts}


def _batches(salvage: Salvage, facts: Mapping[str, Any]) -> Iterator[EncodedBatch]:
    """Yield the intact items with what is intact beside them."""
    thumbnails = dict(salvage.read_beside("thumbnails"))
    vectors = dict(salvage.read_beside("vectors"))
    intact = ((number, item) for number, item, _ in salvage.read_items())
    while part := list(islice(intact, BATCH)):
        numbers = [number for number, _ in part]
        values: dict[Modality, Float16[ndarray, "n bits"]] = {
            modality: np.stack([_vector(vectors.get(number), at, facts["bits"]) for number in numbers])
            for at, modality in enumerate(MODALITIES)
        }
        small = [thumbnails.get(number, (None,))[0] for number in numbers]
        yield _batch([item for _, item in part], facts["bits"], values, small)


def _batch(
    items: Sequence[IntactItem],
    bits: int,
    vectors: Mapping[Modality, Float16[ndarray, "n bits"]],
    thumbnails: Sequence[bytes | None],
) -> EncodedBatch:
    blobs = (b"".join(each.code.image for each in items), b"".join(each.code.text for each in items))
    codes: dict[Modality, Codes] = {
        modality: Codes(np.frombuffer(joined, np.uint8).reshape(len(items), -1), bits)
        for modality, joined in zip(MODALITIES, blobs, strict=True)
    }
    present = np.array([each.code.present for each in items], np.uint8)
    return EncodedBatch([each.item for each in items], present, codes, vectors, thumbnails)


def _vector(blobs: tuple[bytes | None, ...] | None, at: int, bits: int) -> Float16[ndarray, "bits"]:
    blob = None if blobs is None else blobs[at]
    return np.full(bits, np.nan, np.float16) if blob is None else np.frombuffer(blob, "<f2")


def _replace(folder: Path, new: Path) -> None:
    """Set the damaged file aside and put the new one in its place, or finish what an interruption left undone."""
    aside = folder / ASIDE
    aside.mkdir(exist_ok=True)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE):
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    for name in (HEAD, DATABASE):
        if (new / name).exists():
            (new / name).replace(folder / name)
    shutil.rmtree(new)


def _copy_readable(folder: Path, target: Path) -> None:
    """Copy a collection's file and its log into another folder, and make SQLite open the copy."""
    for name in (DATABASE, f"{DATABASE}-wal"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    unused = _first_page(target)
    data = (target / DATABASE).read_bytes()
    stated = int.from_bytes(data[_PAGES], "big")
    pages = max(-(-len(data) // PAGE), stated if stated < 1 << 20 or stated * PAGE < 4 * len(data) else 0)
    for first in (data[:PAGE], unused):
        _write(target / DATABASE, first, data[PAGE:], pages)
        if _opens(target):
            return


def _first_page(target: Path) -> bytes:
    """Return the first page of a new collection."""
    folder = target / "new"
    folder.mkdir()
    ItemStore.create(folder, {})
    data = (folder / DATABASE).read_bytes()
    shutil.rmtree(folder)
    return data[:PAGE]


def _write(path: Path, first: bytes, others: bytes, pages: int) -> None:
    """Write a file of so many pages, whose first page states their number and knows of no free ones."""
    head = bytearray(first.ljust(PAGE, b"\0"))
    head[_PAGES], head[_FREE], head[_VALID_FOR] = pages.to_bytes(4, "big"), bytes(8), head[_CHANGED]
    path.write_bytes(head + others.ljust((pages - 1) * PAGE, b"\0"))


def _opens(folder: Path) -> bool:
    """Return whether SQLite finds the tables in the file without its log."""
    with closing(sqlite3.connect(f"{(folder / DATABASE).absolute().as_uri()}?immutable=1", uri=True)) as connection:
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error:
            return False
    return {name for (name,) in found} >= _TABLES
