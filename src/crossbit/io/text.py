"""Text files of datasets: readers that name the line at fault, and paths that stay inside their folder."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Generic, TypeVar, final, overload

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from ..errors import InputError

T = TypeVar("T")
logger = logging.getLogger("crossbit.datasets")


@final
class LazySequence(Sequence[T], Generic[T]):
    """A sequence whose items are created on access."""

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        """Hold `length` items, of which `make(i)` is the i-th."""
        self._length, self._make = length, make

    def __len__(self) -> int:
        """Return the number of items."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Return one item, or a list of them."""
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"item {index} of {self._length}")
        return self._make(index % self._length)


def path_below(folder: Path, name: str) -> Path:
    """Return `folder/name`; a name that leads out of the folder is refused, because lists of files may be hostile."""
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        if path.root:
            raise InputError(f"{name!r} is an absolute path; image names must be relative paths below {folder}")
        if path.drive or ".." in path.parts:
            raise InputError(f"{name!r} leads out of {folder}; image names must be relative paths below it")
    if not name or "\0" in name:
        raise InputError(f"{name!r} is no name of a file in {folder}")
    return folder / name


def read_text(path: Path) -> str:
    """Return a file's text in UTF-8, or in UTF-16 with its mark; bytes that are neither are refused with their line."""
    return decoded(path.read_bytes(), str(path))[0]


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Return the text of a file and its encoding, UTF-8 or UTF-16, without the mark of its order of bytes.

    >>> decoded("\ufeffна".encode("utf-16-le"), "a.txt"), decoded("на".encode(), "a.txt")
    (('на', 'UTF-16'), ('на', 'UTF-8'))
    """
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    shown = encoding.removesuffix("-sig").upper()
    try:
        return data.decode(encoding), shown
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise InputError(
            f"{name}: line {line} is not {shown} (byte 0x{data[fault.start]:02x}); convert the file, e.g. with iconv"
        ) from None


def read_lines(path: Path, count: int | None = None) -> list[str]:
    """Return a file's lines without their ends; a number of lines other than `count` is refused."""
    lines = read_text(path).split("\n")
    lines = [line.rstrip("\r") for line in (lines[:-1] if not lines[-1] else lines)]
    if count is not None and len(lines) != count:
        raise InputError(f"{path} has {len(lines)} lines, but there are {count} items")
    return lines


def flag_blocks(path: Path, columns: int) -> Iterator[Bool[ndarray, "n columns"]]:
    """Yield a text file of 0s and 1s, separated by blanks, as blocks of rows; it may be larger than memory."""
    done = 0
    with path.open("rb") as file:
        while lines := file.readlines(1 << 24):
            data = np.frombuffer(b"".join(lines), np.uint8)
            digits = (data == ord("0")) | (data == ord("1"))
            starts = np.cumsum([0, *map(len, lines[:-1])])
            wrong = np.add.reduceat(digits, starts, dtype=np.int64) != columns
            wrong |= np.add.reduceat(~digits & (data > ord(" ")), starts, dtype=np.int64) > 0
            if wrong.any():
                line = int(wrong.argmax())
                text = lines[line].decode(errors="replace").strip()[:60]
                raise InputError(f"{path}: line {done + line + 1} must be {columns} numbers 0 or 1, not {text!r}")
            yield (data[digits] == ord("1")).reshape(len(lines), columns)
            done += len(lines)


def read_flags(path: Path, shape: tuple[int, int]) -> Bool[ndarray, "n classes"]:
    """Return a text file of 0s and 1s, separated by blanks, as a matrix of the expected shape."""
    rows: Bool[ndarray, "n classes"] = np.concatenate([np.zeros((0, shape[1]), bool), *flag_blocks(path, shape[1])])
    if len(rows) != shape[0]:
        raise InputError(f"{path} has {len(rows)} lines, but there are {shape[0]} items")
    return rows


def leave_out(what: str, names: Sequence[str], of: int, refuse: bool) -> None:
    """Log that some of `of` items are left out and why, or refuse them all."""
    if not names:
        return
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    statement = f"{len(names)} of {of} {what}: {shown}"
    if refuse or len(names) == of:
        raise InputError(statement)
    logger.warning("%s; left out", statement)
