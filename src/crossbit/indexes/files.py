"""The file of an index: arrays that are read as a memory map, after a checksum of everything has been compared.

::

    64 bytes     SHA-256 of all that follows, in hexadecimal
    one line     JSON: kind of index, bits of a code, type and shape of each array; padded with spaces
    the arrays   one after the other, each padded with zeros; every part starts at a multiple of 64 bytes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from ..codes import Codes
from ..errors import DamagedError
from ..io.atomic import atomic_file

_ALIGNED = 64
_TYPES = {"<i8", "|u1"}


def save(path: Path, kind: str, codes: Codes, **arrays: ndarray) -> None:
    """Write codes, and arrays of int64 and uint8, into a file, whole or not at all."""
    arrays["codes"] = codes.packed
    described = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    header = json.dumps({"kind": kind, "bits": codes.bits, "arrays": described}).encode()
    parts: list[Any] = [header.ljust(_padded(len(header) + 1) - 1) + b"\n"]
    for array in arrays.values():
        parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8), bytes(_padded(array.nbytes) - array.nbytes)]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    with atomic_file(path) as partial, partial.open("wb") as file:
        file.write(checksum.hexdigest().encode())
        file.writelines(parts)


def load(path: Path, kind: str, names: Sequence[str]) -> tuple[Codes, list[ndarray]]:
    """Return the codes and the named arrays of a file, memory-mapped; a damaged one is refused."""
    with refused(path):
        content = np.memmap(path, np.uint8, "r")
        if hashlib.sha256(content[_ALIGNED:].data).hexdigest().encode() != content[:_ALIGNED].tobytes():
            raise ValueError("it has changed since it was written")
        with path.open("rb") as file:
            file.seek(_ALIGNED)
            line = file.readline()
        header = json.loads(line)
        if header["kind"] != kind:
            raise ValueError(f"it is of kind {header['kind']!r}, not {kind!r}")
        arrays = _arrays(header["arrays"], content[_ALIGNED + len(line) :])
        return Codes(arrays["codes"], header["bits"]), [arrays[name] for name in names]


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Within it, whatever is wrong with a file means that the file is damaged."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedError(f"the index {path} cannot be used: {error}; build it again from the codes") from error


def _arrays(described: Mapping[str, Any], content: UInt8[ndarray, "n"]) -> dict[str, ndarray]:
    """Return the arrays that follow the header."""
    arrays, start = {}, 0
    for name, (kind, shape) in described.items():
        if kind not in _TYPES:
            raise ValueError(f"it holds an array of {kind}")
        size = prod(shape) * np.dtype(kind).itemsize
        arrays[name] = np.asarray(content[start : start + size]).view(kind).reshape(shape)
        start += _padded(size)
    return arrays


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
