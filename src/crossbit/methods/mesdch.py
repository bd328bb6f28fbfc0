r"""Multi-label Enhancement based Self-supervised Deep Cross-modal Hashing (MESDCH).

X. Zou, S. Wu, E. M. Bakker and X. Wang, "Multi-label enhancement based self-supervised deep cross-modal hashing",
Neurocomputing 467, 2022.

How alike two items are is how alike their sets of labels are, not only whether they share one. A network of labels and
those of images and texts learn codes whose cosines follow that affinity, each against its own last codes of all
training items and against those of the label network, which is the bridge between the two modalities:

    K(h, H)  = mean_ij (A_ij - A^H_ij) log (A_ij + e) / (A^H_ij + e)          Q(h) = mean |h - B|^2
    labels     beta K(l, H) + K(l, F) + alpha K(l, G) + gamma Q(l)
    images     beta K(f, F) + K(f, H) + gamma Q(f)
    texts      beta K(g, G) + K(g, H) + gamma Q(g)

K is the Kullback-Leibler divergence of every pair's affinities in both directions: it is 0 only where they are equal.

    paper       here        shape       meaning
    A^L         A           m n         cosine of the label vectors, in [0, 1]
    A^H         relaxed     m n         cosine of fresh and remembered codes, a negative one counting as 0
    F, G, H     H[...]      n bits      last codes of images, texts and labels, of all training items
    B           B           n bits      sgn(F + G + H), after every epoch

What differs: the article was not available to us, so all is as in the released code, whose phases disagree on the
weight of texts and labels, alpha in one and 1 in the other. An item without a label has no affinity to anything, not
even to itself, so that it is left out of training. In place of AlexNet, whose last layer gives way to the code, images
have features or pixels, with `hidden` units of their own below the code. The windows' weights begin at 1, all else as
torch has it. An epoch passes the items of whole batches, which the normalisation needs; the rest waits for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ..data.pairs import Paired
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.layers import MultiScale
from ..nn.losses import summed
from ..nn.similarity import cosine, sign
from ..nn.towers import mlp, perceptron
from ..training.distributed import update_memory_bank
from ..training.run import PLAIN, Training
from .base import Method, Source

#: How many words, or labels, the text and label networks see at once, and the step to the next (released code).
WINDOWS = [(10, 10), (6, 5), (3, 3), (2, 2), (1, 1)]
#: e, which keeps the logarithm of an affinity of 0 finite (released code).
EPSILON = 1e-5


@final
@dataclass(frozen=True)
class MESDCH(Method):
    """Multi-label Enhancement based Self-supervised Deep Cross-modal Hashing."""

    source: ClassVar = Source(
        "Multi-label enhancement based self-supervised deep cross-modal hashing",
        "Zou, Wu, Bakker and Wang",
        "Neurocomputing",
        2022,
        "https://doi.org/10.1016/j.neucom.2021.09.053",
        code="https://github.com/SWU-CS-MediaLab/MESDCH",
    )
    supervised: ClassVar = True

    alpha: float = 0.3  # released code: weight of labels against texts
    beta: float = 1.9  # released code: weight of a network's codes against its own
    gamma: float = 0.9  # released code: weight of the distance to binary codes
    hidden: int = 4096  # ours: a layer like AlexNet's fc7 between features and image codes; 0 is none
    text_hidden: int = 4096  # released code: first layer of texts and labels
    width: int = 512  # released code: their second
    batch: int = 128  # released code
    epochs: int = 500  # released code
    lr: float = 10**-1.5  # released code: of SGD, in the first epoch
    lr_end: float = 1e-6  # released code: in the last, linearly

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return networks into `dim` bits, trained on the pairs that carry a label."""
        train = labelled(train)
        with training.seeded(seed) as (rng, device):
            L = torch.from_numpy(train.known_labels).float().to(device)
            nets = self.networks(train, L.shape[1], dim)
            codes = torch.randn(3, len(L), dim).to(device)
            H, B = dict(zip(nets, codes, strict=True)), sign(codes.sum(0))
            every = nn.ModuleDict(nets).to(device)
            optimiser = torch.optim.SGD(every.parameters(), self.lr, fused=True)
            run = training.begin(
                rng, nets["image"], nets["text"], dim, optimiser=optimiser, label=nets["label"], codes=codes, B=B
            )
            towers = {"label": run.prepared(nets["label"]), "image": run.image, "text": run.text}
            for epoch in run.epochs(self.epochs):
                optimiser.param_groups[0]["lr"] = np.linspace(self.lr, self.lr_end, self.epochs)[epoch.number]
                for name, tower in towers.items():
                    for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                        l = L[batch.rows]
                        h = tower(l if name == "label" else getattr(batch, name))
                        update_memory_bank(H[name], batch.rows, h)
                        losses = self.objective(name, h, cosine(l, L), H, B[batch.rows])
                        epoch.step(losses[f"loss_{name}"], optimiser)
                        epoch.add(**losses)
                B.copy_(sign(codes.sum(0)))
        return run.encoder()

    def networks(self, train: Paired, classes: int, dim: int) -> dict[str, nn.Sequential]:
        """Return the networks of labels, images and texts, untrained."""
        image = perceptron(train.image, *([self.hidden] if self.hidden else []), dim)
        nets = {"label": self.scaled(classes, dim), "image": image, "text": self.scaled(train.text.shape[1], dim)}
        return {name: net.append(nn.Tanh()) for name, net in nets.items()}

    def scaled(self, width: int, dim: int) -> nn.Sequential:
        """Return a network for texts or labels: several scales, then three layers."""
        first, relu, second, _, last = mlp((1 + len(WINDOWS)) * width, self.text_hidden, self.width, dim)
        normed = [nn.BatchNorm1d(self.text_hidden), nn.BatchNorm1d(self.width)]
        return nn.Sequential(MultiScale(WINDOWS, ends=True), first, relu, normed[0], second, relu, normed[1], last)

    def partners(self, name: str) -> dict[str, float]:
        """Return the networks whose codes a network learns from, with weights."""
        others = {"label": {"image": 1.0, "text": self.alpha}, "image": {"label": 1.0}, "text": {"label": 1.0}}
        return {name: self.beta, **others[name]}

    def objective(
        self, name: str, h: Float[Tensor, "m bits"], A: Float[Tensor, "m n"], H: dict[str, Tensor], b: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss of fresh codes of a network and its parts, `b` being the binary codes of the batch."""

        def part(A: Tensor, h: Tensor, B: Tensor) -> Tensor:
            return divergence(A, relaxed(h, B)) * (len(h) / len(b))

        K = torch.stack([w * summed(part, (A, h), H[other]) for other, w in self.partners(name).items()]).sum()
        Q = mse_loss(h, b)
        return {f"loss_{name}": K + self.gamma * Q, f"K_{name}": K, f"Q_{name}": Q}


def relaxed(h: Float[Tensor, "m bits"], H: Float[Tensor, "n bits"]) -> Float[Tensor, "m n"]:
    """Return the cosines between real codes; the negative ones, which no affinity has, count as 0."""
    return cosine(h, H).relu()


def divergence(A: Float[Tensor, "m n"], C: Float[Tensor, "m n"]) -> Float[Tensor, ""]:
    """Return the mean of `(A - C) log(A / C)`, the symmetric divergence: 0 only where A and C are equal."""
    return ((A - C) * ((A + EPSILON) / (C + EPSILON)).log()).mean()


def labelled(train: Paired) -> Paired:
    """Return the pairs that carry at least one label."""
    rows = np.flatnonzero(train.known_labels.any(1))
    if len(rows) < 2:
        raise InputError(f"{len(rows)} training pairs carry a label, and the affinity of labels needs two of them")
    return train if len(rows) == len(train) else train[rows]
