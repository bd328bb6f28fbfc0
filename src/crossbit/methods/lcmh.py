r"""Linear Cross-Modal Hashing (LCMH).

X. Zhu, Z. Huang, H. T. Shen and X. Zhao, "Linear Cross-Modal Hashing for Efficient Multimedia Search",
ACM Multimedia 2013.

Each modality is clustered, and an item becomes its distances to the k centres, which keeps the similarities within
the modality and costs time linear in n. Linear maps of both such representations then give a pair the same code:

    z_j = |x - centre_j|^2        p_j = exp(-z_j / sigma) / sum_l exp(-z_l / sigma)

    minimise  lam sum_i |P_i W_i - B_i|^2 + |B_1 - B_2|^2   at   B_i^T B_i = 1,  B_i^T 1 = 0

    paper       here        shape       meaning
    x           image, text n d         the items of a modality: vectors, dense or sparse
    centre_j    centres     k d         the centres of k-means
    p           P           n k         soft assignments to the centres, centred
    W_i         W           k bits      the hash functions: the code is the sign of P_i W_i above its threshold
    B_i         (never)     n bits      relaxed codes of the training items
    lam         (never)                 weight of the first term

Given B_i, W_i = (P_i^T P_i)^-1 P_i^T B_i. What is left is an eigenproblem in B_1 and B_2 whose solutions lie in the
planes of pairs of principal directions of P_1 and P_2, and the best one in each plane is symmetric: for every lam > 0
the P_i W_i are the leading canonical variates of P_1 and P_2, so that 2k unknowns are enough:

    [ 0          P_1^T P_2 ]          [ P_1^T P_1   0         ]
    [ P_2^T P_1  0         ] w = rho  [ 0           P_2^T P_2 ] w,        w = (w_1, w_2)

What differs: the article was not available to us beyond its abstract. The algebra is recalled, its values are ASSUMED;
that lam drops out is ours, and so is `eps`. Assignments sum to one, so k clusters hold k - 1 bits at most; asking for
more is refused. Few training pairs make fewer clusters than `k`: at most one for every five pairs. Of features too many
for half a gigabyte, k-means sees a random sample; ours.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import block_diag, eigh
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ..data.pairs import Paired
from ..data.rows import Array, is_sparse, shares
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.layers import Anchors
from ..nn.linear import Centred, covariance
from ..nn.similarity import require_finite, require_vectors
from ..nn.tensors import tensor
from ..training.run import PLAIN, Training
from .base import Method, Source

#: Training pairs for each cluster, at least. Ours: canonical correlations of k variables need several times k items.
PAIRS = 5
#: Items that are assigned at once.
CHUNK = 4096
#: Numbers that k-means is given at most, by a sample of more items. Ours: half a gigabyte.
SAMPLE = 2**27


@final
@dataclass(frozen=True)
class LCMH(Method):
    """Linear Cross-Modal Hashing."""

    source: ClassVar = Source(
        "Linear Cross-Modal Hashing for Efficient Multimedia Search",
        "Zhu, Huang, Shen and Zhao",
        "ACM Multimedia",
        2013,
        "https://doi.org/10.1145/2502081.2502107",
    )
    supervised: ClassVar = False

    k: int = 300  # ASSUMED: clusters of each modality
    sigma: float = 1.0  # ASSUMED: in mean squared distances between items and centres; less assigns more sharply
    threshold: Literal["median", "zero"] = "median"  # recalled; "zero" is the mean over the training items
    eps: float = 0.01  # ours: added to the diagonal of P_i^T P_i, as a share of its mean

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return towers of soft assignment and hash functions; only the start of k-means is random."""
        if self.eps <= 0:
            raise InputError(f"eps={self.eps}: assignments sum to one, so P^T P has no inverse; 1e-6 is enough")
        require_vectors("LCMH", train.image, train.text)
        require_finite(image=train.image, text=train.text)
        k = min(self.k, len(train) // PAIRS)
        anchors = [self.anchors(items, k, seed) for items in (train.image, train.text)]
        k_1, k_2 = (len(part.centres) for part in anchors)
        if dim >= min(k_1, k_2):
            raise InputError(
                f"{dim} bits need {dim + 1} clusters of each modality; {len(train)} training pairs and k={self.k} make"
                f" {k_1} of images and {k_2} of texts: take fewer bits, a larger k, or {PAIRS * (dim + 1)} pairs"
            )
        P_1, P_2 = (Centred.of(assigned(*part)) for part in zip(anchors, (train.image, train.text), strict=True))
        W_1, W_2, rho = canonical(P_1.rows, P_2.rows, dim, self.eps)
        training.log(1, 1, {"correlation": float(rho.mean())})
        image, text = (self.tower(*part) for part in zip(anchors, (P_1, P_2), (W_1, W_2), strict=True))
        return DualEncoder(image, text, "hamming", dim, training.device)

    def anchors(self, X: Array, k: int, seed: int) -> Anchors:
        """Return the soft assignment to at most `k` centres; fewer where fewer items are distinct."""
        centres = k_means(X, k, seed)
        squares = reduce(add, ((x * x).sum() / x.shape[0] * share for x, share in shares(X)))
        middle = reduce(add, (x.mean(0) * share for x, share in shares(X)))
        mean_squares = squares + (centres * centres).sum() / len(centres)
        spread = float(mean_squares - 2 * middle @ centres.mean(0))
        return Anchors(torch.from_numpy(centres).float(), torch.tensor(self.sigma * spread).float())

    def tower(self, anchors: Anchors, P: Centred, W: Float[Tensor, "k bits"]) -> nn.Sequential:
        """Return `x -> (p - mean) W - threshold` as the assignment and one linear layer.

        Assignments sum to one, so that a constant added to a column of W is one added to the bit.
        """
        threshold = (P.rows @ W).quantile(0.5, 0) if self.threshold == "median" else torch.zeros(W.shape[1])
        linear = nn.Linear(*W.shape)
        linear.load_state_dict({"weight": (W - P.mean @ W).T, "bias": -threshold})
        return nn.Sequential(anchors, linear)


def k_means(X: Array, k: int, seed: int) -> Float[ndarray, "centres d"]:
    """Return the distinct centres of k-means, in one thread, as several would sum in any order."""
    if is_sparse(X):
        X = type(X)((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), X.shape)
    elif X.shape[0] * X.shape[1] > SAMPLE:
        X = X[np.sort(np.random.default_rng(seed).choice(X.shape[0], SAMPLE // X.shape[1], replace=False))]
    else:
        X = np.asarray(X)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct items than k
        centres = KMeans(max(1, k), n_init=1, random_state=seed).fit(X).cluster_centers_
    distinct: ndarray = np.unique(centres.astype(np.float64), axis=0)
    return distinct


def assigned(anchors: Anchors, X: Array) -> Float[ndarray, "n k"]:
    """Return the soft assignments of items, a chunk at a time."""
    chunks = [anchors(tensor(X[start : start + CHUNK])).numpy() for start in range(0, X.shape[0], CHUNK)]
    return np.concatenate(chunks)


def canonical(
    P_1: Float[Tensor, "n k"], P_2: Float[Tensor, "n l"], dim: int, eps: float
) -> tuple[Float[Tensor, "k dim"], Float[Tensor, "l dim"], Float[Tensor, "dim"]]:
    """Return W_1, W_2 and the correlations of the leading canonical variates of two centred views."""
    k, l = P_1.shape[1], P_2.shape[1]
    across = np.zeros((k + l, k + l))
    across[:k, k:] = P_1.T @ P_2
    within = block_diag(*(covariance(P, relative_ridge=eps).numpy() for P in (P_1, P_2)))
    rho, w = eigh(across + across.T, within, subset_by_index=[k + l - dim, k + l - 1])
    W = torch.from_numpy(w[:, ::-1].copy())
    return W[:k], W[k:], torch.from_numpy(rho[::-1].copy())
