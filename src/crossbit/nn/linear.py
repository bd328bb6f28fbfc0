"""Linear algebra of the linear methods: centred views, covariances, leading singular pairs; float64 throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import svds
from torch import Tensor

from ..data.pairs import Array
from .layers import Affine
from .similarity import require_vectors


@final
@dataclass(frozen=True, eq=False)
class Centred:
    """Features minus their mean over the training pairs, and that mean."""

    rows: Float[Tensor, "n d"]
    mean: Float[Tensor, "d"]

    @classmethod
    def of(cls, features: Array) -> Centred:
        """Return the centred features; CSR becomes dense."""
        require_vectors("A linear method", features)
        dense = features if isinstance(features, np.ndarray) else features.toarray()
        X = torch.from_numpy(dense.astype(np.float64))
        mean = X.mean(0)
        return cls(X - mean, mean)

    def tower(self, W: Float[Tensor, "d dim"]) -> Affine:
        """Return the projection `W` as a tower for features that are not yet centred."""
        return Affine(W.float(), self.mean.float())


def covariance(X: Float[Tensor, "n d"], ridge: float = 0.0, relative_ridge: float = 0.0) -> Float[Tensor, "d d"]:
    """Return X^T X with `ridge`, and `relative_ridge` times its mean diagonal, added to the diagonal."""
    C = X.T @ X
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
