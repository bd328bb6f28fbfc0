r"""Unsupervised Contrastive Cross-modal Hashing (UCCH).

P. Hu, H. Zhu, J. Lin, D. Peng, Y.-P. Zhao and X. Peng, "Unsupervised Contrastive Cross-Modal Hashing", IEEE
Transactions on Pattern Analysis and Machine Intelligence 45(3), 2023.

No labels: every pair is a class of its own, whose key is the sign of a memory that follows the pair's codes with
momentum, so that both modalities learn against binary keys without a relaxation of them. A ranking loss looks at all
other pairs of the batch, and gently at those that may be alike after all.

    k_i  = sign(v_i) / sqrt(bits)
    L_c  = - mean log [ exp(<h_x,i , k_i> / tau) / sum_j exp(<h_x,i , k_j> / tau) ]  +  the same of h_y,  j in {i} u N_i
    M    = H_I H_T^T;   S_ij = M_ij where M_ij >= M_ii - m,  else M_ij - xi
    L_r  = mean [ m + kappa log sum_j exp(S_ij / kappa) - S_ii ]  +  the same of M^T
    L    = beta L_c + (1 - beta) L_r
    v_i <- rn( delta v_i + (1 - delta) rn(h_x,i + h_y,i) )

    paper       here        shape       meaning
    h_x, h_y    H_I, H_T    m bits      rn(tanh Z), codes of unit length
    v           V           n bits      memory of the training pairs, at first random signs
    k           keys        n bits      binary keys of the contrastive loss
    N_i         (drawn)     m K         rows of K negatives of each pair, uniform, its own row not excluded
    M           M           m m         cosines between images and texts of a batch

What differs: the released code keeps the epoch of the highest MAP on labelled pairs; this one trains to the last.
In the first epochs (warm-up) keys are the signs of the mean codes of the batch itself and delta is 0, as released;
neither is in the formulas above. The memory starts at even random signs, the released one at signs that lean to -1;
the warm-up overwrites both. The released step of the learning rate comes after the last epoch and is left out. For
raw pixels the released code fine-tunes a pretrained VGG and warms up for 5 epochs; here a small trunk is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.similarity import sign
from ..nn.towers import perceptron
from ..training.distributed import all_gather
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class UCCH(Method):
    """Unsupervised Contrastive Cross-modal Hashing."""

    source: ClassVar = Source(
        "Unsupervised Contrastive Cross-Modal Hashing",
        "Hu, Zhu, Lin, Peng, Zhao and Peng",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence",
        2023,
        "https://doi.org/10.1109/TPAMI.2022.3177356",
        code="https://github.com/penghu-cs/UCCH",
    )
    supervised: ClassVar = False

    beta: float = 0.7  # released command for MIRFlickr (its option's default is 0.9): share of L_c
    K: int = 4096  # released: negatives of a pair
    tau: float = 0.9  # released: temperature of L_c
    delta: float = 0.4  # released: momentum of the memory
    kappa: float = 1.0  # released: temperature of L_r
    m: float = 0.2  # released: margin of L_r
    xi: float = 0.1  # released command (its option's default is 1): what a pair beyond the margin is shifted by
    hidden: int = 8192  # released: width of the two hidden layers of the images and of the one of the texts
    warm_up: int = 1  # released: epochs with keys from the batch
    batch: int = 256  # released
    epochs: int = 20  # released
    lr: float = 1e-4  # released: of Adam
    weight_decay: float = 1e-6  # released
    clip: float = 1.0  # released: largest norm of the gradient

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return perceptrons into `dim` bits."""
        with training.seeded(seed) as (rng, device):
            image = perceptron(train.image, self.hidden, self.hidden, dim)
            text = perceptron(train.text, self.hidden, dim)
            optimiser = torch.optim.Adam(
                nn.ModuleList([image, text]).to(device).parameters(),
                self.lr,
                weight_decay=self.weight_decay,
                fused=True,
            )
            V = normalize(sign(torch.randn(len(train), dim))).to(device)
            run = training.begin(rng, image, text, dim, optimiser=optimiser, memory=V)
            for epoch in run.epochs(self.epochs):
                warming = epoch.number < self.warm_up
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    H_I, H_T = (normalize(torch.tanh(Z)) for Z in (run.image(batch.image), run.text(batch.text)))
                    keys = binary(H_I + H_T if warming else V)
                    candidates = everyone(batch.rows) if warming else self.draw(batch.rows, len(V))
                    L_c = contrast(H_I, keys, candidates, self.tau) + contrast(H_T, keys, candidates, self.tau)
                    M = H_I @ H_T.T
                    L_r = self.ranking(M) + self.ranking(M.T)
                    loss = self.beta * L_c + (1 - self.beta) * L_r
                    epoch.step(loss, optimiser, clip=self.clip)
                    update_memory(V, all_gather(batch.rows), all_gather(H_I + H_T), 0.0 if warming else self.delta)
                    epoch.add(loss=loss, L_c=L_c, L_r=L_r)
        return run.encoder()

    def draw(self, rows: Int[Tensor, "m"], n: int) -> Int[Tensor, "m candidates"]:
        """Return the row of each pair and of its K negatives, drawn among all n."""
        return torch.cat([rows[:, None], torch.randint(n, (len(rows), self.K), device=rows.device)], 1)

    def ranking(self, M: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
        """Return the half of L_r that ranks the columns of each row; which entries are shifted has no gradient."""
        own = M.diagonal()
        S = torch.where(own[:, None] - self.m > M, M - self.xi, M)
        return (self.m + self.kappa * torch.logsumexp(S / self.kappa, 1) - own).mean()


def binary(V: Float[Tensor, "n bits"]) -> Float[Tensor, "n bits"]:
    """Return the keys sign(v) / sqrt(bits), through which no gradient flows."""
    return normalize(sign(V))


def everyone(rows: Int[Tensor, "m"]) -> Int[Tensor, "m m"]:
    """Return the positions in a batch of each pair and, after it, of all others."""
    place = torch.arange(len(rows), device=rows.device)
    return (place[:, None] + place) % len(rows)


def contrast(
    H: Float[Tensor, "m bits"], keys: Float[Tensor, "n bits"], candidates: Int[Tensor, "m candidates"], tau: float
) -> Float[Tensor, ""]:
    """Return the half of L_c that tells the first candidate of each code, its own key, from the rest."""
    scores = (H @ keys.T).gather(1, candidates) / tau  # m x n once, not twice
    return cross_entropy(scores, torch.zeros_like(candidates[:, 0]))


def update_memory(V: Float[Tensor, "n bits"], rows: Int[Tensor, "m"], H: Float[Tensor, "m bits"], delta: float) -> None:
    """Update the memory of some pairs in place, with momentum, by the sums of their two codes."""
    V[rows] = normalize(delta * V[rows] + (1 - delta) * normalize(H))
