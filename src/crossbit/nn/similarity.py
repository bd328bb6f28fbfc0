"""Target similarities, which the geometry of the codes imitates; rows are items of a batch."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import normalize

from ..data.rows import Array, blocks, is_sparse
from ..errors import InputError

#: Rows whose distances to all items are held at once.
CHUNK = 512
#: Numbers above have squares that float32 does not hold.
LARGEST = 1e18


def cosine(a: Float[Tensor, "m d"], b: Float[Tensor, "n d"]) -> Float[Tensor, "m n"]:
    """Return the cosine of the angle between every row of `a` and every row of `b`; a zero row has cosine 0."""
    return normalize(a) @ normalize(b).T


def rescaled_cosine(x: Float[Tensor, "m d"]) -> Float[Tensor, "m m"]:
    """Return `2 cos - 1` between all rows, which spreads the cosines of non-negative features over [-1, 1]."""
    return 2 * cosine(x, x) - 1


def row_cosine(S: Float[Tensor, "m m"], T: Float[Tensor, "m m"]) -> Float[Tensor, "m m"]:
    """Return the cosine between the rows of `S` and of `T` for each pair of items, symmetrised.

    The high-order similarity of JDSH: `C = rn(S) rn(T)^T`, then `(C + C^T) / 2`, `rn` being rows of unit length.
    """
    C = cosine(S, T)
    return (C + C.T) / 2


def row_normed_product(S: Float[Tensor, "m m"], T: Float[Tensor, "m m"]) -> Float[Tensor, "m m"]:
    """Return `rn(S T)`, the high-order similarity of JAGH, AMTS and RDKD; it is not symmetric."""
    return normalize(S @ T)


def label_similarity(L: Float[Tensor, "m classes"], K: Float[Tensor, "n classes"]) -> Float[Tensor, "m n"]:
    """Return 1 where two items share at least one label, else 0."""
    return (L @ K.T > 0).to(L.dtype)


def transitions(S: Float[Tensor, "m n"], own: Int[Tensor, "m"], k: int) -> Float[Tensor, "m n"]:
    """Return the transition probabilities of a random walk from each item to its `k` nearest others.

    Row i of `S` holds the similarities of item `own[i]` to all n items; probabilities are shares of their sum. A walk
    never stays at an item and never moves to one of similarity 0 or less; a row without other items is all 0.
    """
    nearest = S.clamp(min=0).scatter(1, own[:, None], 0).topk(min(k, S.shape[1]), 1)
    return normalize(torch.zeros_like(S).scatter(1, nearest.indices, nearest.values), p=1)


def nearest(X: Array, k: int) -> Int[Tensor, "n k"]:
    """Return the rows of the `k` items at the smallest Euclidean distance from each item, itself the first of them.

    Exact, for dense vectors and sparse ones; the order of ties is arbitrary, but always the same.
    """
    if X.ndim != 2:
        raise InputError(f"items of shape {X.shape[1:]} have no nearest neighbours; take features, as in image=hog")
    if k > X.shape[0]:
        raise InputError(f"{X.shape[0]} items have no {k} nearest neighbours; take more items, or fewer neighbours")
    require_finite(item=X)
    squares = np.concatenate([_squares(block.astype(np.float32, copy=False)) for _, block in blocks(X)])
    found = []
    for start in range(0, X.shape[0], CHUNK):
        own = X[start : start + CHUNK].astype(np.float32, copy=False)
        parts = []
        for first, block in blocks(X):
            products = own @ block.astype(np.float32, copy=False).T
            products = products.toarray() if is_sparse(products) else products
            distances = torch.from_numpy(squares[first : first + block.shape[0]] - 2 * products)
            distances.diagonal(start - first).fill_(-torch.inf)
            smallest = distances.topk(min(k, block.shape[0]), largest=False)
            parts.append((smallest.values, smallest.indices + first))
        distance, rows = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        found.append(rows if len(parts) == 1 else rows.gather(1, distance.topk(k, largest=False).indices))
    return torch.cat(found)


def _squares(X: Array) -> Float[ndarray, "n"]:
    return np.asarray((X * X).sum(1))


def sign(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return -1 or +1, never 0: the convention of `Codes.from_signs`."""
    return (x >= 0).to(x.dtype) * 2 - 1


def require_finite(**sides: Array) -> None:
    """Refuse features of a modality that hold NaN, infinity or numbers whose squares float32 does not hold."""
    for name, items in sides.items():
        for start, block in blocks(items):
            numbers = block.data if is_sparse(block) else block.reshape(-1)
            if numbers.dtype.kind != "f" or (np.abs(numbers) < LARGEST).all():
                continue
            wrong = int(np.argmin(np.abs(numbers) < LARGEST))
            row = np.searchsorted(block.indptr, wrong, "right") - 1 if is_sparse(block) else wrong // block[0].size
            raise InputError(
                f"the {name} features of training pair {start + int(row) + 1:,} hold NaN, infinity or numbers beyond"
                f" {LARGEST:g}; leave it out, or mend it"
            )


def require_vectors(who: str, *sides: Array) -> None:
    """Refuse items that are not feature vectors, such as pixels or word ids, in the name of a method."""
    for items in sides:
        if items.ndim != 2 or not np.issubdtype(items.dtype, np.floating):
            what = "pixels" if items.ndim == 4 else f"items of shape {items.shape[1:]} and type {items.dtype}"
            raise InputError(f"{who} compares features, not {what}; take some, as in --features image=hog,text=bow")
