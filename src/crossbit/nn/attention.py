"""Hard attention: a binary mask over the positions of a feature map, or over the dimensions of a vector."""

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

    The code compares the exponentials with their mean, which is equivalent, and exact where all scores are equal: then
    all of `Z` is 1. This is the straight-through estimator of binarised networks: `dZ/dP` counts as the identity.
    """

    @staticmethod
    def forward(ctx: Any, scores: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return the mask."""
        e = torch.exp(scores - scores.amax(1, keepdim=True))
        ctx.save_for_backward(e / e.sum(1, keepdim=True))
        return (e >= e.mean(1, keepdim=True)).to(scores.dtype)

    @staticmethod
    def backward(ctx: Any, *gradient: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return the gradient of the softmax for a gradient at `P`."""
        P: Tensor = ctx.saved_tensors[0]
        g = gradient[0]
        return P * (g - (P * g).sum(1, keepdim=True))


@final
class Attention(nn.Module):
    """Scores the positions of a map, or the dimensions of a vector; the mask is 1 above the average and 0 elsewhere."""

    def __init__(self, width: int, over: Axis) -> None:
        super().__init__()
        self.width, self.over = width, over
        self.score = nn.Conv2d(width, 1, 1) if over == "places" else nn.Linear(width, width)

    def forward(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, "n one_or_width *place"]:
        """Return the mask: a number per position or per dimension."""
        M: Tensor = self.score(f)
        Z: Tensor = AboveAverage.apply(M.flatten(1))
        return Z.reshape(M.shape)

    def evenness(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, ""]:
        """Return the normalised entropy of the softmax of the scores: 1 where all are equal."""
        log_P: Tensor = self.score(f).flatten(1).log_softmax(1)
        return -(log_P.exp() * log_P).sum(1).mean() / math.log(log_P.shape[1])


@final
class Attended(nn.Module):
    """Multiplies features by the mask of an attention."""

    def __init__(self, by: Attention) -> None:
        super().__init__()
        self.by = by

    def forward(self, f: Float[Tensor, "n width *place"]) -> Float[Tensor, "n width *place"]:
        """Return the attended features."""
        Z: Tensor = self.by(f)
        return Z * f
