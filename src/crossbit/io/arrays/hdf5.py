"""HDF5 and MATLAB files of version 7.3: arrays, structs as groups, cell arrays, texts, sparse matrices.

No link is followed, inside the file or out of it, and no array that lies in another file is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy import ndarray

from ...errors import InputError
from .stored import (
    BLOCK,
    DEEPEST,
    LINK,
    MOST,
    SPOOLED,
    Array,
    Stored,
    checked_csr,
    chosen,
    refuse_shape,
    refuse_size,
    spooled,
)


def hdf5_arrays(path: Path) -> list[Stored]:
    """Return every array of an HDF5 file; in one of MATLAB, rows and columns are as in MATLAB."""
    with h5py.File(path, "r") as file:
        return _listed(path, file)


@contextmanager
def open_hdf5(path: Path, name: str | None = None) -> Iterator[Any]:
    """Open an HDF5 file and yield one of its arrays of numbers as an h5py dataset, stored as it is.

    Raises:
        InputError: where the file holds no such array of numbers, or the array lies in another file.

    """
    with h5py.File(path, "r") as file:
        found = chosen(path, name, _listed(path, file))
        if found.kind == LINK:
            found.read()  # which refuses it
        if found.kind in ("cell", "text", "sparse"):
            raise InputError(f"{path}: {found.name} is a {found.kind} array and not numbers")
        yield _own(path, file[found.name.replace(".", "/") if found.name not in file else found.name])


def _listed(path: Path, file: Any) -> list[Stored]:
    found = list(islice(_found(path, file, _by_matlab(path, file), ""), MOST + 1))
    if len(found) > MOST:
        raise InputError(f"{path} holds more than {MOST:,} arrays")
    return found


def _by_matlab(path: Path, file: Any) -> bool:
    """Return whether the file's arrays have their axes reversed, as MATLAB writes them."""
    if path.suffix.lower() == ".mat":
        return True
    return any("MATLAB_class" in node.attrs for _, node in _members(file))


def _members(group: Any) -> Iterator[tuple[str, Any]]:
    for name in group:
        if name not in ("#refs#", "#subsystem#") and isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield name, group[name]


def _found(path: Path, group: Any, matlab: bool, above: str, deep: int = 0) -> Iterator[Stored]:
    if deep > DEEPEST:
        raise InputError(f"{path}: {above} lies more than {DEEPEST} groups deep")
    for name, node in _members(group):
        yield from _found_in(path, node, matlab, f"{above}.{name}" if above else name, deep)
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            where = f"{above}.{name}" if above else name
            yield Stored(where, (), LINK, partial(_refuse_link, f"{path}: {where}", link))


def _refuse_link(what: str, link: Any) -> Any:
    to = f"{link.filename}:{link.path}" if isinstance(link, h5py.ExternalLink) else link.path
    raise InputError(f"{what} is a link to {to!r}, and no link is followed; name the array itself")


def _found_in(path: Path, node: Any, matlab: bool, name: str, deep: int) -> Iterator[Stored]:
    if isinstance(node, h5py.Group) and "MATLAB_sparse" not in node.attrs:
        yield from _found(path, node, matlab, name, deep + 1)
    elif isinstance(node, h5py.Group | h5py.Dataset):
        shape, kind = _described(node, matlab)
        yield Stored(name, shape, kind, partial(_read_from, path, node.name, matlab))


def _described(node: Any, matlab: bool) -> tuple[tuple[int, ...], str]:
    if isinstance(node, h5py.Group):
        ends = node.get("jc")
        return (int(node.attrs["MATLAB_sparse"]), 0 if ends is None else len(ends) - 1), "sparse"
    if node.attrs.get("MATLAB_empty", 0) and node.ndim == 1 and node.size <= 8:
        return tuple(int(size) for size in node[()]), _kind(node)
    return (node.shape or ())[:: -1 if matlab else 1], _kind(node)


def _kind(node: Any) -> str:
    if node.attrs.get("MATLAB_class", b"") == b"char" or h5py.check_string_dtype(node.dtype):
        return "text"
    if node.dtype.kind == "O":
        return "cell"
    if _is_logical(node):
        return "bool"
    return str(node.dtype)


def _is_logical(node: Any) -> bool:
    """Return whether MATLAB calls numbers logical; it keeps them as bytes."""
    return bool(node.attrs.get("MATLAB_class", b"") == b"logical")


def _read_from(path: Path, place: str, matlab: bool) -> Any:
    with h5py.File(path, "r") as file:
        return _value(path, file, file[place], matlab, 0)


def _value(path: Path, file: Any, node: Any, matlab: bool, deep: int) -> Any:
    if isinstance(node, h5py.Group) and "MATLAB_sparse" in node.attrs:
        return _sparse(path, node)
    if not isinstance(node, h5py.Dataset) or deep > DEEPEST:
        raise InputError(f"{path}: {node.name} is a struct in a cell array, or lies too deep; save its fields apart")
    _own(path, node)
    if node.shape is None:
        raise InputError(f"{path}: {node.name.lstrip('/')} is empty: an array without a shape or numbers")
    shape, kind = _described(node, matlab)
    if kind == "text":
        return _text(path, node, matlab)
    if kind == "cell":
        return _cells(path, file, node, matlab, deep)
    if math.prod(shape) == 0:
        return np.empty(shape, bool if kind == "bool" else node.dtype)
    numbers = _numbers(path, node, matlab)
    return numbers != 0 if _is_logical(node) else numbers


def _own(path: Path, node: Any) -> Any:
    if node.external or node.is_virtual:
        raise InputError(f"{path}: {node.name} lies in another file, and no such link is followed")
    return node


def _numbers(path: Path, node: Any, matlab: bool) -> Array:
    size = refuse_shape(f"{path}: {node.name.lstrip('/')}", node.shape, node.dtype.itemsize)
    if size < SPOOLED or node.ndim != 2:
        stored: ndarray = node[()]
        return stored.T if matlab else stored
    rows, axis = (node.shape[1], 1) if matlab else (node.shape[0], 0)
    step = max(BLOCK // max(size // rows, 1), 1)
    if node.chunks:
        step = max(step // node.chunks[axis], 1) * node.chunks[axis]
    starts = range(0, rows, step)
    blocks = (node[:, a : a + step].T if matlab else node[a : a + step] for a in starts)
    return spooled(node.shape[::-1] if matlab else node.shape, node.dtype, blocks)


def _text(path: Path, node: Any, matlab: bool) -> Any:
    refuse_shape(f"{path}: {node.name.lstrip('/')}", node.shape or (), max(node.dtype.itemsize, 8))
    stored = node[()]
    if node.dtype.kind in "ui":  # MATLAB: an array of the units of UTF-16, a text per row
        if node.attrs.get("MATLAB_empty", 0):
            return ""
        rows = np.atleast_2d(stored.T).astype("<u2")
        texts = [row.tobytes().decode("utf-16-le", "replace") for row in rows]
    else:
        texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in np.ravel(stored)]
    if len(texts) == 1 and (matlab or not node.shape):
        return texts[0]
    return _objects([text.rstrip() if matlab else text for text in texts], (len(texts),))


def _cells(path: Path, file: Any, node: Any, matlab: bool, deep: int) -> Array:
    what = f"{path}: {node.name.lstrip('/')}"
    refuse_shape(what, node.shape, 64)
    if h5py.check_ref_dtype(node.dtype) is not h5py.Reference:
        raise InputError(f"{what} holds {node.dtype} and not numbers")
    places = np.ravel(node[()].T if matlab else node[()])
    targets = [file[place] if place else None for place in places]
    refuse_size(what, sum(each.nbytes for each in targets if isinstance(each, h5py.Dataset)))
    values = ["" if each is None else _value(path, file, each, matlab, deep + 1) for each in targets]
    return _objects(values, node.shape[::-1] if matlab else node.shape)


def _objects(values: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(values), object)
    for at, value in enumerate(values):
        array[at] = value
    return array.reshape(shape)


def _sparse(path: Path, group: Any) -> Any:
    """Return a sparse matrix, which MATLAB keeps by columns: `ir` the rows, `jc` where each column ends."""
    from scipy.sparse import csc_array

    what = f"{path}: {group.name.lstrip('/')}"
    rows = int(group.attrs["MATLAB_sparse"])
    parts = {}
    for name in ("data", "ir", "jc"):
        node = group.get(name)
        if node is None and name != "jc":  # of a matrix of zeros, MATLAB keeps the ends alone
            parts[name] = np.empty(0, np.float64 if name == "data" else np.int64)
            continue
        if not isinstance(node, h5py.Dataset) or isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise InputError(f"{what} is sparse, but lacks its part {name}")
        refuse_shape(what, _own(path, node).shape, node.dtype.itemsize)
        parts[name] = node[()].ravel()
    if _is_logical(group):
        parts["data"] = parts["data"] != 0
    matrix = csc_array((parts["data"], parts["ir"], parts["jc"]), (rows, len(parts["jc"]) - 1))
    return checked_csr(matrix, what)
