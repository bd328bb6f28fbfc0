"""Folders that are written whole or not at all, and asked for before hours of work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written into; commands ask before hours of work, not after."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(f"{folder} cannot be written: {nearest} is no folder that may be written to")


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends, and only if it does not fail."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        made, old = Path(name, "new"), Path(name, "old")
        made.mkdir()
        yield made
        if folder.exists():
            os.replace(folder, old)
        os.replace(made, folder)
