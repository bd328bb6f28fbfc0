"""Atomic writes: files and folders are written whole or not at all; unwritable places are refused in advance.

New content is written under a hidden name beside its place, synced to disk and renamed; last, the parent folder is
synced. A reader finds the old content or the new, even after a power failure. A failing disk raises `DiskError`.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import DiskError, InputError

#: The error numbers of a disk that is full, over quota, damaged or read-only, and of a file that is too large.
_FAILING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
_NUMBERS = itertools.count()


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that cannot be created or written to; commands check this before hours of work, not after."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise InputError(f"{folder} cannot be written: {nearest} is not a writable folder")


def refuse_other(folder: Path, kind: str, *, replaceable: bool) -> None:
    """Refuse a folder that cannot be written, or that holds anything else than what may be replaced.

    `kind` is what lies in a `replaceable` folder, with its article, as in "a model".
    """
    free = not folder.exists() or replaceable or (folder.is_dir() and not any(folder.iterdir()))
    if not free:
        raise InputError(f"{folder} exists and is not {kind}; choose another folder or empty it")
    refuse_unwritable(folder)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside `path`; its file takes the place of `path` if the block ends without an error.

    The parent folder must exist: one that was removed meanwhile is not created again.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}.part")
    with _disk_errors(path):
        try:
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def atomic_write(path: Path, content: str | bytes | memoryview) -> None:
    """Write a file; an existing one is replaced only when the new one is complete. Text becomes UTF-8."""
    with atomic_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` if the block ends without an error.

    An existing folder is replaced by two renames. A process killed between them leaves the old content in the hidden
    folder beside it.
    """
    folder = folder.absolute()
    with _disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
            new, old = Path(name, "new"), Path(name, "old")
            new.mkdir()
            yield new
            for place in (*new.rglob("*"), new):
                _sync(place)
            try:
                if folder.exists():
                    folder.replace(old)
                new.replace(folder)
            except BaseException:
                if old.exists() and not folder.exists():
                    old.replace(folder)
                raise
            _sync(folder.parent)


def append_line(path: Path, line: str) -> None:
    """Append a line of UTF-8 to a file; it is on the disk when this returns.

    A line break comes first and ends a line that a crash cut off; readers skip empty lines.
    """
    with _disk_errors(path):
        new = not path.exists()
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
        _sync(path)
        if new:
            _sync(path.parent)


def _sync(place: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    number = os.open(place, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    """Turn the errors of a failing disk into a `DiskError`: the system's own, NumPy's and those of Rust libraries."""
    try:
        yield
    except DiskError:
        raise
    except Exception as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        short = isinstance(error, OSError) and error.errno is None and "requested and" in str(error)
        number = int(found[1]) if found else getattr(error, "errno", None)
        if number not in _FAILING and not short:
            raise
        reason = str(error) if number is None else os.strerror(number)
        raise DiskError(
            f"{place} cannot be written: {reason}; what was complete before is kept. Free space or choose another"
            " place, and run again"
        ) from error
