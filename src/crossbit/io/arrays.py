"""Arrays from untrusted files: .npy, .npz, .mat of version 5 and of version 7.3.

`FILE:NAME` chooses an array of a file that holds several. Nothing is unpickled, no link is followed, and what would
unpack to more than `LARGEST` bytes is refused by its headers, before it is read.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ..errors import InputError

#: An array of whatever shape a file holds.
Array: TypeAlias = Shaped[ndarray, "..."]

#: The most bytes that an array, or all of an .npz archive, may take in memory.
LARGEST = 1 << 34
_DAMAGED = (ValueError, TypeError, KeyError, IndexError, OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError)


def read_array(place: str) -> Array:
    """Return the one numeric array of a file, or the one that `FILE:NAME` names.

    Raises:
        InputError: where the file is damaged, holds objects, lacks the named array, or holds several and none is named.
        FileNotFoundError: where there is no such file.

    """
    path, name = _parted(place)
    if path.suffix.lower() not in _READERS:
        raise InputError(
            f"{path}: arrays are read from {', '.join(_READERS)}, not {path.suffix or 'a file without one'}"
        )
    with path.open("rb"):  # raises plainly where the file is missing or not readable
        pass
    return _numeric(place, read_named(path, name))


def read_named(path: Path, name: str | None = None) -> Array:
    """Return the array of a file that has this name; of a MATLAB file also a cell array, as an array of objects.

    Raises:
        InputError: as `read_array` does.

    """
    reader = _READERS[path.suffix.lower()]
    try:
        return reader(path, name)
    except InputError:
        raise
    except _DAMAGED as fault:
        raise InputError(f"{path} cannot be read as {path.suffix.lower()}: {fault}") from None


def refuse_size(what: str, size: int) -> None:
    """Refuse what takes more than `LARGEST` bytes."""
    if size > LARGEST:
        raise InputError(f"{what} unpacks to {size:,} bytes, more than the {LARGEST:,} that are read")


def _parted(place: str) -> tuple[Path, str | None]:
    stem, colon, name = place.rpartition(":")
    if colon and not Path(place).exists() and Path(stem).suffix:
        return Path(stem), name
    return Path(place), None


def _numeric(place: str, array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{place} holds {array.dtype} and not numbers; save it as one numeric array")
    return array


def _chosen(path: Path, name: str | None, shapes: Mapping[str, Any]) -> str:
    """Return the name of the array to read: the named one, or the only one."""
    listed = ", ".join(f"{each} {shape}" for each, shape in shapes.items()) or "no array"
    if name is None and len(shapes) == 1:
        return next(iter(shapes))
    if name is None:
        raise InputError(f"{path} holds {listed}; choose one as {path}:NAME")
    if name not in shapes:
        raise InputError(f"{path} has no {name!r}; it holds {listed}")
    return name


def _npy(path: Path, name: str | None) -> Array:
    if name is not None:
        raise InputError(f"{path} holds one array without a name; leave {name!r} out")
    return np.array(np.lib.format.open_memmap(path, mode="r"))  # checks the size before any memory is taken


def _npz(path: Path, name: str | None) -> Array:
    with zipfile.ZipFile(path) as archive:
        refuse_size(str(path), sum(member.file_size for member in archive.infolist()))
    with np.load(path, allow_pickle=False) as archive:
        chosen: ndarray = archive[_chosen(path, name, dict.fromkeys(archive.files, "(array)"))]
        return chosen


def _mat(path: Path, name: str | None) -> Array:
    import h5py
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError
    from scipy.sparse import issparse

    if h5py.is_hdf5(path):
        with open_hdf5(path, name) as dataset:
            refuse_size(f"{path}: {dataset.name}", dataset.size * dataset.dtype.itemsize)
            stored: ndarray = dataset[()]
            return stored.T  # HDF5 holds MATLAB's columns as rows
    try:
        headers = {each: (shape, kind) for each, shape, kind in whosmat(path)}
        chosen = _chosen(path, name, {each: shape for each, (shape, _) in headers.items()})
        shape, kind = headers[chosen]
        refuse_size(f"{path}: {chosen}", math.prod(shape) * _ITEM_BYTES.get(kind, 8))
        array = loadmat(path, variable_names=[chosen])[chosen]
    except MatReadError as fault:
        raise InputError(f"{path} is no MATLAB file: {fault}") from None
    return np.asarray(array.toarray() if issparse(array) else array)


@contextmanager
def open_hdf5(path: Path, name: str | None = None) -> Iterator[Any]:
    """Open a MATLAB file of version 7.3, which is HDF5, and yield one of its arrays as an h5py dataset.

    Raises:
        InputError: where the file holds no such array of numbers, or the array lies in another file.

    """
    import h5py

    with h5py.File(path, "r") as file:
        names = [each for each in file if isinstance(file.get(each, getlink=True), h5py.HardLink)]
        shapes = {each: file[each].shape[::-1] for each in names if isinstance(file[each], h5py.Dataset)}
        dataset = file[_chosen(path, name, shapes)]
        if dataset.external or dataset.is_virtual:
            raise InputError(f"{path}: {dataset.name} lies in another file, and no such link is followed")
        if dataset.dtype.kind == "O":
            raise InputError(f"{path}: {dataset.name} is a cell array or a text and not numbers")
        yield dataset


#: Bytes of an entry by MATLAB's class; of all others, 8. A sparse matrix is read as a dense one.
_ITEM_BYTES = {"int8": 1, "uint8": 1, "logical": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "single": 4}
_READERS = {".npy": _npy, ".npz": _npz, ".mat": _mat}
