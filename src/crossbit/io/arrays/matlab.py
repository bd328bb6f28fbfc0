"""MATLAB files of version 5 to 7: arrays, structs, cell arrays, texts, sparse matrices, as MathWorks documents them.

SciPy's reader is not used: it trusts the sizes in the file, and a damaged one ends the process. Here every number is
read within the bytes that there are, and structs and cells may lie only so deep in each other.
"""

from __future__ import annotations

import math
import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from ...errors import InputError
from .stored import DEEPEST, MOST, SPOOLED, Array, Stored, checked_csr, dotted, refuse_shape, refuse_size

#: Bytes of a file, mapped or in memory.
Bytes: TypeAlias = memoryview | bytes

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
#: NumPy's type of the numbers in an element, by its kind, and of a numeric class of arrays.
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_NAMES = {_CELL: "cell", _STRUCT: "struct", _CHAR: "text", _SPARSE: "sparse"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
#: Bytes of an unpacked variable that hold its header.
_PEEK = 1 << 12


class Header(NamedTuple):
    """What stands before the data of a matrix."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str

    @property
    def type(self) -> str:
        """The type as it is listed."""
        logical = "bool" if self.flags >> 9 & 1 else ""
        return _NAMES.get(self.kind) or logical or str(np.dtype(_CLASSES.get(self.kind, "O")))


def matlab_arrays(path: Path, name: str | None = None) -> list[Stored]:
    """Return every array of a MATLAB file; with a `name`, of that variable's struct alone."""
    found: list[Stored] = []
    wanted = None if name is None else dotted(name).split(".")[0]
    for at, header in _variables(path):
        read = partial(_read, path, at)
        if header.kind == _STRUCT and wanted in (None, header.name):
            found += _fields(path, header.name, read())
        elif header.name:
            found.append(Stored(header.name, header.shape, header.type, read))
    if len(found) > MOST:
        raise InputError(f"{path} holds more than {MOST:,} arrays")
    return found


def _mapped(path: Path) -> tuple[Bytes, str]:
    """Return the bytes of a file and the order in which its numbers are written."""
    with path.open("rb") as file:
        if file.seek(0, 2) < _HEADER:
            raise InputError(f"{path} is no MATLAB file: it has fewer than {_HEADER} bytes")
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None:
        raise InputError(f"{path} is no MATLAB file of version 5 to 7.3; save it as one, as in save(FILE, '-v7')")
    return data, order


def _variables(path: Path) -> Iterator[tuple[int, Header]]:
    """Yield the place and the header of each variable; nothing is read but headers."""
    data, order = _mapped(path)
    at = _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind not in (_MATRIX, _COMPRESSED):
            raise InputError(f"{path} is damaged: an element of kind {kind} stands where a variable should")
        body = data[at : at + 8 + size]
        if kind == _COMPRESSED:
            body = zlib.decompressobj().decompress(body[8:], _PEEK)
        yield at, _Reader(body, order, f"{path}: {at}", 8).header()
        at += 8 + size


def _read(path: Path, at: int) -> Any:
    """Return the variable at a place of the file."""
    data, order = _mapped(path)
    kind, size = struct.unpack_from(f"{order}II", data, at)
    body: Bytes = data[at : at + 8 + size]
    if kind == _COMPRESSED:
        unpacking = zlib.decompressobj()
        head = unpacking.decompress(body[8:], 8)
        size = struct.unpack(f"{order}II", head)[1]
        refuse_size(f"{path}: a variable", size)
        body = head + unpacking.decompress(unpacking.unconsumed_tail, max(size, 1))
    name = _Reader(body, order, str(path), 8).header().name
    return _Reader(body, order, f"{path}: {name}").matrix()


def _fields(path: Path, above: str, value: Any) -> list[Stored]:
    """Return the arrays in a struct, whose fields may be structs."""
    if isinstance(value, dict):
        return [each for field, inner in value.items() for each in _fields(path, f"{above}.{field}", inner)]
    if isinstance(value, str):
        return [Stored(above, (), "text", lambda: value)]
    kind = "sparse" if not isinstance(value, np.ndarray) else "cell" if value.dtype == object else str(value.dtype)
    return [Stored(above, tuple(value.shape), kind, lambda: value)]


@final
@dataclass
class _Reader:
    """A position in the bytes of one variable."""

    data: Bytes
    order: str
    what: str
    at: int = 0

    def matrix(self, deep: int = 0) -> Any:
        """Return the matrix that begins here and pass over it: numbers, CSR, a text, cells, or a struct's fields."""
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        end = self.at + 8 + size
        if kind != _MATRIX or deep > DEEPEST:
            deeply = f"structs and cells lie more than {DEEPEST} deep in each other"
            raise InputError(f"{self.what}: {deeply if kind == _MATRIX else 'an array is damaged'}")
        self.at += 8
        if not size:
            return np.empty((0, 0))
        value = self._value(self.header(), deep)
        self.at = max(end, self.at)
        return value

    def header(self) -> Header:
        """Return the header of a matrix, whose first eight bytes have been read, and pass over it."""
        (flags,) = struct.unpack_from(f"{self.order}I", self.data, self.at + 8)
        self.at += 16
        shape = tuple(int(size) for size in self._numbers())
        if min(shape, default=-1) < 0:
            raise InputError(f"{self.what}: an array of shape {shape} is damaged")
        name = bytes(self._element()[1]).decode("latin-1")
        return Header(flags & 0xFF, flags, shape, name)

    def _value(self, header: Header, deep: int) -> Any:
        if header.kind == _CELL:
            return self._cells(header.shape, deep)
        if header.kind == _STRUCT:
            return self._struct(header.shape, deep)
        if header.kind == _CHAR:
            return self._text(header.shape)
        if header.kind == _SPARSE:
            return self._sparse(header)
        if header.kind in _CLASSES:
            return self._array(header)
        if deep:
            return "an object of MATLAB, which is not read"
        raise InputError(f"{self.what}: objects of MATLAB (string, table, function ...) are not read; save numbers")

    def _array(self, header: Header) -> Array:
        kind = np.dtype("?" if header.flags >> 9 & 1 else _CLASSES[header.kind])
        size = refuse_shape(self.what, header.shape, kind.itemsize)
        numbers = self._numbers()
        if header.flags >> 11 & 1:
            numbers, kind = numbers + 1j * self._numbers(), np.dtype(complex)
        if len(numbers) != math.prod(header.shape):
            raise InputError(f"{self.what}: {len(numbers)} numbers for shape {header.shape}: the file is damaged")
        values = numbers.astype(kind, copy=size < SPOOLED)
        return values.reshape(header.shape, order="F")

    def _cells(self, shape: tuple[int, ...], deep: int) -> Array:
        cells = np.empty(self._count(shape), object)
        for at in range(len(cells)):
            cells[at] = self.matrix(deep + 1)
        return cells.reshape(shape, order="F")

    def _struct(self, shape: tuple[int, ...], deep: int) -> Any:
        width = int(self._numbers()[0])
        names = bytes(self._element()[1])
        if width < 1:
            raise InputError(f"{self.what}: a struct is damaged")
        fields = [names[at : at + width].split(b"\0")[0].decode("latin-1") for at in range(0, len(names), width)]
        rows = [{name: self.matrix(deep + 1) for name in fields} for _ in range(self._count(shape) if fields else 0)]
        if len(rows) == 1:
            return rows[0]
        several = np.empty(len(rows), object)
        several[:] = rows
        return several

    def _count(self, shape: tuple[int, ...]) -> int:
        """Return the number of matrices in this shape, each of which takes eight bytes at least."""
        count = math.prod(shape)
        if count * 8 > len(self.data) - self.at:
            raise InputError(f"{self.what}: {count:,} cells are more than the file holds: it is damaged")
        return count

    def _text(self, shape: tuple[int, ...]) -> Any:
        kind, data = self._element()
        suffix = {"<": "-le", ">": "-be"}[self.order] if _TEXTS.get(kind, "").endswith(("16", "32")) else ""
        letters = bytes(data).decode(_TEXTS.get(kind, "latin-1") + suffix, "replace")
        if len(shape) != 2 or shape[0] < 2 or len(letters) != math.prod(shape):
            return letters
        rows = np.empty(shape[0], object)
        rows[:] = [letters[row :: shape[0]].rstrip() for row in range(shape[0])]
        return rows

    def _sparse(self, header: Header) -> Any:
        from scipy.sparse import csc_array

        rows, ends, at = self._numbers(), self._numbers(), self.at
        _, data = self._element()
        used = int(ends[-1]) if len(ends) else 0  # there may be room for more
        if header.flags >> 9 & 1 and len(data) < 8 * used:  # logical: bytes, which call themselves doubles
            values: Array = np.frombuffer(data, np.uint8) > 0
        else:
            self.at = at
            values = self._numbers()
        if header.flags >> 11 & 1:
            values = values + 1j * self._numbers()
        shape = header.shape
        if len(shape) != 2 or len(ends) != shape[1] + 1 or not 0 <= used <= min(len(rows), len(values)):
            raise InputError(f"{self.what} is a damaged sparse matrix: its parts do not fit its shape {shape}")
        return checked_csr(csc_array((values[:used], rows[:used], ends), shape), self.what)

    def _numbers(self) -> Array:
        kind, data = self._element()
        if kind not in _NUMBERS:
            raise InputError(f"{self.what}: an element of kind {kind} holds no numbers; the file is damaged")
        stored = np.dtype(self.order + _NUMBERS[kind])
        numbers: Array = np.frombuffer(data[: len(data) // stored.itemsize * stored.itemsize], stored)
        return numbers.astype(stored.newbyteorder("="), copy=False)

    def _element(self) -> tuple[int, Bytes]:
        """Return the kind and the data of an element and pass over it."""
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        start, padded = self.at + 8, size + (-size % 8)
        if kind > 0xFFFF:  # a small one, whose header holds its data
            kind, size, start, padded = kind & 0xFFFF, min(kind >> 16, 4), self.at + 4, 4
        if start + size > len(self.data):
            raise InputError(f"{self.what}: the file ends within an array, or is damaged")
        self.at = start + padded
        return kind, self.data[start : start + size]
