"""The steps that may follow an extractor, fitted on the training rows: `pcaN`, `l2`, `centre`, `standard`.

Each is a frozen value; `fit` returns another. A row's result is the same bytes alone or among others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import iadd
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from ..data.rows import Array, is_sparse, shares
from ..errors import InputError
from .matrix import column_means, dense


def _nothing() -> Float32[ndarray, "..."]:
    return np.empty(0, np.float32)


@final
@dataclass(frozen=True, eq=False)
class L2:
    """Divides each row by its Euclidean length; a row of zeros stays as it is."""

    def fit(self, x: Array) -> L2:
        """Return the step itself, which learns nothing."""
        return self

    def __call__(self, x: Array) -> Array:
        """Return the rows at unit length; CSR stays CSR."""
        if not is_sparse(x):
            length = np.sqrt(np.square(x).sum(axis=1, keepdims=True))
            return x / np.where(length > 0, length, 1)
        length = np.sqrt(np.asarray(x.multiply(x).sum(axis=1), np.float32)).reshape(-1, 1)
        return x.multiply(1 / np.where(length > 0, length, 1)).tocsr()


@final
@dataclass(frozen=True, eq=False)
class Centre:
    """Subtracts the mean of the training rows; sparse rows become dense."""

    mean: Float32[ndarray, "..."] = field(default_factory=_nothing)

    def fit(self, x: Array) -> Centre:
        """Return the step with the mean of the rows."""
        return Centre(column_means(x).astype(np.float32))

    def __call__(self, x: Array) -> Array:
        """Return the rows minus the mean."""
        return dense(x) - self.mean


@final
@dataclass(frozen=True, eq=False)
class Standard:
    """Subtracts the mean of the training rows and divides by their deviation; a constant column is only centred."""

    mean: Float32[ndarray, "..."] = field(default_factory=_nothing)
    deviation: Float32[ndarray, "..."] = field(default_factory=_nothing)

    def fit(self, x: Array) -> Standard:
        """Return the step with the mean and the standard deviation of each column."""
        mean = column_means(x)
        deviation = np.sqrt(reduce(iadd, (np.square(dense(b) - mean).mean(axis=0) * share for b, share in shares(x))))
        deviation[deviation <= 1e-6 * np.abs(mean)] = 1  # what rounding leaves of a constant
        return Standard(mean.astype(np.float32), deviation.astype(np.float32))

    def __call__(self, x: Array) -> Array:
        """Return the rows in standard units; sparse rows become dense."""
        return (dense(x) - self.mean) / self.deviation


@final
@dataclass(frozen=True, eq=False)
class Pca:
    """Keeps the `width` directions of largest variance of the training rows.

    The sign of each direction makes its entry of largest magnitude positive, so that fits are reproducible.
    """

    width: int
    mean: Float32[ndarray, "..."] = field(default_factory=_nothing)
    axes: Float32[ndarray, "..."] = field(default_factory=_nothing)

    def fit(self, x: Array) -> Pca:
        """Return the step with the principal axes of the rows, from the smaller of covariance and Gram matrix."""
        n, d = x.shape
        if self.width > min(n - 1, d):
            raise InputError(
                f"pca{self.width} needs more than {self.width} training rows of at least {self.width} columns,"
                f" but there are {n} rows of {d}; choose a smaller width"
            )
        mean = column_means(x)
        axes = _principal_axes(x, mean, self.width)
        axes *= np.sign(axes[np.arange(self.width), np.abs(axes).argmax(axis=1)])[:, None]
        return replace(self, mean=mean.astype(np.float32), axes=np.ascontiguousarray(axes, np.float32))

    def __call__(self, x: Array) -> Array:
        """Return the coordinates of the rows, one product per row, so that no row depends on its neighbours."""
        projected = np.empty((x.shape[0], self.width), np.float32)
        for row in range(x.shape[0]):
            projected[row] = self.axes @ (dense(x[row : row + 1])[0] - self.mean)
        return projected


Step: TypeAlias = L2 | Centre | Standard | Pca
#: The steps that a name alone stands for; `pcaN` brings a number.
STEPS: Mapping[str, type[L2 | Centre | Standard]] = {"l2": L2, "centre": Centre, "standard": Standard}


def parse_step(text: str, where: str) -> Step:
    """Return the unfitted step called `text`; `where` is the spec it stands in.

    >>> parse_step("pca64", "onnx|pca64").width
    64
    """
    name = text.strip()
    if match := re.fullmatch(r"pca([1-9]\d{0,5})", name):
        return Pca(int(match[1]))
    if name not in STEPS:
        *most, last = ("pcaN", *STEPS)
        raise InputError(
            f"{where}: there is no step {name!r}; after the extractor may follow {', '.join(most)} or {last}"
        )
    return STEPS[name]()


def _principal_axes(x: Array, mean: Float[ndarray, "d"], width: int) -> Float[ndarray, "width d"]:
    from scipy.linalg import eigh

    n, d = x.shape
    centred = (dense(block).astype(np.float64) - mean for block, _ in shares(x))
    rows = np.concatenate([*centred]) if n < d else np.empty((0, d))
    square = rows @ rows.T if n < d else reduce(iadd, (block.T @ block for block in centred))
    side = len(square)
    vectors = eigh(square, subset_by_index=(side - width, side - 1))[1][:, ::-1].T
    axes = vectors @ rows if n < d else vectors
    length: Float[ndarray, "width 1"] = np.linalg.norm(axes, axis=1, keepdims=True)
    return np.asarray(axes / np.maximum(length, np.finfo(np.float64).tiny))
