"""Losses that several papers share, on batches of relaxed codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, normalize, softplus
from torch.utils.checkpoint import checkpoint

from .similarity import cosine

#: Treatment of other captions of the same image: left out, a negative like any other, or a positive.
Siblings: TypeAlias = Literal["masked", "negative", "positive"]
#: Pairs of items that a loss compares at once.
COMPARED = 2**22


def summed(part: Callable[..., Tensor], rows: Sequence[Tensor], B: Float[Tensor, "n bits"]) -> Float[Tensor, ""]:
    """Return `part(*rows, B)`, a sum over rows that are compared with all of `B`.

    Where these are many, it is the sum over some rows at a time, of which nothing in between is kept: the backward pass
    computes it anew. A memory bank of all training items then needs little more memory than its codes.
    """
    size = max(1, COMPARED // len(B))
    if size >= len(rows[0]):
        return part(*rows, B)
    chunks = zip(*(each.split(size) for each in rows), strict=True)
    return torch.stack([checkpoint(part, *chunk, B, use_reentrant=False) for chunk in chunks]).sum()


def gram(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"], S: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
    """Return the mean squared error between the cosines of codes and the target `S`.

    The mean over all entries, as every released code of the DJSRH lineage takes it, not the squared norm.
    """
    return mse_loss(cosine(A, B), S)


def pairing(A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"]) -> Float[Tensor, ""]:
    """Return minus the mean cosine between the two codes of a pair; -1 is perfect agreement."""
    return -(normalize(A) * normalize(B)).sum(1).mean()


def pairwise_nll(A: Float[Tensor, "m bits"], B: Float[Tensor, "n bits"], S: Float[Tensor, "m n"]) -> Float[Tensor, ""]:
    """Return `sum softplus(theta) - S theta`, `theta = A B^T / 2`: the negative log-likelihood under sigma(theta).

    The pair loss of DPSH and DCMH, a sum; it overflows for no `theta`. Its gradient is `(sigma(theta) - S) B / 2`.
    """

    def part(A: Tensor, S: Tensor, B: Tensor) -> Tensor:
        theta = A @ B.T / 2
        return (softplus(theta) - S * theta).sum()

    return summed(part, (A, S), B)


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
    """Return the mean of `max(0, margin + D_ij - D_ik)` over triplets of an anchor i, a similar j and a dissimilar k.

    `D` is any distance between anchors and items, `S` is 1 where they are similar and 0 elsewhere. The mean is over the
    `active` triplets, which are above zero, or over `all`; `soft` takes the softplus, which is never zero, and memory
    for m n n numbers. Otherwise triplets are never enumerated: the hinge is piecewise linear, so it suffices to count,
    in sorted rows, in how many triplets each distance is active. Without triplets the loss is 0.
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
    """Return the sum over pairs j of `[margin + S_jk - S_jj]_+ + [margin + S_kj - S_jj]_+`, for the hardest k or all.

    Row j of `S` scores image j with every text. Entries that are the `same`, such as the pair itself, are no negatives.
    A collapsed model, whose scores are all equal, has a loss of `2 m margin` under the hardest negatives.
    """
    S_jj = S.diagonal()[:, None]
    image, text = ((margin + scores - S_jj).relu().masked_fill(same, 0) for scores in (S, S.T))
    return image.max(1).values.sum() + text.max(1).values.sum() if over == "hardest" else image.sum() + text.sum()


def real_loss(logits: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """Return -E log D of a discriminator's logits, its loss on items that are, or pose as, real."""
    return softplus(-logits).mean()


def fake_loss(logits: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """Return -E log(1 - D) of a discriminator's logits, its loss on fake items."""
    return softplus(logits).mean()


def infonce(S: Float[Tensor, "m m"], same: Bool[Tensor, "m m"], siblings: Siblings) -> Float[Tensor, ""]:
    """Return the symmetric cross-entropy of logits whose targets are on the diagonal.

    `same` marks pairs of the same image, which are masked, negatives or further targets.
    """
    own = torch.eye(len(S), dtype=torch.bool, device=S.device)
    targets = same / same.sum(1, keepdim=True) if siblings == "positive" else own.to(S.dtype)
    if siblings == "masked":
        S = S.masked_fill(same & ~own, torch.finfo(S.dtype).min)
    return (cross_entropy(S, targets) + cross_entropy(S.T, targets)) / 2
