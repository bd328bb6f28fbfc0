r"""Joint-modal Distribution-based Similarity Hashing (JDSH).

S. Liu, S. Qian, Y. Guan, J. Zhan and L. Ying, "Joint-modal Distribution-based Similarity Hashing for Large-scale
Unsupervised Deep Cross-modal Retrieval", SIGIR 2020.

No labels: similarities of frozen image features, of tags, and of the neighbourhoods that both give to an item are
joined. Distribution-based similarity decision and weighting (DSDW) then pushes those on either tail of their
distribution further out, and the cosines between codes must rebuild the outcome.

    C     = rn(S_I) rn(S_T)^T
    S0    = alpha S_I + beta S_T + lam (C + C^T) / 2
    left  = LOC - A SCALE_L;    right = LOC + B SCALE_R
    S     = mu S0 [ 1 + L1 exp(MIN - S0) where S0 < left,  + L2 exp(S0 - MAX) where S0 > right ]
    min   |S - IT|^2 + |S - TI|^2 - mean cos(B_I, B_T)  +  intra [ |S - II|^2 + |S - TT|^2 ]

    released    here        shape       meaning
    F_I, F_T    F_I, F_T    m d         features of a batch; the images' are frozen
    S_I, S_T    S_I, S_T    m m         2 cos - 1 of the features
    S_high, S_  S_C, S0     m m         (C + C^T) / 2; the joint similarity before DSDW
    LOC, ...    spread                  mode, deviation left of it, mean distance right of it, least and most of S0
    ALPHA, BETA A, B                    how many deviations from the mode the tails begin
    code        H_I, H_T    m bits      tanh(sqrt(epoch) Z); B_I, B_T are their rows of unit length
    II, IT, TI  cosine(H)   m m         cosines between codes; |.|^2 is a mean over entries

What differs: LOC, SCALE, MIN and MAX describe S0 of one set as AlexNet sees it, and how they were fitted is not
released. By default they are fitted to the training pairs. ASSUMED: S0 off the diagonal, in batches as in training;
LOC is the middle of the fullest of 100 bins; SCALE_L the root mean square distance of the values left of it, as of a
Gaussian; SCALE_R the mean distance of those right of it, as of a Laplacian; MIN and MAX the extremes. The released
numbers can be chosen instead; their left tail lies below their MIN, so it is all but empty. Their right tail begins
below 0 and takes values there away from 0 as well, hence further down. The released code computes image features with
dropout, which makes S noisy; here they are exact. Images as pixels pass a small trunk, which learns, and F_I are the
outputs of a copy of it as it was before training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..data.pairs import Paired
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.losses import gram, pairing
from ..nn.similarity import require_finite, rescaled_cosine, row_cosine
from ..nn.tensors import dense
from ..nn.towers import frozen_trunk, perceptron
from ..training.epoch import to_batch
from ..training.run import PLAIN, Training, tanh_slope
from .base import Method, Source

#: Training pairs that the spread is fitted to, at most. Ours: as many as the published sets train on.
SAMPLE = 5000


class Spread(NamedTuple):
    """The distribution of joint similarities between items: the released LOC, SCALE_LEFT, SCALE_RIGHT, MIN, MAX."""

    loc: float
    scale_left: float
    scale_right: float
    least: float
    most: float


#: Released for features of AlexNet, by dataset.
RELEASED = {"mirflickr": Spread(-0.49, 0.019, 0.088, -0.52, 0.68), "nuswide": Spread(-0.62, 0.0128, 0.086, -0.64, 0.75)}


@final
@dataclass(frozen=True)
class JDSH(Method):
    """Joint-modal Distribution-based Similarity Hashing."""

    source: ClassVar = Source(
        "Joint-modal Distribution-based Similarity Hashing for Large-scale Unsupervised Deep Cross-modal Retrieval",
        "Liu, Qian, Guan, Zhan and Ying",
        "SIGIR",
        2020,
        "https://doi.org/10.1145/3397271.3401086",
        code="https://github.com/KaiserLew/JDSH",
    )
    supervised: ClassVar = False

    alpha: float = 0.5  # released for MIRFlickr; NUS-WIDE 0.4: share of S_I
    beta: float = 0.1  # released for MIRFlickr; NUS-WIDE 0.3: share of S_T
    lam: float = 0.4  # released for MIRFlickr; NUS-WIDE 0.3: share of S_C; 0 ablates it
    spread: Literal["fitted", "mirflickr", "nuswide"] = "fitted"  # ASSUMED fit; else released for AlexNet's features
    A: float = 2.0  # released: where the left tail begins
    B: float = 4.0  # released: where the right tail begins
    L1: float = 0.1  # released for MIRFlickr; NUS-WIDE 0.2: weight of the left tail; with L2 = 0 it ablates DSDW
    L2: float = 0.2  # released: weight of the right tail
    mu: float = 1.4  # released: stretch of the target
    intra: float = 0.1  # released: weight of the reconstruction within a modality; 0 ablates it
    hidden: int = 4096  # released: width of the hidden layer of the texts; the hash layer of the images has none
    batch: int = 32  # released
    epochs: int = 300  # released
    lr: float = 0.01  # released: of SGD, for both networks
    momentum: float = 0.9  # released
    weight_decay: float = 5e-4  # released

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return a linear layer, on a trunk where images are pixels, and a perceptron for texts, into `dim` bits."""
        require_finite(image=train.image, text=train.text)
        with training.seeded(seed) as (rng, device):
            image, text = perceptron(train.image, dim), perceptron(train.text, self.hidden, dim)
            optimiser = torch.optim.SGD(
                nn.ModuleList([image, text]).to(device).parameters(),
                self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                fused=True,
            )
            frozen = frozen_trunk(image)
            spread = RELEASED.get(self.spread) or fitted(self.samples(train, frozen, rng, device))
            run = training.begin(rng, image, text, dim, optimiser=optimiser)
            for epoch in run.epochs(self.epochs):
                alpha = tanh_slope(epoch.number)
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    S = self.weighted(self.joint(dense(frozen(batch.image)), dense(batch.text)), spread)
                    H_I, H_T = torch.tanh(alpha * run.image(batch.image)), torch.tanh(alpha * run.text(batch.text))
                    terms = reconstruction(H_I, H_T, S)
                    loss = terms["L_cross"] + self.intra * terms["L_intra"]
                    epoch.step(loss, optimiser)
                    epoch.add(loss=loss, **terms)
        return run.encoder()

    @torch.no_grad()
    def joint(self, F_I: Float[Tensor, "m d_I"], F_T: Float[Tensor, "m d_T"]) -> Float[Tensor, "m m"]:
        """Return S0 = alpha S_I + beta S_T + lam S_C of a batch."""
        S_I, S_T = rescaled_cosine(F_I), rescaled_cosine(F_T)
        return self.alpha * S_I + self.beta * S_T + self.lam * row_cosine(S_I, S_T)

    def weighted(self, S0: Float[Tensor, "m m"], spread: Spread) -> Float[Tensor, "m m"]:
        """Return S, whose tails are pushed out by DSDW and which is stretched by mu."""
        left = spread.loc - self.A * spread.scale_left
        right = spread.loc + self.B * spread.scale_right
        low = torch.exp(spread.least - S0) * S0.lt(left)
        high = torch.exp(S0 - spread.most) * S0.gt(right)
        return self.mu * S0 * (1 + self.L1 * low + self.L2 * high)

    def samples(
        self, train: Paired, frozen: nn.Module, rng: np.random.Generator, device: torch.device
    ) -> Iterator[Float[Tensor, "k"]]:
        """Yield the joint similarities off the diagonal of one pass over at most `SAMPLE` training pairs in batches."""
        some = train if len(train) <= SAMPLE else train[np.sort(rng.choice(len(train), SAMPLE, replace=False))]
        for rows, pairs in some.batches(self.batch, rng, drop_last=True):
            batch = to_batch(rows, pairs, device)
            with torch.no_grad():
                S0 = self.joint(dense(frozen(batch.image)), dense(batch.text))
            yield S0[~torch.eye(len(S0), dtype=torch.bool, device=S0.device)]


def fitted(samples: Iterator[Float[Tensor, "k"]], bins: int = 100) -> Spread:
    """Return the spread of similarities: half a Gaussian left of their mode, half a Laplacian right of it."""
    S0 = torch.cat(list(samples))
    if not len(S0):
        raise InputError("JDSH compares the pairs of a batch with one another; it needs batches of at least 2 pairs")
    least, most = S0.aminmax()
    fullest = torch.histc(S0, bins, least.item(), most.item()).argmax()
    loc = least + (fullest + 0.5) * (most - least) / bins
    off = S0 - loc
    left, right = off[off < 0], off[off > 0]
    scale_left = (left.square().sum() / max(len(left), 1)).sqrt()
    return Spread(*(x.item() for x in (loc, scale_left, right.sum() / max(len(right), 1), least, most)))


def reconstruction(
    H_I: Float[Tensor, "m bits"], H_T: Float[Tensor, "m bits"], S: Float[Tensor, "m m"]
) -> dict[str, Tensor]:
    """Return the terms across and within the modalities, unweighted."""
    cross = gram(H_I, H_T, S) + gram(H_T, H_I, S) + pairing(H_I, H_T)
    return {"L_cross": cross, "L_intra": gram(H_I, H_I, S) + gram(H_T, H_T, S)}
