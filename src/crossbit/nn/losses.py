"""Losses that more than one paper needs, on batches of relaxed codes."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, normalize, softplus

from .similarity import cosine

#: What a caption is to another caption's image that is its own too: left out, a negative like any other, a positive.
Siblings: TypeAlias = Literal["masked", "negative", "positive"]


def gram(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"], S: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
    """Return the mean squared error with which the cosines between codes rebuild the target `S`.

    The mean over all entries, as every released code of the DJSRH lineage takes it, not the squared norm.
    """
    return mse_loss(cosine(A, B), S)


def pairing(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"]) -> Float[Tensor, ""]:
    """Return minus the mean cosine between the two codes of a pair; -1 is perfect agreement."""
    return -(normalize(A) * normalize(B)).sum(1).mean()


def pairwise_nll(A: Float[Tensor, "m bits"], B: Float[Tensor, "n bits"], S: Float[Tensor, "m n"]) -> Float[Tensor, ""]:
    """Return `sum softplus(theta) - S theta`, `theta = A B^T / 2`: how unlikely S is where p(S = 1) = sigma(theta).

    The pair loss of DPSH and DCMH, a sum; it overflows for no `theta`. Its gradient is `(sigma(theta) - S) B / 2`.
    """
    theta = A @ B.T / 2
    return (softplus(theta) - S * theta).sum()


def squared_distances(A: Float[Tensor, "m bits"], B: Float[Tensor, "n bits"]) -> Float[Tensor, "m n"]:
    """Return the squared Euclidean distance between every row of `A` and every row of `B`."""
    return (A.square().sum(1, keepdim=True) + B.square().sum(1) - 2 * A @ B.T).clamp(min=0)


def triplet(
    D: Float[Tensor, "m n"],
    S: Float[Tensor, "m n"],
    margin: float,
    *,
    over: Literal["active", "all"] = "active",
    soft: bool = False,
) -> Float[Tensor, ""]:
    """Return the mean of `max(0, margin + D_ij - D_ik)` over the triplets of an anchor i, a j alike and a k not alike.

    `D` is any distance between anchors and items, `S` is 1 where they are alike and 0 elsewhere. The mean is over the
    triplets above zero or over `all`; `soft` takes the softplus, of which none is zero, and memory for m n n numbers.
    Otherwise no triplet is written down: the hinge is piecewise linear, so it suffices to count, in sorted rows, in how
    many triplets each distance is active. Without a triplet the loss is 0.
    """
    alike = S > 0
    if soft:
        valid = alike[:, :, None] & ~alike[:, None, :]
        return (softplus(margin + D[:, :, None] - D[:, None, :]) * valid).sum() / valid.sum().clamp(min=1)
    with torch.no_grad():
        reach = D + margin  # a triplet is active where D_ik < D_ij + margin
        nearer = torch.searchsorted(D.masked_fill(alike, torch.inf).sort(1).values, reach)
        beyond = torch.searchsorted(reach.masked_fill(~alike, -torch.inf).sort(1).values, D, right=True)
        times = torch.where(alike, nearer, beyond - D.shape[1]).to(D.dtype)
        active = (nearer * alike).sum()
        count = active if over == "active" else (alike.sum(1) * (~alike).sum(1)).sum()
    return ((times * D).sum() + margin * active) / count.clamp(min=1)


def hinge(
    S: Float[Tensor, "m m"], same: Bool[Tensor, "m m"], margin: float, over: Literal["hardest", "all"]
) -> Float[Tensor, ""]:
    """Return the sum over pairs j of `[margin + S_jk - S_jj]_+ + [margin + S_kj - S_jj]_+`, of the hardest k or all.

    Row j of `S` scores image j with every text. What is the `same` is no negative, the pair itself above all. A model
    that has collapsed, its scores all equal, sits at `2 m margin` under the hardest negatives.
    """
    S_jj = S.diagonal()[:, None]
    image, text = ((margin + scores - S_jj).relu().masked_fill(same, 0) for scores in (S, S.T))
    return image.max(1).values.sum() + text.max(1).values.sum() if over == "hardest" else image.sum() + text.sum()


def real_loss(logits: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """Return -E log D of a discriminator's logits: what it pays for those that it should, or is meant to, accept."""
    return softplus(-logits).mean()


def fake_loss(logits: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """Return -E log(1 - D) of a discriminator's logits: what it pays for those that it should refuse."""
    return softplus(logits).mean()


def infonce(S: Float[Tensor, "m m"], same: Bool[Tensor, "m m"], siblings: Siblings) -> Float[Tensor, ""]:
    """Return the mean cross-entropy with which each row and each column of logits finds its own on the diagonal.

    `same` marks the pairs of one image, which are left out of the choice, or to be avoided, or as right as the own.
    """
    own = torch.eye(len(S), dtype=torch.bool, device=S.device)
    targets = same / same.sum(1, keepdim=True) if siblings == "positive" else own.to(S.dtype)
    if siblings == "masked":
        S = S.masked_fill(same & ~own, torch.finfo(S.dtype).min)
    return (cross_entropy(S, targets) + cross_entropy(S.T, targets)) / 2
