r"""Canonical Correlation Analysis (CCA).

H. Hotelling, "Relations Between Two Sets of Variates", Biometrika 1936.

The most correlated linear projections of two views: the simplest learned common space and, followed by signs or ITQ,
the baseline that every hashing table should contain.

    maximise  w_x^T C_xy w_y   at   w_x^T C_xx w_x = w_y^T C_yy w_y = 1

    paper       here        shape       meaning
    x, y        X, Y        n d         centred features of the two modalities
    C_xy        Cxy         dx dy       X^T Y
    rho         rho         dim         canonical correlations, the singular values of C_xx^-1/2 C_xy C_yy^-1/2

Both views have at most `min(dx, dy)` canonical pairs, so the space may have fewer than `dim` dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.linear import views
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class CCA(Method):
    """Canonical Correlation Analysis, regularised."""

    source: ClassVar = Source(
        "Relations Between Two Sets of Variates",
        "Hotelling",
        "Biometrika",
        1936,
        "https://doi.org/10.1093/biomet/28.3-4.321",
    )
    supervised: ClassVar = False

    ridge: float = 1.0  # ours: added to the covariances' diagonals, as a share of their mean variance
    power: float = 1.0  # ours: dimensions are scaled by rho^power, so that cosines trust the correlated ones

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return affine towers into the leading `min(dim, dx, dy)` canonical variates; nothing in it is random."""
        X, Y = views(train, "CCA")
        P, Q = (view.factor(relative_ridge=self.ridge) for view in (X, Y))

        whitened = torch.linalg.solve_triangular(P, X.across(Y), upper=False)
        whitened = torch.linalg.solve_triangular(Q, whitened.T, upper=False).T
        U, rho, Vt = torch.linalg.svd(whitened, full_matrices=False)
        dim = min(dim, len(rho))
        training.log(1, 1, {"correlation": float(rho[:dim].mean())})

        scale = rho[:dim] ** self.power
        Wx = torch.linalg.solve_triangular(P.T, U[:, :dim] * scale, upper=True)
        Wy = torch.linalg.solve_triangular(Q.T, Vt[:dim].T * scale, upper=True)
        return DualEncoder(X.tower(Wx), Y.tower(Wy), "cosine", dim, training.device)
