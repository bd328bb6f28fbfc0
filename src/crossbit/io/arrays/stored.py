"""What a file of arrays holds: every array with its path, shape and type, read only when asked for."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ...errors import DiskError, InputError

#: An array of whatever shape a file holds.
Array: TypeAlias = Shaped[ndarray, "..."]

#: The most bytes that an array, or all of an .npz archive, may take in memory.
LARGEST = 1 << 34
#: The bytes from which an unpacked array is kept in a temporary file that is mapped into memory.
SPOOLED = 1 << 28
#: The bytes of such an array that are read at a time.
BLOCK = 1 << 26
#: How deep structs and cells may lie in each other, and how many arrays of a file are listed.
DEEPEST, MOST = 24, 20_000

#: The kind of a link, which is listed and not followed.
LINK = "link"


class Stored(NamedTuple):
    """One array of a file: its path (empty where the file holds one array without a name), and how to read it.

    `read` gives numbers as an array, which may be mapped from the disk, sparse numbers as CSR, a text as `str`, and a
    cell array as an array of objects, which are such values again.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    read: Callable[[], Any]

    def __str__(self) -> str:
        """Return path and shape, as messages list them."""
        return f"{self.name or 'one array'} {self.shape}"


def refuse_size(what: str, size: int) -> None:
    """Refuse what takes more than `LARGEST` bytes."""
    if size > LARGEST:
        raise InputError(f"{what} unpacks to {size:,} bytes, more than the {LARGEST:,} that are read")


def refuse_shape(what: str, shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes of an array of this shape, or refuse it."""
    size = math.prod(shape) * itemsize
    refuse_size(what, size)
    return size


def checked_csr(matrix: Any, what: str) -> Any:
    """Return a sparse matrix as CSR; one whose indices lead out of it is refused, before anything follows them."""
    refuse_shape(what, matrix.shape[:1], 8)
    if matrix.format in ("coo", "dia"):  # whose indices have been checked when it was made, or which has none
        return matrix.tocsr()
    try:
        matrix.check_format(full_check=True)
    except (ValueError, AttributeError) as fault:
        raise InputError(f"{what} is a damaged sparse matrix: {fault}") from None
    return matrix.tocsr()


def chosen(path: Path, name: str | None, found: Sequence[Stored]) -> Stored:
    """Return the array that a path of names chooses, or the only one; `/` and `.` both stand between names."""
    own = [each for each in found if each.kind != LINK]
    if name is None and own and (len(own) == 1 or not own[0].name):
        return own[0]
    if name is None and not own and found:
        raise InputError(f"{path} holds no array but links, {listing(found)}, and no link is followed")
    if name is None:
        raise InputError(f"{path} holds {listing(found)}; choose one as {path}:NAME")
    wanted = dotted(name)
    matches = [each for each in found if each.name and dotted(each.name) == wanted]
    if matches:
        return matches[0]
    below = [each for each in found if dotted(each.name).startswith(f"{wanted}.")]
    if below:
        raise InputError(f"{path}: {name} is a struct; choose one of its fields: {listing(below)}")
    if found and all(not each.name for each in found):
        raise InputError(f"{path} holds one array without a name; leave {name!r} out")
    raise InputError(f"{path} has no {name!r}; it holds {listing(found)}")


def dotted(name: str) -> str:
    """Return a path of names with dots between them."""
    return name.strip("/").replace("/", ".")


def listing(found: Sequence[Stored], most: int = 20) -> str:
    """Return the names and shapes of arrays as text."""
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + more or "no array"


def spooled(shape: tuple[int, ...], dtype: Any, blocks: Iterable[Array]) -> Array:
    """Return blocks of rows as one array, mapped from a temporary file where it takes `SPOOLED` bytes or more.

    The file lies in the system's folder for temporary files (`TMPDIR`) and is gone with the array.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < SPOOLED:
        joined: Array = np.concatenate([np.empty((0, *shape[1:]), dtype), *blocks], dtype=dtype, casting="same_kind")
        return joined
    try:
        with tempfile.TemporaryFile() as file:
            for block in blocks:
                np.ascontiguousarray(block, dtype).tofile(file)
            file.flush()
            array: Array = np.memmap(file, dtype, "r", shape=shape)
    except OSError as fault:
        raise DiskError(
            f"a temporary file of {size:,} bytes cannot be written into {tempfile.gettempdir()}: {fault};"
            " set TMPDIR to a folder with more room, or save the array as .npy, which needs none"
        ) from None
    return array
