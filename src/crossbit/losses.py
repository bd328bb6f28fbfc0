"""Losses that more than one paper needs, on batches of relaxed codes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss, normalize

from .similarity import cosine


def gram(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"], S: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
    """Return the mean squared error with which the cosines between codes rebuild the target `S`.

    The mean over all entries, as every released code of the DJSRH lineage takes it, not the squared norm.
    """
    return mse_loss(cosine(A, B), S)


def pairing(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"]) -> Float[Tensor, ""]:
    """Return minus the mean cosine between the two codes of a pair; -1 is perfect agreement."""
    return -(normalize(A) * normalize(B)).sum(1).mean()
