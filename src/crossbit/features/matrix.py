"""Operations on feature matrices, dense or CSR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ..data.pairs import Array


def dense(x: Array) -> Float[ndarray, "n d"]:
    """Return the rows as a numpy array."""
    return x if isinstance(x, ndarray) else x.toarray()


def stacked(parts: Sequence[Array]) -> Array:
    """Return the rows of all parts, in order."""
    if isinstance(parts[0], ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")


def finite(x: Array) -> Bool[ndarray, "n"]:
    """Return for each row whether all its numbers are finite."""
    if isinstance(x, ndarray):
        return np.asarray(np.isfinite(x).all(axis=1))
    wrong = np.flatnonzero(~np.isfinite(x.data))
    fine = np.ones(x.shape[0], bool)
    fine[np.searchsorted(x.indptr, wrong, side="right") - 1] = False
    return fine
