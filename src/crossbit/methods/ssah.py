r"""Self-Supervised Adversarial Hashing (SSAH).

C. Li, C. Deng, N. Li, W. Liu, X. Gao and D. Tao, "Self-Supervised Adversarial Hashing Networks for Cross-Modal
Retrieval", CVPR 2018.

A network of labels learns what features and codes of similar items are like; those of images and texts learn to agree
with it pair by pair, each against an adversary that tells it from labels. * is l (labels), v (images) or t (texts):

    J*   = sum_ij [ alpha nll(F*_i . F^l_j / 2, S_ij) + gamma nll(H*_i . H^l_j / 2, S_ij) ]
           + eta |H* - B|^2  +  beta |L^* - L|^2  [ - delta sum_i log D*(F*_i)  for v and t ]
    J_D  = mean of -log D*(F^l_i) and -log(1 - D*(F*_i)) over v and t
    B    = sgn(H^l + H^v + H^t)                               nll(theta, S) = log(1 + e^theta) - S theta

    paper       here        shape       meaning
    F           F           m width     semantic features, the layer below the code
    H           H           m bits      real codes in (-1, 1)
    L^          P           m c         labels as predicted from F
    F^l, H^*    F_l, H      n -         the labels' last features, every network's last codes, of all training items
    B           B           n bits      binary codes, one for all networks
    S           S           m n         1 where two items share a label
    D^v, D^t    D                       adversaries; 1 is what they say of a feature of labels

What differs: where the released code departs from the paper is a switch: its pair loss is half the square of S
theta - log(1 + e^theta) (`pair=released`) with `alike=0.999`, a network is drawn to its own signs (`binary=own`), and
no gradient of an adversary reaches the networks (`delta=0`, which trains the same codes). The paper was not available
to us: weights, the adversaries' cross entropy and the schedule are the code's. In its turn a network passes the data
several times at each of several rates, as long as its loss falls, here the mean over a pass; every outer epoch divides
all rates by sqrt(10), so that a few suffice. Local response normalisations, constant factors here, are left out. A
layer on features or pixels replaces the pretrained CNN-F.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.layers import MultiScale
from ..nn.losses import pairwise_nll
from ..nn.similarity import label_similarity, sign
from ..nn.towers import mlp, perceptron
from ..training.distributed import update_memory_bank
from ..training.early_stopping import passes_while_falling
from ..training.epoch import MiniBatch
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
class Network(nn.Module):
    """Maps items to their semantic features F, codes H and predicted labels P."""

    def __init__(self, features: nn.Sequential, width: int, dim: int, classes: int) -> None:
        super().__init__()
        self.features = features.append(nn.ReLU())
        self.code, self.label = nn.Linear(width, dim), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return F, H and P."""
        F = self.features(x)
        return F, torch.tanh(self.code(F)), torch.sigmoid(self.label(F))

    def tower(self) -> nn.Sequential:
        """Return the tower, up to the codes."""
        return nn.Sequential(self.features, self.code, nn.Tanh())


class TrainingState(NamedTuple):
    """The networks, the adversaries, and the memory banks of all training items."""

    nets: dict[str, nn.Module]
    D: dict[str, nn.Module]
    L: Float[Tensor, "n classes"]
    F_l: Float[Tensor, "n width"]
    H: dict[str, Tensor]
    B: Float[Tensor, "n bits"]


@final
@dataclass(frozen=True)
class SSAH(Method):
    """Self-Supervised Adversarial Hashing."""

    source: ClassVar = Source(
        "Self-Supervised Adversarial Hashing Networks for Cross-Modal Retrieval",
        "Li, Deng, Li, Liu, Gao and Tao",
        "CVPR",
        2018,
        "https://arxiv.org/abs/1804.01223",
        code="https://github.com/lelan-li/SSAH",
    )
    supervised: ClassVar = True

    alpha: float = 1.0  # released code: weight of the pairs of features
    gamma: float = 1.0  # released code: weight of the pairs of codes
    eta: float = 1.0  # released code: weight of the distance to binary codes
    beta: float = 1.0  # released code: weight of the predicted labels
    delta: float = 1.0  # released code, where it has no effect: weight of the adversaries; 0 ablates them
    pair: Literal["nll", "released"] = "nll"  # paper
    alike: float = 1.0  # paper; 0.999 in the released code: S of two items that share a label
    binary: Literal["common", "own"] = "common"  # paper; own signs in the released code
    hidden: int = 4096  # released code: first layer of every network
    width: int = 512  # released code: of the semantic features
    batch: int = 128  # released code
    epochs: int = 5  # ours: outer ones; then all rates are down to a hundredth
    label_passes: int = 10  # released code: at the first of two rates, half as many at the second
    passes: int = 15  # released code: over images and texts at the first of three rates, 1/2 and 1/3 at the others
    lr_label: float = 1e-2  # released code: first rates, all of Adam
    lr_adversary: float = 1e-3  # released code
    lr_image: float = 10**-4.5  # released code, above a pretrained CNN-F; small for features, which 1e-3 suits
    lr_text: float = 10**-3.5  # released code; 1e-3 suits features here too

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return networks into `dim` bits; an epoch is an outer one, its log the means over all passes of all turns."""
        with training.seeded(seed) as (rng, device):
            L = torch.from_numpy(train.known_labels).float().to(device)
            nets = self.networks(train, L.shape[1], dim)
            D = {name: mlp(self.width, 512, 256, 1) for name in ("image", "text")}
            F_l, H = torch.randn(len(L), self.width).to(device), torch.randn(3, len(L), dim).to(device)
            B = sign(H.sum(0))
            every = nn.ModuleDict({"nets": nn.ModuleDict(nets), "D": nn.ModuleDict(D)}).to(device)
            adam, adam_D = (torch.optim.Adam(part.parameters(), fused=True) for part in every.values())
            image, text = nets["image"].tower(), nets["text"].tower()
            run = training.begin(rng, image, text, dim, every=every, adam=adam, adam_D=adam_D, F_l=F_l, H=H, B=B)
            ready, ready_D = ({name: run.prepared(net) for name, net in each.items()} for each in (nets, D))
            state = TrainingState(ready, ready_D, L, F_l, dict(zip(nets, H, strict=True)), B)
            for epoch in run.epochs(self.epochs):
                for name, rate, passes in self.turns(epoch.number):
                    optimiser = adam_D if name == "D" else adam
                    optimiser.param_groups[0]["lr"] = rate
                    for losses in passes_while_falling(passes):
                        for batch in epoch.batches(train, self.batch, rng):
                            J = self.judgement(batch, state) if name == "D" else self.agreement(name, batch, state)
                            losses.append(J.detach() / len(batch.rows))
                            epoch.step(J / len(batch.rows), optimiser)
                            epoch.add(**{f"J_{name}": losses[-1]})
                B.copy_(sign(H.sum(0)))
        return run.encoder()

    def networks(self, train: Paired, classes: int, dim: int) -> dict[str, Network]:
        """Return the networks of labels, images and texts, untrained."""
        scales = MultiScale([(size, size) for size in (5, 10, 15, 30, 50)])  # in words, as in the released code
        scaled = (1 + len(scales.windows)) * train.text.shape[1]
        features = {
            "label": mlp(classes, self.hidden, self.width),
            "image": perceptron(train.image, self.hidden, self.width),
            "text": nn.Sequential(scales, *mlp(scaled, self.hidden, self.width)),
        }
        return {name: Network(each, self.width, dim, classes) for name, each in features.items()}

    def turns(self, epoch: int) -> Iterator[tuple[str, float, int]]:
        """Yield the network in turn, its rate and its most passes in an outer epoch counted from 0."""
        for name, rate, passes, rates in (
            ("label", self.lr_label, self.label_passes, 2),
            ("D", self.lr_adversary, 1, 2),
            ("image", self.lr_image, self.passes, 3),
            ("text", self.lr_text, self.passes, 3),
        ):
            for i in range(rates):
                yield name, rate / 10 ** ((epoch + i) / 2), max(1, passes // (i + 1))

    def agreement(self, name: str, batch: MiniBatch, state: TrainingState) -> Tensor:
        """Return a network's J on a batch, whose codes (and features of labels) enter the memory banks first."""
        l = state.L[batch.rows]
        F, H, P = state.nets[name](l if name == "label" else getattr(batch, name))
        update_memory_bank(state.H[name], batch.rows, H)
        if name == "label":
            update_memory_bank(state.F_l, batch.rows, F)
        S = self.alike * label_similarity(l, state.L)
        pairs = self.alpha * self.pairs(F, state.F_l, S) + self.gamma * self.pairs(H, state.H["label"], S)
        b = state.B[batch.rows] if self.binary == "common" else sign(H)
        J: Tensor = pairs + self.eta * (H - b).square().sum() + self.beta * (P - l).square().sum()
        return J + self.delta * verdict(state.D[name](F), 1.0) if self.delta and name in state.D else J

    def judgement(self, batch: MiniBatch, state: TrainingState) -> Tensor:
        """Return the loss of the adversaries on the features of a batch, without gradient to the networks."""
        with torch.no_grad():
            F_l = state.nets["label"](state.L[batch.rows])[0]
            F = {name: state.nets[name](getattr(batch, name))[0] for name in state.D}
        wrong = [verdict(D(F_l), 1.0) + verdict(D(F[name]), 0.0) for name, D in state.D.items()]
        return torch.stack(wrong).sum() / 4

    def pairs(self, A: Tensor, B: Tensor, S: Tensor) -> Tensor:
        """Return the pair loss between fresh features or codes and those of a memory bank."""
        if self.pair == "nll":
            return pairwise_nll(A, B, S)
        theta = A @ B.T / 2
        return (S * theta - softplus(theta)).square().sum() / 2


def verdict(logits: Tensor, truth: float) -> Tensor:
    """Return the summed cross-entropy of an adversary's logits: the truth is 1 for labels, 0 for others."""
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth), reduction="sum")
