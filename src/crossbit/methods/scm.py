r"""Semantic Correlation Maximization, sequential (SCM-Seq).

D. Zhang and W.-J. Li, "Large-Scale Supervised Multimodal Hashing with Semantic Correlation Maximization",
AAAI 2014.

Linear hash functions whose codes reproduce the cosine similarity of the label vectors, found without ever
forming that n-by-n matrix. Bits are learned one after another, each from what the bits before it left unexplained:

    maximise  w_x^T X^T R_t Y w_y  at unit variance,   R_0 = bits S~,   R_t+1 = R_t - sgn(X w_x) sgn(Y w_y)^T

    paper       here        shape       meaning
    X, Y        X, Y        n d         centred features of the two modalities
    L~          L           n c         label vectors of unit length
    S~          (never)     n n         2 L~ L~^T - 1 1^T, the target similarity
    C_xy        C           dx dy       X^T R_t Y, deflated bit by bit
    w_x, w_y    wx, wy      d           the projections of one bit
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.linear import leading_singular, views
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class SCM(Method):
    """Semantic Correlation Maximization, sequential."""

    source: ClassVar = Source(
        "Large-Scale Supervised Multimodal Hashing with Semantic Correlation Maximization",
        "Zhang and Li",
        "AAAI",
        2014,
        "https://ojs.aaai.org/index.php/AAAI/article/view/8995",
    )
    supervised: ClassVar = True

    ridge: float = 0.0  # ours: added to the covariances' diagonals, so that they can be inverted
    relative_ridge: float = 0.01  # ours: the same, as a share of their mean; fits wide and collinear features too

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return affine towers whose `dim` signs are learned bit by bit; nothing in it is random."""
        X, Y = views(train, "SCM")
        L = normalize(torch.from_numpy(train.known_labels).double())

        Px, Py = (view.factor(self.ridge, self.relative_ridge) for view in (X, Y))
        C = 2 * X.weighted(L) @ Y.weighted(L).T  # X^T S~ Y; X^T 1 = 0, so the -1 1^T of S~ vanishes
        C = dim * C

        Wx, Wy = [], []
        for bit in range(dim):
            wx, wy, correlation = leading_pair(Px, C, Py)
            C = C - torch.outer(X.signed(wx), Y.signed(wy))  # what it explained
            Wx.append(wx)
            Wy.append(wy)
            training.log(bit + 1, dim, {"correlation": correlation})
        return DualEncoder(X.tower(torch.stack(Wx, 1)), Y.tower(torch.stack(Wy, 1)), "hamming", dim, training.device)


def leading_pair(P: Tensor, C: Tensor, Q: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return the w_x, w_y that maximise w_x^T C w_y at unit variance, and that maximum.

    With Cxx = P P^T and Cyy = Q Q^T this is the first singular pair of P^-1 C Q^-T.
    """
    whitened = torch.linalg.solve_triangular(P, C, upper=False)
    whitened = torch.linalg.solve_triangular(Q, whitened.T, upper=False).T
    u, s, v = leading_singular(whitened)
    wx = torch.linalg.solve_triangular(P.T, u[:, None], upper=True)[:, 0]
    wy = torch.linalg.solve_triangular(Q.T, v[:, None], upper=True)[:, 0]
    return wx, wy, s
