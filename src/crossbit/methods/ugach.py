r"""Unsupervised Generative Adversarial Cross-modal Hashing (UGACH).

J. Zhang, Y. Peng and M. Yuan, "Unsupervised Generative Adversarial Cross-modal Hashing", AAAI 2018.

No labels: the nearest items in either modality are relevant in the other. A discriminator keeps them nearer to a query
than what a generator picks to mislead it; the generator is rewarded where the discriminator still errs.

    d(a, b) = |sigmoid(a) - sigmoid(b)|^2         p(neg | q) = softmax(- d_G(q, neg))  over a pool of items
    L_D = mean max(0, M + d_D(q, pos) - d_D(q, neg))  +  decay/2 |w_D|^2
    L_G = - mean r log p(neg | q)  +  decay/2 |w_G|^2,   r = sigmoid( max(0, M + d_D(q, pos) - d_D(q, neg)) )

    paper       here        shape       meaning
    q           q           m bits      queries, all images and then all texts
    pos, neg    pos, neg    m           items of the other modality: a neighbour of the query, and one that G picked
    r           r           m samples   reward of what G picked, 1/2 to 1; M is the margin
    D, G        D, G                    two towers each, which share nothing; w_D and w_G are their weights and biases

The towers of D before the sigmoid are the result: a bit is a positive logit. The terms in decay act as weight decay.

What differs: p is a share of the pool, as in the paper, not of the drawn items, as released (softmax="drawn").
Released, a step is one query with its own pool (batch=1, many hours on a CPU), rates decay with a count that stays 0,
and the round of the best MAP on test labels is kept; here a batch shares a pool, and the last round is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..data.pairs import CROSSINGS, MODALITIES, Array, Modality, Paired
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.losses import squared_distances
from ..nn.similarity import nearest
from ..nn.towers import perceptron
from ..training.epoch import Epoch, to_batch
from ..training.run import PLAIN, Training
from .base import Method, Source

Towers: TypeAlias = dict[Modality, nn.Module]
Tables: TypeAlias = dict[Modality, Float[Tensor, "n bits"]]  # sigmoids of all training items
CHUNK = 512  # items that pass a tower together when all do


@final
@dataclass(frozen=True)
class UGACH(Method):
    """Unsupervised Generative Adversarial Cross-modal Hashing."""

    source: ClassVar = Source(
        "Unsupervised Generative Adversarial Cross-modal Hashing",
        "Zhang, Peng and Yuan",
        "AAAI",
        2018,
        "https://arxiv.org/abs/1712.00358",
        code="https://github.com/PKU-ICST-MIPL/UGACH_AAAI2018",
    )
    supervised: ClassVar = False

    k: int = 5  # released: neighbours in each modality, the item itself among them
    hidden: int = 8192  # released; a released test script has 1024, which fits 5,000 pairs in minutes on a CPU
    margin: float = 0.125  # released: M, as a share of the bits
    decay: float = 0.01  # released: weight of the L2 terms
    pool: int = 50  # released: G picks from one in so many training items
    samples: int = 2  # released: negatives of a query in a round
    passes: int = 2  # released: passes of G in a round
    softmax: Literal["pool", "drawn"] = "pool"  # what p in L_G is a share of: the pool (paper) or the drawn (released)
    pretraining: int = 10  # ASSUMED: epochs of D alone
    rounds: int = 30  # released: epochs of D, then G
    pretraining_batch: int = 20  # released
    batch: int = 64  # ASSUMED; released: 1
    pretraining_lr: float = 0.01  # released
    lr_d: float = 0.001  # released
    lr_g: float = 0.01  # released

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return the towers of D; epochs are those of the pre-training, then the rounds."""
        with training.seeded(seed) as (rng, device):
            D, G = (nn.ModuleDict({m: tower(train.of(m), self.hidden, dim) for m in MODALITIES}) for _ in "DG")
            first, step_D, step_G = (
                torch.optim.SGD(net.to(device).parameters(), lr, weight_decay=self.decay, fused=True)
                for net, lr in ((D, self.pretraining_lr), (D, self.lr_d), (G, self.lr_g))
            )
            run = training.begin(rng, D["image"], D["text"], dim, G=G, first=first, step_D=step_D, step_G=step_G)
            f_D: Towers = {"image": run.image, "text": run.text}
            f_G: Towers = {m: run.prepared(G[m]) for m in MODALITIES}
            game = Game.of(self, train, dim, rng, device)
            blind: Tables = {m: torch.zeros(len(train), 1, device=device) for m in MODALITIES}  # all alike to G
            for epoch in run.epochs(self.pretraining + self.rounds):
                if epoch.number < self.pretraining:
                    game.discriminate(epoch, f_D, first, self.pretraining_batch, blind)
                else:
                    H_G = game.tables(f_G)
                    for _ in range(self.samples):
                        game.discriminate(epoch, f_D, step_D, self.batch, H_G)
                    H_D = game.tables(f_D)
                    for _ in range(self.passes):
                        game.generate(epoch, f_G, step_G, self.batch, H_D)
        return run.encoder()

    def log_p(self, d: Float[Tensor, "m pool"], drawn: Int[Tensor, "m samples"]) -> Float[Tensor, "m samples"]:
        """Return the logarithms of p = softmax(-d) of what was drawn from the pool."""
        if self.softmax == "drawn":
            return torch.log_softmax(-d.gather(1, drawn), 1)
        return torch.log_softmax(-d, 1).gather(1, drawn)


def hinge(
    q: Float[Tensor, "*m bits"], pos: Float[Tensor, "*m bits"], neg: Float[Tensor, "*m bits"], M: float
) -> Float[Tensor, "*m"]:
    """Return max(0, M + d(q, pos) - d(q, neg)) of every triple of sigmoids."""
    return (M + (q - pos).square().sum(-1) - (q - neg).square().sum(-1)).relu()


@final
@dataclass(frozen=True)
class Game:
    """The items, the relevant items of each, and the turn of either player, with images and then texts as queries."""

    rules: UGACH
    train: Paired
    neighbours: Int[Tensor, "n neighbours"]
    weight: Float[Tensor, "n neighbours"]
    rng: np.random.Generator
    M: float

    @classmethod
    def of(cls, rules: UGACH, train: Paired, dim: int, rng: np.random.Generator, device: torch.device) -> Game:
        """Return the game in which nearest neighbours in either modality are relevant; repeats have weight 0."""
        if len(train) < 2 * rules.k:
            raise InputError(f"k={rules.k} needs {2 * rules.k} training pairs, not {len(train)}: take a smaller k")
        rows = torch.cat([nearest(train.of(m), rules.k) for m in MODALITIES], 1).sort(1).values.to(device)
        weight = nn.functional.pad(rows.diff(dim=1) > 0, (1, 0), value=True).float()
        return cls(rules, train, rows, weight, rng, rules.margin * dim)

    def discriminate(self, epoch: Epoch, D: Towers, descent: torch.optim.Optimizer, size: int, H_G: Tables) -> None:
        """Train D to place a neighbour of each query nearer than an item that G picks."""
        for source, target in CROSSINGS:
            for batch in epoch.batches(self.train, size, self.rng):
                pos, pool = self.relevant(batch.rows, 1)[:, 0], self.pool()
                neg = self.pick(batch.rows, pool, squared_distances(H_G[source][batch.rows], H_G[target][pool]))
                h_pos, h_neg = self.codes(D, target, torch.cat([pos, neg])).chunk(2)
                L_D = hinge(self.codes(D, source, batch.rows), h_pos, h_neg, self.M).mean()
                epoch.step(L_D, descent)
                epoch.add(L_D=L_D)

    def generate(self, epoch: Epoch, G: Towers, descent: torch.optim.Optimizer, size: int, H_D: Tables) -> None:
        """Train G to draw items that D takes for relevant."""
        for source, target in CROSSINGS:
            for batch in epoch.batches(self.train, size, self.rng):
                pos, pool = self.relevant(batch.rows, self.rules.samples), self.pool()
                d = squared_distances(self.codes(G, source, batch.rows), self.codes(G, target, pool))
                drawn = torch.multinomial(torch.softmax(-d.detach(), 1), self.rules.samples, replacement=True)
                q = H_D[source][batch.rows][:, None]
                r = torch.sigmoid(hinge(q, H_D[target][pos], H_D[target][pool[drawn]], self.M))
                L_G = -(self.rules.log_p(d, drawn) * r).mean()
                epoch.step(L_G, descent)
                epoch.add(L_G=L_G, r=r.mean())

    def relevant(self, queries: Int[Tensor, "m"], count: int) -> Int[Tensor, "m count"]:
        """Return neighbours of each query, drawn uniformly."""
        return self.neighbours[queries].gather(1, torch.multinomial(self.weight[queries], count, replacement=True))

    def pool(self) -> Int[Tensor, "pool"]:
        """Return the rows of a random share of the items, at least as many as an item has neighbours."""
        n, neighbours = self.neighbours.shape
        return torch.randperm(n, device=self.weight.device)[: max(n // self.rules.pool, neighbours)]

    def pick(self, queries: Int[Tensor, "m"], pool: Int[Tensor, "p"], d: Float[Tensor, "m p"]) -> Int[Tensor, "m"]:
        """Return an item of the pool for each query, drawn by softmax(-d) from those that are no neighbours."""
        near = (self.neighbours[queries][:, :, None] == pool).any(1)
        return pool[torch.multinomial(torch.softmax(-d.masked_fill(near, torch.inf), 1), 1)[:, 0]]

    def codes(self, towers: Towers, modality: Modality, rows: Int[Tensor, "m"]) -> Float[Tensor, "m bits"]:
        """Return the sigmoids of training items."""
        batch = to_batch(chosen := rows.cpu().numpy(), self.train[chosen], self.weight.device)
        return torch.sigmoid(towers[modality](getattr(batch, modality)))

    @torch.no_grad()
    def tables(self, towers: Towers) -> Tables:
        """Return the sigmoids of all training items."""
        chunks = torch.arange(len(self.train)).split(CHUNK)
        return {m: torch.cat([self.codes(towers, m, rows) for rows in chunks]) for m in MODALITIES}


def tower(items: Array, hidden: int, dim: int) -> nn.Sequential:
    """Return a perceptron with tanh; its weights are drawn as released, biases start at 0."""
    made = perceptron(items, hidden, dim)
    made[1] = nn.Tanh()
    for weight in made.parameters():
        if weight.ndim > 1:
            nn.init.trunc_normal_(weight, std=0.1, a=-0.2, b=0.2)
        else:
            nn.init.zeros_(weight)
    return made
