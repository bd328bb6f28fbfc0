"""MATLAB files up to version 7: arrays, structs, cell arrays, texts, sparse matrices."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from .stored import DEEPEST, MOST, Stored, dotted, refuse_shape, refuse_size

#: Bytes of an entry by MATLAB's class; of all others, 8.
_ITEM_BYTES = {"int8": 1, "uint8": 1, "logical": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "single": 4}
_NESTED = {"struct", "cell", "object", "opaque", "function"}
#: Kinds of an element in the file, and classes of matrices, as MathWorks documents the format.
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 5, 16, 17


def matlab_arrays(path: Path, name: str | None = None) -> list[Stored]:
    """Return every array of a MATLAB file up to version 7; with a `name`, fields of that variable's struct alone."""
    from scipy.io import whosmat
    from scipy.io.matlab import MatReadError

    try:
        variables = whosmat(path)
    except MatReadError as fault:
        raise InputError(f"{path} is no MATLAB file: {fault}") from None
    found = []
    for variable, shape, kind in variables:
        if kind != "struct":
            found.append(Stored(variable, tuple(shape), kind, partial(_read, path, variable, shape, kind)))
        elif name is None or dotted(name).split(".")[0] == variable:
            found += _fields(path, variable, _read(path, variable, shape, kind))
        else:
            found.append(Stored(f"{variable}.", tuple(shape), "struct", dict))
    return found


def _read(path: Path, variable: str, shape: tuple[int, ...], kind: str) -> Any:
    from scipy.io import loadmat

    what = f"{path}: {variable}"
    if kind in _NESTED:
        _refuse_depth(path, what)
    else:  # of a sparse matrix, where its rows end
        refuse_shape(what, shape[:1] if kind == "sparse" else shape, _ITEM_BYTES.get(kind, 8))
    return _plain(loadmat(path, variable_names=[variable], spmatrix=False)[variable])


def _plain(value: Any) -> Any:
    """Return a value as `Stored.read` gives it."""
    from scipy.sparse import issparse

    if issparse(value):
        return value.tocsr()
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return str(array.item()) if array.size == 1 else "" if not array.size else array
    if array.dtype.kind == "O":
        plain = np.empty(array.shape, object)
        for at in np.ndindex(array.shape):
            plain[at] = _plain(array[at])
        return plain
    return array


def _fields(path: Path, above: str, value: Any, deep: int = 0) -> list[Stored]:
    """Return the arrays in a struct, whose fields may be structs."""
    array = np.asarray(value)
    if array.dtype.names is None:
        plain = _plain(value)
        shape, kind = np.shape(plain) if not hasattr(plain, "shape") else plain.shape, _kind(plain)
        return [Stored(above, tuple(shape), kind, lambda: plain)]
    if array.size != 1 or deep > DEEPEST:
        return [Stored(above, array.shape, "struct array", lambda: array)]
    one = array.reshape(-1)[0]
    found = [each for field in array.dtype.names for each in _fields(path, f"{above}.{field}", one[field], deep + 1)]
    if len(found) > MOST:
        raise InputError(f"{path} holds more than {MOST:,} arrays")
    return found


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if not isinstance(value, np.ndarray):
        return "sparse"
    return {"O": "cell", "U": "text"}.get(value.dtype.kind, str(value.dtype))


def _refuse_depth(path: Path, what: str) -> None:
    """Refuse structs and cells that lie so deep in each other, or unpack to so much, that reading them is a danger."""
    data = path.read_bytes()
    order = ">" if data[126:128] == b"MI" else "<"
    try:
        for matrix in _matrices(data, order, what):
            _Walk(matrix, order, what).check()
    except struct.error:
        raise InputError(f"{what}: the file ends within an array, or is damaged") from None


def _matrices(data: bytes, order: str, what: str) -> Iterator[bytes]:
    """Yield the variables of a file, unpacked, each with its header."""
    at = 128
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        body = data[at : at + 8 + size]
        at += 8 + size
        if kind == _COMPRESSED:
            unpacking = zlib.decompressobj()
            head = unpacking.decompress(body[8:], 8)
            kind, size = struct.unpack(f"{order}II", head)
            refuse_size(what, size * 8)  # numbers may be kept in a byte each
            body = head + unpacking.decompress(unpacking.unconsumed_tail, max(size, 1))
        if kind == _MATRIX:
            yield body


@dataclass
class _Walk:
    """A pass over a variable that counts how deep its matrices lie, in the order in which a reader meets them."""

    data: bytes
    order: str
    what: str
    at: int = 0

    def check(self) -> None:
        """Refuse a variable whose matrices lie too deep in each other, or are MATLAB's objects."""
        left = [1]
        while left:
            if not left[-1]:
                left.pop()
                continue
            left[-1] -= 1
            inside = self._matrix()
            if inside:
                left.append(inside)
            if len(left) > DEEPEST:
                raise InputError(f"{self.what}: structs and cells lie more than {DEEPEST} deep in each other")

    def _matrix(self) -> int:
        """Pass over the start of a matrix, or all of it, and return how many matrices follow that lie in it."""
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        self.at += 8
        if kind != _MATRIX:
            raise InputError(f"{self.what}: an element of kind {kind} stands where an array should; it is damaged")
        if not size:
            return 0
        (flags,) = struct.unpack_from(f"{self.order}I", self.data, self.at + 8)
        self.at += 16
        form, dims, _ = flags & 0xFF, self._element(), self._element()
        if form in (_OBJECT, _FUNCTION, _OPAQUE):
            raise InputError(f"{self.what}: objects of MATLAB (string, table ...) are not read; save numbers")
        sizes = struct.unpack(f"{self.order}{len(dims) // 4}i", dims[: len(dims) // 4 * 4])
        count = max(int(math.prod(sizes)), 0)
        if form == _CELL:
            return count
        if form == _STRUCT:
            width = int.from_bytes(self._element()[:4], "big" if self.order == ">" else "little")
            return count * (len(self._element()) // max(width, 1))
        for _ in range((3 if form == _SPARSE else 1) + (flags >> 11 & 1)):  # real, then imaginary numbers
            self._element()
        return 0

    def _element(self) -> bytes:
        """Return the data of an element and pass over it."""
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        if kind > 0xFFFF:  # a small one, whose header holds its data
            found = self.data[self.at + 4 : self.at + 4 + (kind >> 16)]
            self.at += 8
        else:
            found = self.data[self.at + 8 : self.at + 8 + min(size, 1 << 20)]
            self.at += 8 + size + (-size % 8)
        return found
