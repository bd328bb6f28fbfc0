"""Linear algebra of the linear methods: centred views, covariances, leading singular pairs; float64 throughout.

Many features are read and worked through in blocks of rows, so that no more than a block of them is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import svds
from torch import Tensor

from ..data.pairs import MODALITIES, Paired
from ..data.rows import Array, blocks, is_sparse, rows_of_block
from ..errors import InputError
from .layers import Affine
from .similarity import require_finite, require_vectors, sign

#: The deviation, as a share of the mean, below which numbers are a constant that was rounded.
ROUNDING = 1e-6


@final
@dataclass(frozen=True, eq=False)
class Centred:
    """Features minus their mean over the training pairs, and that mean; `name` stands in errors.

    Few features are held as `whole`; of many, a block of `size` rows is read and centred whenever it is needed.
    """

    features: Array
    mean: Float[Tensor, "d"]
    size: int
    whole: Float[Tensor, "n d"] | None
    name: str

    @classmethod
    def of(cls, features: Array, name: str = "training", who: str = "a linear method") -> Centred:
        """Return the centred features; CSR becomes dense.

        Raises:
            InputError: where they are no vectors, are not finite or do not vary, of which `who` learns nothing.

        """
        require_vectors(who[:1].upper() + who[1:], features)
        require_finite(**{name: features})
        n, size = features.shape[0], rows_of_block(features)
        if size >= n:
            X = _double(features[:])
            mean = X.mean(0)
            whole = X - mean
            variance = whole.square().mean(0)
        else:
            sums = ((X.sum(0), X.square().sum(0)) for X in (_double(block) for _, block in blocks(features)))
            total, squares = reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]), sums)
            mean, whole = total / n, None
            variance = squares / n - mean.square()
        if (variance <= (ROUNDING * mean).square()).all():
            raise InputError(
                f"the {name} features do not vary over the {n:,} training items, so {who} has nothing to align; give"
                " items that differ, or take other features of them"
            )
        return cls(features, mean, size, whole, name)

    @property
    def rows(self) -> Float[Tensor, "n d"]:
        """All rows in memory."""
        return self.part(0, self.features.shape[0])

    def part(self, start: int, end: int) -> Float[Tensor, "m d"]:
        """Return some rows, by their numbers."""
        return _double(self.features[start:end]) - self.mean if self.whole is None else self.whole[start:end]

    def parts(self, size: int = 0) -> Iterator[tuple[slice, Float[Tensor, "m d"]]]:
        """Yield all rows in blocks of at most `size`, or of their own, with their numbers."""
        n, size = self.features.shape[0], min(size or self.size, self.size)
        for start in range(0, n, size):
            end = min(start + size, n)
            yield slice(start, end), self.part(start, end)

    def across(self, other: Centred) -> Float[Tensor, "d e"]:
        """Return X^T Y."""
        return _total(
            part.T @ (part if other is self else other.part(rows.start, rows.stop))
            for rows, part in self.parts(other.size)
        )

    def weighted(self, Z: Float[Tensor, "n k"]) -> Float[Tensor, "d k"]:
        """Return X^T Z."""
        return _total(part.T @ Z[rows] for rows, part in self.parts())

    def signed(self, w: Float[Tensor, "d"]) -> Float[Tensor, "d"]:
        """Return X^T sgn(X w)."""
        return _total(part.T @ sign(part @ w) for _, part in self.parts())

    def factor(self, ridge: float = 0.0, relative_ridge: float = 0.0) -> Float[Tensor, "d d"]:
        """Return the lower triangle P with P P^T = X^T X and its ridge, as in `covariance`."""
        P: Tensor
        P, failed = torch.linalg.cholesky_ex(regularised(self.across(self), ridge, relative_ridge))
        if failed:
            n, d = self.features.shape
            raise InputError(
                f"the covariance of the {d:,} columns of {self.name} features over {n:,} training items has no inverse,"
                f" as columns follow from others; ridge={ridge:g} and relative_ridge={relative_ridge:g} are too small"
                " to help: take a larger one"
            )
        return P

    def tower(self, W: Float[Tensor, "d dim"]) -> Affine:
        """Return the projection `W` as a tower for features that are not yet centred."""
        return Affine(W.float(), self.mean.float())


def views(train: Paired, who: str) -> list[Centred]:
    """Return the centred images and texts of training pairs for a method, which errors name."""
    return [Centred.of(train.of(modality), modality, who) for modality in MODALITIES]


def covariance(X: Float[Tensor, "n d"], ridge: float = 0.0, relative_ridge: float = 0.0) -> Float[Tensor, "d d"]:
    """Return X^T X with `ridge`, and `relative_ridge` times its mean diagonal, added to the diagonal."""
    return regularised(X.T @ X, ridge, relative_ridge)


def regularised(C: Float[Tensor, "d d"], ridge: float, relative_ridge: float) -> Float[Tensor, "d d"]:
    """Return X^T X with `ridge`, and `relative_ridge` times its mean diagonal, added to the diagonal."""
    extra = ridge + relative_ridge * float(C.diagonal().mean())
    return C + extra * torch.eye(len(C), dtype=C.dtype)


def leading_singular(C: Float[Tensor, "m n"]) -> tuple[Float[Tensor, "m"], float, Float[Tensor, "n"]]:
    """Return the first singular triple `u, s, v` of a matrix, by Lanczos from a fixed start."""
    small = min(C.shape)
    if small <= 32:
        U, s, Vt = torch.linalg.svd(C, full_matrices=False)
        return U[:, 0], float(s[0]), Vt[0]
    u, values, vt = svds(C.numpy(), k=1, v0=np.ones(small), tol=1e-12)
    return torch.from_numpy(u[:, 0].copy()), float(values[0]), torch.from_numpy(vt[0].copy())


def _double(rows: Array) -> Float[Tensor, "n d"]:
    dense = rows.toarray() if is_sparse(rows) else np.asarray(rows)
    return torch.from_numpy(dense.astype(np.float64))


def _total(products: Iterator[Tensor]) -> Tensor:
    """Return the sum of products of blocks, in place in the first."""
    return reduce(Tensor.add_, products)
