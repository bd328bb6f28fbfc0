"""Attention that is all or nothing: a mask over the places of a map, or over the dimensions of a vector."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

Axis: TypeAlias = Literal["places", "dimensions"]


@final
class AboveAverage(torch.autograd.Function):
    """`Z = 1 where P >= 1 / d` for the softmax `P` of `d` scores, else 0; its gradient is passed straight to `P`.

    Compared are the exponentials and their mean, which is the same, and exact where all scores are equal: then all
    of `Z` is 1. Straight through is the estimator of binarised networks: `dZ/dP` is taken for the identity.
    """

    @staticmethod
    def forward(ctx: Any, scores: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return the mask."""
        e = torch.exp(scores - scores.amax(1, keepdim=True))
        ctx.save_for_backward(e / e.sum(1, keepdim=True))
        return (e >= e.mean(1, keepdim=True)).to(scores.dtype)

    @staticmethod
    def backward(ctx: Any, *gradient: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return what the softmax gives back for a gradient at `P`."""
        P: Tensor = ctx.saved_tensors[0]
        g = gradient[0]
        return P * (g - (P * g).sum(1, keepdim=True))


@final
class Attention(nn.Module):
    """Scores the places of a map, or the dimensions of a vector, and gives 1 to those above average, 0 to the rest."""

    def __init__(self, width: int, over: Axis) -> None:
        super().__init__()
        self.width, self.over = width, over
        self.score = nn.Conv2d(width, 1, 1) if over == "places" else nn.Linear(width, width)

    def forward(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, "n one_or_width *place"]:
        """Return the mask: a number per place, or one per dimension."""
        M: Tensor = self.score(f)
        Z: Tensor = AboveAverage.apply(M.flatten(1))
        return Z.reshape(M.shape)

    def evenness(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, ""]:
        """Return the mean entropy of the softmax of the scores as a share of the highest: 1 where all are equal."""
        log_P: Tensor = self.score(f).flatten(1).log_softmax(1)
        return -(log_P.exp() * log_P).sum(1).mean() / math.log(log_P.shape[1])


@final
class Attended(nn.Module):
    """Keeps the features that an attention gives 1 to; the others become 0."""

    def __init__(self, by: Attention) -> None:
        super().__init__()
        self.by = by

    def forward(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, "n width *place"]:
        """Return the attended features."""
        Z: Tensor = self.by(f)
        return Z * f
