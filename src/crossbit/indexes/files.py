"""The file of an index: arrays that are read as a memory map, after a checksum of everything has been compared.

::

    64 bytes     SHA-256 of all that follows, in hexadecimal
    one line     JSON: kind of index, bits of a code, type and shape of each array; padded with spaces
    the arrays   one after the other, each padded with zeros; every part starts at a multiple of 64 bytes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from ..errors import DamagedError
from ..io.atomic import atomic_file

_ALIGNED = 64
_TYPES = {"<i8", "|u1"}


def save(path: Path, kind: str, bits: int, arrays: Mapping[str, ndarray]) -> None:
    """Write arrays of int64 and uint8 into a file, whole or not at all."""
    described = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    header = json.dumps({"kind": kind, "bits": bits, "arrays": described}).encode()
    parts: list[Any] = [header.ljust(_padded(len(header) + 1) - 1) + b"\n"]
    for array in arrays.values():
        parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8), bytes(_padded(array.nbytes) - array.nbytes)]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    with atomic_file(path) as partial, partial.open("wb") as file:
        file.write(checksum.hexdigest().encode())
        file.writelines(parts)


def load(path: Path, kind: str) -> tuple[int, dict[str, ndarray]]:
    """Return the bits of a code and the arrays of a file, memory-mapped; a damaged one is refused."""
    try:
        content = np.memmap(path, np.uint8, "r")
        if hashlib.sha256(content[_ALIGNED:].data).hexdigest().encode() != content[:_ALIGNED].tobytes():
            raise damaged(path, "has changed since it was written")
        with path.open("rb") as file:
            file.seek(_ALIGNED)
            line = file.readline()
        header = json.loads(line)
        if header["kind"] != kind:
            raise damaged(path, f"is of kind {header['kind']!r}, not {kind!r}")
        return header["bits"], _arrays(header["arrays"], content[_ALIGNED + len(line) :])
    except (OSError, ValueError, KeyError, TypeError) as error:  # an empty file cannot be mapped
        raise error if isinstance(error, DamagedError) else damaged(path, f"cannot be read: {error}") from error


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


def damaged(path: Path, what: str) -> DamagedError:
    """Return the error for a file that does not hold an index as it was saved."""
    return DamagedError(f"the index {path} {what}; build it again from the codes")
