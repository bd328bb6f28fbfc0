"""Operations on feature matrices, dense or CSR."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import iadd

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ..data.rows import Array, blocks, is_sparse, shares


def as_float32(x: Array) -> Array:
    """Return a copy of rows in float32."""
    return x.astype(np.float32)


def dense(x: Array) -> Float[ndarray, "n d"]:
    """Return the rows as a numpy array."""
    return x.toarray() if is_sparse(x) else np.asarray(x)


def column_means(x: Array) -> Float[ndarray, "d"]:
    """Return the mean of each column in float64."""
    means = ((block.mean(axis=0, dtype=np.float64), share) for block, share in shares(x))
    return reduce(iadd, (np.asarray(mean).reshape(-1) * share for mean, share in means))


def stacked(parts: Sequence[Array]) -> Array:
    """Return the rows of all parts, in order."""
    if not is_sparse(parts[0]):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")


def finite(x: Array) -> Bool[ndarray, "n"]:
    """Return for each row whether all its numbers are finite."""
    if not is_sparse(x):
        return np.concatenate([np.isfinite(block).all(axis=1) for _, block in blocks(x)])
    wrong = np.flatnonzero(~np.isfinite(x.data))
    fine = np.ones(x.shape[0], bool)
    fine[np.searchsorted(x.indptr, wrong, side="right") - 1] = False
    return fine
