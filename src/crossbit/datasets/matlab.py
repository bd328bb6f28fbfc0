"""Matrices in the usual formats of the field: MATLAB files of version 5 and 7.3, and indicator matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from scipy.sparse import csr_array

from ..data.pairs import Array
from ..data.rows import blocks, unread
from ..errors import InputError
from ..io.arrays import open_hdf5, plain_rows, read_named, refuse_size
from ..io.text import LazySequence


def read_matrix(path: Path, key: str, columns: int) -> Array:
    """Return a matrix of a MATLAB file with one row per item, whether it is stored so or transposed; sparse as CSR."""
    matrix = read_named(path, key)
    shape: tuple[int, ...] = getattr(matrix, "shape", ())
    if len(shape) != 2 or columns not in shape:
        raise InputError(f"{path}: {key} must have {columns} columns, but its shape is {shape}")
    rows = matrix if shape[1] == columns else matrix.T
    return finite(rows if isinstance(rows, ndarray) else rows.tocsr(), f"{path}: {key}")


def read_flag_matrix(path: Path, key: str, columns: int) -> Bool[ndarray, "n columns"]:
    """Return such a matrix as flags: whether each number is above 0."""
    flags: ndarray = plain_rows(read_matrix(path, key, columns), f"{path}: {key}") > 0
    return flags


def read_names(path: Path, key: str) -> tuple[str, ...]:
    """Return a cell array of strings of a MATLAB file, or the rows of its array of characters."""
    names = [_name(cell) for cell in np.ravel(np.array(read_named(path, key), object))]
    if any(name is None for name in names):
        raise InputError(f"{path}: {key} must be a cell array of names")
    return tuple(str(name).strip() for name in names)


def _name(cell: Any) -> str | None:
    """Return a text; MATLAB's characters are units of UTF-16, which other programs write without saying so."""
    if isinstance(cell, ndarray) and cell.dtype == np.uint16 and cell.size == max(cell.shape, default=0):
        return cell.astype("<u2").tobytes().decode("utf-16-le", "replace")
    return cell if isinstance(cell, str) else None


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
    """Return a matrix whose every value is a finite number; others are refused with their place, block by block."""
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"{what} must be numbers, but its type is {matrix.dtype}")
    if matrix.dtype.kind == "f":
        bad = ~np.concatenate([_finite_rows(block) for _, block in blocks(unread(matrix))])
        if bad.any():
            raise InputError(
                f"{what}: {bad.sum()} of {len(bad)} rows hold NaN or infinity, the first is row {bad.argmax()}"
            )
    return matrix


def _finite_rows(block: Array) -> Bool[ndarray, "m"]:
    if isinstance(block, ndarray):
        return np.asarray(np.isfinite(block).all(axis=tuple(range(1, block.ndim))))
    wrong = csr_array((~np.isfinite(block.data), block.indices, block.indptr), block.shape)
    return np.asarray(wrong.sum(axis=1) == 0)
