"""Matrices in the usual formats of the field: MATLAB files of version 5 and 7.3, and indicator matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from scipy.sparse import csr_array

from ..data.pairs import Array
from ..errors import InputError
from ..io.arrays import open_hdf5, read_named, refuse_size
from ..io.text import LazySequence


def read_matrix(path: Path, key: str, columns: int) -> Shaped[ndarray, "n columns"]:
    """Return a matrix of a MATLAB file with one row per item, whether it is stored so or transposed."""
    matrix = read_named(path, key)
    if columns not in matrix.shape or matrix.ndim != 2:
        raise InputError(f"{path}: {key} must have {columns} columns, but its shape is {matrix.shape}")
    rows: Shaped[ndarray, "n columns"] = matrix if matrix.shape[1] == columns else matrix.T
    finite(rows, f"{path}: {key}")
    return rows


def read_names(path: Path, key: str) -> tuple[str, ...]:
    """Return a cell array of strings of a MATLAB file of version 5."""
    cells = np.ravel(read_named(path, key))
    if any(np.size(cell) != 1 or np.asarray(cell).dtype.kind != "U" for cell in cells):
        raise InputError(f"{path}: {key} must be a cell array of names")
    return tuple(str(np.ravel(cell)[0]).strip() for cell in cells)


def stacked_images(path: Path, key: str) -> LazySequence[UInt8[ndarray, "h w 3"]]:
    """Return the pictures that a MATLAB file of version 7.3 stacks along its last axis, each read on access."""
    if not h5py.is_hdf5(path):
        raise InputError(f"{path} must be a MATLAB file of version 7.3, which is read picture by picture")
    with open_hdf5(path, key) as stored:
        shape: tuple[int, ...] = stored.shape
        refuse_size(f"{path}: a picture of {key}", math.prod(shape[1:]) * stored.dtype.itemsize)
    if len(shape) != 4 or shape[1] != 3:
        raise InputError(f"{path}: {key} must be height x width x 3 x items in MATLAB, but its stored shape is {shape}")
    return LazySequence(shape[0], partial(_stacked_image, path, key))


def _stacked_image(path: Path, key: str, index: int) -> UInt8[ndarray, "h w 3"]:
    with open_hdf5(path, key) as stored:
        return np.ascontiguousarray(stored[index].T, dtype=np.uint8)


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
