"""Arrays from untrusted files: .npy, .npz, .mat of every version, HDF5, .pt, and tables of numbers as text.

`FILE:NAME` chooses an array of a file that holds several, `FILE:a.b` or `FILE:a/b` one that lies in a struct or group.
Nothing is unpickled, no link is followed, and what would unpack to more than `LARGEST` bytes is refused by its headers,
before it is read.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ...errors import CrossbitError, InputError
from . import stored
from .hdf5 import hdf5_arrays, open_hdf5
from .matlab import matlab_arrays
from .stored import LINK, Array, Stored, checked_csr, chosen, dotted, listing, refuse_size, spooled
from .tensors import tensor_arrays
from .text import json_arrays, text_arrays, why_no_numbers

__all__ = ["Array", "Stored", "contents", "listing", "open_hdf5", "parted", "read_array", "read_named", "refuse_size"]
__all__ += ["ENDINGS", "LINK", "dotted", "plain_rows", "spooled", "unfit"]

_PICKLES = (".pkl", ".pickle", ".p", ".joblib")


def read_array(place: str) -> Array:
    """Return the one numeric array of a file, or the one that `FILE:NAME` names.

    Raises:
        InputError: where the file is damaged, holds objects, lacks the named array, or holds several and none is named.
        FileNotFoundError: where there is no such file.

    """
    array = plain_rows(read_named(*parted(place)), place)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{place} {unfit(*parted(place), array)}; an array of numbers is wanted")
    return array


def unfit(path: Path, name: str | None, array: Array) -> str:
    """Return what an array that holds no real numbers holds instead, and why as far as that is known."""
    if array.dtype.names:
        return f"holds records of {', '.join(array.dtype.names)} and not numbers; save one field as an array"
    if array.dtype.kind == "c":
        return f"holds complex numbers ({array.dtype}); save their real parts or magnitudes"
    why = why_no_numbers(path) if name is None and path.suffix.lower() in _TEXTS else ""
    if why:
        return f"holds no table of numbers: {why}"
    texts = array.dtype.kind in "US" or all(isinstance(each, str) for each in array.ravel()[:10])
    return f"holds {'texts' if texts else array.dtype} and not numbers"


def read_named(path: Path, name: str | None = None) -> Any:
    """Return the array of a file that has this name, or the only one, as `Stored.read` gives it.

    Raises:
        InputError: as `read_array` does.

    """
    return _guarded(path, lambda reader: chosen(path, name, reader(path, name)).read())


def contents(path: Path) -> list[Stored]:
    """Return every array of a file, which is read no further than that takes.

    Raises:
        InputError: where the file is damaged, or no file of arrays.
        FileNotFoundError: where there is no such file.

    """
    found: list[Stored] = _guarded(path, lambda reader: reader(path, None))
    return found


def parted(place: str) -> tuple[Path, str | None]:
    """Return the file and the name of `FILE:NAME`; a file whose own name has a colon is taken for one."""
    stem, colon, name = place.rpartition(":")
    if colon and not Path(place).exists() and Path(stem).suffix:
        return Path(stem), name
    return Path(place), None


def plain_rows(array: Any, what: str) -> Array:
    """Return an array that is not sparse; one that would take too much so is refused."""
    if isinstance(array, ndarray):
        return array
    if hasattr(array, "toarray"):
        stored.refuse_shape(what, array.shape, array.dtype.itemsize)
        return np.asarray(array.toarray())
    return np.asarray(array)


def _guarded(path: Path, read: Callable[[Callable[[Path, str | None], list[Stored]]], Any]) -> Any:
    reader = _READERS[_ending(path)]
    with path.open("rb"):  # raises plainly where the file is missing or not readable
        pass
    try:
        return read(reader)
    except CrossbitError:
        raise
    except Exception as fault:  # whatever a damaged or hostile file makes its library raise
        raise InputError(f"{path} cannot be read as {_ending(path)}: {_cause(fault)}") from None


def _cause(fault: Exception) -> str:
    """Return what a library says is wrong, without its advice to trust the file."""
    said = str(fault)
    if "pickle" not in said:
        return said
    return "its header is longer than that of numbers is" if "eader" in said else "it holds Python objects"


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending in _PICKLES:
        raise InputError(
            f"{path} is a pickle, which can run any code and is never read; if you trust it, convert it, as in"
            f" python -c \"import numpy, pickle; numpy.save('{path.stem}.npy',"
            f" pickle.load(open('{path.name}', 'rb'), encoding='latin1'))\""
        )
    if ending not in _READERS:
        raise InputError(f"{path}: arrays are read from {', '.join(_READERS)}, not {ending or 'a file without one'}")
    return ending


def _npy(path: Path, _: str | None) -> list[Stored]:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as fault:
        if "object" in str(fault).lower():
            raise _holds_objects(str(path)) from None
        raise
    return [Stored("", array.shape, str(array.dtype), lambda: array)]


def _npz(path: Path, name: str | None) -> list[Stored]:
    with zipfile.ZipFile(path) as archive:
        refuse_size(str(path), sum(member.file_size for member in archive.infolist()))
        names = [member.filename for member in archive.infolist() if member.filename.endswith(".npy")]
        if {"format.npy", "data.npy", "shape.npy"} <= {*names} and name is None:
            return [_saved_sparse(path)]
        return [_member(path, archive, each) for each in names]


def _member(path: Path, archive: zipfile.ZipFile, member: str) -> Stored:
    name = member.removesuffix(".npy")
    with archive.open(member) as file:
        shape, _, dtype = _npy_header(file)
    return Stored(name, shape, str(dtype), partial(_unpacked, path, name))


def _npy_header(file: Any) -> Any:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _unpacked(path: Path, name: str) -> Array:
    """Return an array of an archive; a large one is unpacked into a temporary file, block by block."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        shape, by_columns, dtype = _npy_header(file)
        if dtype.hasobject:
            raise _holds_objects(f"{path}: {name}")
        size = stored.refuse_shape(f"{path}: {name}", shape, dtype.itemsize)
        width = math.prod(shape[1:]) * dtype.itemsize
        if size < stored.SPOOLED or by_columns or not width:
            file.seek(0)
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
            return array
        step = max(stored.BLOCK // width, 1)
        blocks = (file.read(width * min(step, shape[0] - at)) for at in range(0, shape[0], step))
        return spooled(shape, dtype, (np.frombuffer(block, dtype).reshape(-1, *shape[1:]) for block in blocks))


def _holds_objects(what: str) -> InputError:
    return InputError(f"{what} holds Python objects, which are never unpickled; save one array of numbers")


def _saved_sparse(path: Path) -> Stored:
    from scipy.sparse import load_npz

    with np.load(path, allow_pickle=False) as archive:
        shape = tuple(int(size) for size in archive["shape"])
    return Stored("", shape, "sparse", lambda: checked_csr(load_npz(path), str(path)))


def _mat(path: Path, name: str | None) -> list[Stored]:
    import h5py

    return hdf5_arrays(path) if h5py.is_hdf5(path) else matlab_arrays(path, name)


_TEXTS = (".csv", ".tsv", ".txt", ".list")
_READERS = {
    ".npy": _npy,
    ".npz": _npz,
    ".mat": _mat,
    **dict.fromkeys((".h5", ".hdf5", ".h5py"), lambda path, _: hdf5_arrays(path)),
    **dict.fromkeys((".pt", ".pth"), lambda path, _: tensor_arrays(path)),
    **dict.fromkeys(_TEXTS, text_arrays),
    ".json": lambda path, _: json_arrays(path),
}
#: The endings of the files that are read.
ENDINGS = tuple(_READERS)
