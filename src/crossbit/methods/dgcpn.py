r"""Deep Graph-neighbor Coherence Preserving Network (DGCPN).

J. Yu, H. Zhou, Y. Zhan and D. Tao, "Deep Graph-neighbor Coherence Preserving Network for Unsupervised Cross-modal
Hashing", AAAI 2021.

No labels: two items are alike as far as their features are, and as far as random walks that start at them meet after
one step on a graph of nearest neighbours. A batch is learned three times: once with both codes real, then each
modality's real codes against the other's binary ones.

    S_pair = a1 cos(F_T) + (1 - a1) cos(F_I)
    S_gc   = scale P P^T                                       P: shares of S_pair among the K nearest of an item
    S      = 2 [(1 - a2) S_pair + a2 S_gc] - 1
    L_pair = |diag(IT) - k 1|^2
    L_dis  = |(TT - S) o (1 - I)|^2 + |(IT - S) o (1 - I)|^2 + |(II - S) o (1 - I)|^2
    L_cons = |IT - II|^2 + |IT - TT|^2 + |II - TT|^2 + |IT - IT^T|^2
    L      = L_pair + dw L_dis + cw L_cons,    |.|^2 a mean over entries
    (i) L(H_I, H_T), both step;  (ii) L(H_I, sign H_T), images step;  (iii) L(sign H_I, H_T), texts step

    released    here        shape       meaning
    F_I, F_T    F_I, F_T    m d         features of a batch
    P           P           n n         transitions of the walk; m n for a batch
    S           S           m m         comprehensive similarity of a batch
    H           H_I, H_T    m bits      tanh Z; in (ii) and (iii) both are from after (i), and signs pass no gradient
    II, TT, IT  cosine(H)   m m         cosines between codes
    K           k                       target of the cosine of a pair, named K like the number of neighbours

What differs: the values are those of the released code, which are MIRFlickr's. They are made for 5,000 pairs: K and
scale grow with n, which keeps the density of the graph and the spread of S_gc, for P P^T shrinks as 1 / n. The
released K counts an item among its own nearest, so that K - 1 others remain; here an item is excluded by its number
and not as the largest of its row, which differs for duplicates only, and a cosine below 0 is no way to walk, which
rectified features and tags never have. S is computed batch by batch from P. ASSUMED: an incomplete last batch is
dropped, which keeps the means' weights. The released code stops early by the MAP of labelled pairs; this one trains
to the last epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.similarity import cosine, require_vectors, sign, transitions
from ..nn.tensors import dense
from ..nn.towers import perceptron
from ..training.epoch import MiniBatch, to_batch
from ..training.memory import refuse_beyond_memory
from ..training.run import PLAIN, Training
from .base import Method, Source

#: The number of training pairs that the released K and scale are made for.
NOMINAL = 5000
#: Rows of the graph that are made together.
CHUNK = 512


@final
@dataclass(frozen=True)
class DGCPN(Method):
    """Deep Graph-neighbor Coherence Preserving Network."""

    source: ClassVar = Source(
        "Deep Graph-neighbor Coherence Preserving Network for Unsupervised Cross-modal Hashing",
        "Yu, Zhou, Zhan and Tao",
        "AAAI",
        2021,
        "https://arxiv.org/abs/2012.13538",
        code="https://github.com/Atmegal/DGCPN",
    )
    supervised: ClassVar = False

    a1: float = 0.01  # released: share of the texts in S_pair
    a2: float = 0.3  # released: share of the graph in S
    K: int = 2000  # paper: nearest of an item among 5,000; the released knn_number = 3000 counts the others
    scale: float = 4000.0  # released: stretch of P P^T for 5,000 items
    k: float = 1.5  # released: target of the cosine of a pair
    dw: float = 1.0  # released: weight of L_dis
    cw: float = 1.0  # released: weight of L_cons
    hidden: int = 4096  # released
    dropout: float = 0.5  # released: after the hidden layer
    text_deviation: float = 0.3  # released: of the initial weights of the text hash layer
    batch: int = 32  # released
    epochs: int = 100  # released: the upper bound, at which it stops if it has not stopped early
    lr: float = 0.005  # released: of SGD, for both networks
    momentum: float = 0.9  # released
    weight_decay: float = 5e-4  # released

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return perceptrons into `dim` bits; for n pairs the graph takes 4 n^2 bytes, 100 MB for 5,000."""
        require_vectors("DGCPN", train.image, train.text)
        n, widths = len(train), train.image.shape[1] + train.text.shape[1]
        refuse_beyond_memory(f"DGCPN's graph of {n:,} pairs", 4 * n * n + 8 * n * widths, training.device)
        with training.seeded(seed) as (rng, device):
            image, text = (perceptron(x, self.hidden, dim, dropout=self.dropout) for x in (train.image, train.text))
            hash_weight, _ = list(text.parameters())[-2:]
            nn.init.normal_(hash_weight, std=self.text_deviation)
            steps_I, steps_T = self.optimiser(image.to(device)), self.optimiser(text.to(device))
            P = self.graph(train, device)
            run = training.begin(rng, image, text, dim, image_optimiser=steps_I, text_optimiser=steps_T)

            def codes(batch: MiniBatch) -> tuple[Tensor, Tensor]:
                return torch.tanh(run.image(batch.image)), torch.tanh(run.text(batch.text))

            for epoch in run.epochs(self.epochs):
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    S = self.target(dense(batch.image), dense(batch.text), P[batch.rows])
                    terms = losses(*codes(batch), S, self.k)
                    loss = self.objective(terms)
                    epoch.step(loss, steps_I, steps_T)
                    H_I, H_T = codes(batch)
                    epoch.step(self.objective(losses(H_I, sign(H_T), S, self.k)), steps_I)
                    epoch.step(self.objective(losses(sign(H_I), H_T, S, self.k)), steps_T)
                    epoch.add(loss=loss, **terms)
        return run.encoder()

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the SGD of one network."""
        return torch.optim.SGD(
            network.parameters(),
            self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            fused=True,
        )

    @torch.no_grad()
    def graph(self, train: Paired, device: torch.device) -> Float[Tensor, "n n"]:
        """Return P of all training pairs in float32, the only n-by-n matrix in memory."""
        n = len(train)
        everything = to_batch(torch.arange(n).numpy(), train, device)
        F_I, F_T = dense(everything.image), dense(everything.text)
        others = max(round(self.K * n / NOMINAL) - 1, 1)
        P = torch.empty(n, n, device=F_I.device)
        for own in everything.rows.split(CHUNK):
            P[own] = transitions(self.pairwise(F_I[own], F_I, F_T[own], F_T), own, others)
        return P

    def pairwise(
        self, A_I: Float[Tensor, "m d"], B_I: Float[Tensor, "n d"], A_T: Float[Tensor, "m e"], B_T: Float[Tensor, "n e"]
    ) -> Float[Tensor, "m n"]:
        """Return S_pair between pairs A and pairs B."""
        return self.a1 * cosine(A_T, B_T) + (1 - self.a1) * cosine(A_I, B_I)

    @torch.no_grad()
    def target(
        self, F_I: Float[Tensor, "m d"], F_T: Float[Tensor, "m e"], P: Float[Tensor, "m n"]
    ) -> Float[Tensor, "m m"]:
        """Return S = 2 [(1 - a2) S_pair + a2 S_gc] - 1 of a batch, whose transitions are P."""
        S_gc = self.scale * P.shape[1] / NOMINAL * (P @ P.T)
        return 2 * ((1 - self.a2) * self.pairwise(F_I, F_I, F_T, F_T) + self.a2 * S_gc) - 1

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """Return L_pair + dw L_dis + cw L_cons."""
        return terms["L_pair"] + self.dw * terms["L_dis"] + self.cw * terms["L_cons"]


def losses(
    H_I: Float[Tensor, "m bits"], H_T: Float[Tensor, "m bits"], S: Float[Tensor, "m m"], k: float
) -> dict[str, Tensor]:
    """Return the three terms, unweighted; means are over all entries, zeroed ones included."""
    II, TT, IT = cosine(H_I, H_I), cosine(H_T, H_T), cosine(H_I, H_T)
    apart = 1 - torch.eye(len(S), device=S.device)
    return {
        "L_pair": (IT.diagonal() - k).square().mean(),
        "L_dis": sum((mse_loss(G * apart, S * apart) for G in (TT, IT, II)), S.new_zeros(())),
        "L_cons": mse_loss(IT, II) + mse_loss(IT, TT) + mse_loss(II, TT) + mse_loss(IT, IT.T),
    }
