"""A copy of a damaged file that SQLite agrees to open, so that what is left can be read page by page."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from .storage.schema import PAGE
from .storage.store import DATABASE, Store

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
    Store.create(folder, {})
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
