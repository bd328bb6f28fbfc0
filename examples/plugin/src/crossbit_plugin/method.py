"""Two-step hashing for two modalities, as an example of a method in a package of its own.

G. Lin, C. Shen, D. Suter and A. van den Hengel, "A General Two-Step Approach to Learning-Based Hashing", ICCV 2013.

Step 1 finds codes for the training pairs; step 2 fits a hash function of each modality to them. The paper's steps are
binary programs and support vector machines; here they are the simplest that work: principal directions of both views
side by side, and ridge regression.

    step 1    B = sign(PCA([X Y]))               codes of the training pairs
    step 2    min_W |X W - B|^2 + lambda |W|^2   and the same for Y
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import nn

from crossbit import DualEncoder, Method, Source
from crossbit.data.pairs import Paired
from crossbit.nn.linear import Centred, covariance
from crossbit.training.run import PLAIN, Training

from .layer import Squash


@final
@dataclass(frozen=True)
class TwoStep(Method):
    """Codes by principal directions of both views, hash functions by ridge regression."""

    source: ClassVar = Source(
        "A General Two-Step Approach to Learning-Based Hashing",
        "Lin, Shen, Suter and van den Hengel",
        "ICCV",
        2013,
        "https://doi.org/10.1109/ICCV.2013.317",
    )
    supervised: ClassVar = False

    ridge: float = 0.1  # ours: lambda, as a share of the mean variance
    slope: float = 2.0  # ours: how sharply the towers squash; signs do not depend on it

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return affine towers whose signs are near the codes of step 1; nothing in it is random."""
        X, Y = Centred.of(train.image), Centred.of(train.text)
        both = torch.cat([X.rows / X.rows.norm(), Y.rows / Y.rows.norm()], dim=1)
        U, s, _ = torch.linalg.svd(both, full_matrices=False)
        kept = min(dim, int((s > 1e-9 * s[0]).sum()))
        B = torch.where(U[:, :kept] < 0, -1.0, 1.0).double()

        towers = []
        for view in (X, Y):
            W = torch.linalg.solve(covariance(view.rows, relative_ridge=self.ridge), view.rows.T @ B)
            towers.append(nn.Sequential(view.tower(W), Squash(self.slope)))
        return DualEncoder(*towers, "hamming", kept)
