"""Matrices as the field keeps them: MATLAB files of both kinds, indicator matrices, feature archives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from scipy.io import loadmat
from scipy.sparse import csr_array, issparse

from ..data import Array
from ..errors import InputError
from .files import Lazy


def read_mat(path: Path, key: str) -> Any:
    """Return a variable of a MATLAB file of version 5 or 7.3, indexed as MATLAB does."""
    try:
        if h5py.is_hdf5(path):  # version 7.3 holds every array with its axes reversed
            with h5py.File(path) as file:
                return file[key][()].T
        value = loadmat(path, variable_names=[key])[key]
    except (KeyError, ValueError, TypeError, OSError, NotImplementedError) as fault:
        raise InputError(f"{path} holds no matrix {key!r} that can be read: {fault}") from None
    return value.toarray() if issparse(value) else value


def read_matrix(path: Path, key: str, columns: int) -> Shaped[ndarray, "n columns"]:
    """Return a matrix of a MATLAB file with one row per item, whether it is stored so or transposed."""
    matrix = read_mat(path, key)
    if columns not in matrix.shape or matrix.ndim != 2:
        raise InputError(f"{path}: {key} must have {columns} columns, but its shape is {matrix.shape}")
    rows: Shaped[ndarray, "n columns"] = matrix if matrix.shape[1] == columns else matrix.T
    finite(rows, f"{path}: {key}")
    return rows


def read_names(path: Path, key: str) -> tuple[str, ...]:
    """Return a cell array of strings of a MATLAB file of version 5."""
    cells = np.ravel(read_mat(path, key))
    if any(np.size(cell) != 1 or np.asarray(cell).dtype.kind != "U" for cell in cells):
        raise InputError(f"{path}: {key} must be a cell array of names")
    return tuple(str(np.ravel(cell)[0]).strip() for cell in cells)


def stacked_images(path: Path, key: str) -> Lazy[UInt8[ndarray, "h w 3"]]:
    """Return the pictures that a MATLAB file of version 7.3 stacks along its last axis, each read on access."""
    if not h5py.is_hdf5(path):
        raise InputError(f"{path} must be a MATLAB file of version 7.3, which is read picture by picture")
    with h5py.File(path) as file:
        shape: tuple[int, ...] = file[key].shape if key in file else ()
    if len(shape) != 4 or shape[1] != 3:
        raise InputError(f"{path}: {key} must be height x width x 3 x items in MATLAB, but its stored shape is {shape}")
    return Lazy(shape[0], partial(_stacked_image, path, key))


def _stacked_image(path: Path, key: str, index: int) -> UInt8[ndarray, "h w 3"]:
    with h5py.File(path) as file:
        return np.ascontiguousarray(file[key][index].T, dtype=np.uint8)


def indicator(rows: Iterable[Iterable[str]], vocabulary: Sequence[str]) -> csr_array:
    """Return which words of the vocabulary each row holds, as 0 and 1; other words are passed over.

    >>> indicator([["b", "x"], ["a", "b"]], ["a", "b"]).toarray()
    array([[0., 1.],
           [1., 1.]], dtype=float32)
    """
    number = {word: column for column, word in enumerate(vocabulary)}
    columns = [sorted({number[word] for word in row if word in number}) for row in rows]
    ends = np.cumsum([0, *map(len, columns)])
    ones = np.ones(ends[-1], np.float32)
    return csr_array((ones, np.concatenate([*columns, []]).astype(np.int32), ends), (len(columns), len(number)))


def read_archive(path: Path, *keys: str) -> dict[str, Shaped[ndarray, "..."]]:
    """Return some arrays of an .npz file; pickled objects in it are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in keys}
    except (KeyError, ValueError, OSError, EOFError) as fault:
        raise InputError(f"{path} does not hold the arrays {', '.join(keys)}: {fault}") from None


def finite(matrix: Array, what: str) -> Array:
    """Return a matrix whose every value is a finite number; others are refused with their place."""
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"{what} must be numbers, but its type is {matrix.dtype}")
    bad = ~np.isfinite(matrix).all(axis=tuple(range(1, matrix.ndim)))
    if bad.any():
        raise InputError(
            f"{what}: {bad.sum()} of {len(matrix)} rows hold NaN or infinity, the first is row {bad.argmax()}"
        )
    return matrix
