"""Rows of matrices that need not fit into memory: selected without a copy, read and worked through in blocks.

What is read at once follows from shapes alone, so that a file gives the same bytes as an array in memory.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Int, Shaped
from numpy import ndarray

#: A numpy array, `Rows` of one, or a SciPy CSR array; only its first axis, the items, is ours.
Array: TypeAlias = Any
#: Row numbers, a mask or a slice.
Chosen: TypeAlias = slice | Shaped[ndarray, "m"]

#: The bytes up to which selected rows are copied; more stay where they lie.
COPIED = 2**26
#: The numbers up to which a matrix is worked on as a whole, and those of a block of a larger one.
WHOLE, BLOCK = 2**25, 2**22


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a dense matrix in memory or in a file, read when they are asked for, each through some functions.

    A function maps `m` rows to `m` rows, none of which depends on its neighbours. Indexing reads, as does
    `np.asarray`, which reads everything. The matrix is not copied, and so must not change.
    """

    matrix: Shaped[ndarray, "_ *item"]
    at: Int[ndarray, "n"]
    through: tuple[Callable[[Any], Any], ...] = ()
    _first: Shaped[ndarray, "_ *item"] = field(init=False)

    def __post_init__(self) -> None:
        """Look at one row, which gives the shape and the type of all."""
        object.__setattr__(self, "_first", self._read(np.arange(min(1, len(self.matrix)))))

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and the shape of one."""
        return (len(self.at), *self._first.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._first.ndim

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers as they are read."""
        return self._first.dtype

    @property
    def nbytes(self) -> int:
        """The bytes of all rows in memory, were they read."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.at)

    def __getitem__(self, rows: Any) -> ndarray:
        """Return some rows, or one, read."""
        at = self.at[rows]
        return self._read(at) if at.ndim else self._read(at[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        """Return all rows, read."""
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def select(self, rows: Chosen) -> Rows:
        """Return some rows, unread."""
        return Rows(self.matrix, self.at[rows], self.through)

    def then(self, function: Callable[[Any], Any]) -> Rows:
        """Return the rows through one more function."""
        return Rows(self.matrix, self.at, (*self.through, function))

    def _read(self, at: Int[ndarray, "m"]) -> ndarray:
        found = np.asarray(self.matrix[at])
        _release(self.matrix)
        for function in self.through:
            found = function(found)
        return found


def is_sparse(x: Array) -> bool:
    """Return whether an array is CSR."""
    return hasattr(x, "indptr")


def select(x: Array, rows: Chosen) -> Array:
    """Return some rows of an array: a copy where they are few, else `Rows`; CSR and views of slices as ever."""
    if not isinstance(x, Rows | ndarray) or (isinstance(x, ndarray) and isinstance(rows, slice)):
        return x[rows]
    chosen = x.select(rows) if isinstance(x, Rows) else Rows(x, np.arange(len(x))[rows])
    return chosen if chosen.nbytes > COPIED else chosen[:]


def unread(x: Array) -> Array:
    """Return an array as it is, but a large one that lies in a file as `Rows` of it."""
    return Rows(x, np.arange(len(x))) if isinstance(x, np.memmap) and x.nbytes > COPIED else x


def mapped(x: Array, function: Callable[[Any], Any], most: int = 0) -> Array:
    """Return an array through a function of rows: computed, or for later where it has more than `most` bytes."""
    if not isinstance(x, Rows):
        return function(x)
    later = x.then(function)
    if later.nbytes > max(most, COPIED):
        return later
    out = np.empty(later.shape, later.dtype)
    for start, block in blocks(later):
        out[start : start + len(block)] = block
    return out


def rows_of_block(x: Array) -> int:
    """Return how many rows are worked on together: all that hold no more than `WHOLE` numbers, zeros included."""
    n, width = x.shape[0], max(1, int(np.prod(x.shape[1:])))
    return max(1, n if n * width <= WHOLE else BLOCK // width)


def blocks(x: Array) -> Iterator[tuple[int, Array]]:
    """Yield the rows of an array in order, as numpy or CSR arrays with the number of the first; at least one block."""
    size = rows_of_block(x)
    for start in range(0, max(1, x.shape[0]), size):
        yield start, x[start : start + size] if size < x.shape[0] or isinstance(x, Rows) else x


def shares(x: Array) -> Iterator[tuple[Array, float]]:
    """Yield the rows in blocks, each with its share of all rows."""
    for _, block in blocks(x):
        yield block, block.shape[0] / x.shape[0]


def _release(matrix: ndarray) -> None:
    """Tell the system that the pages of a matrix in a file need not stay in memory; it would keep all that was read."""
    base: Any = matrix
    while isinstance(base, ndarray):
        if isinstance(base, np.memmap) and base.mode == "c":
            return  # what was changed is in memory alone
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
