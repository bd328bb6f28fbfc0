r"""Deep Joint-Semantics Reconstructing Hashing (DJSRH).

S. Su, Z. Zhong and C. Zhang, "Deep Joint-Semantics Reconstructing Hashing for Large-Scale Unsupervised Cross-Modal
Retrieval", ICCV 2019.

No labels: the similarities of frozen image features and of tags are joined into one matrix, to which its square adds
how alike the neighbourhoods of two items are. The cosines between codes must rebuild that matrix.

    S~  = beta S_I + (1 - beta) S_T
    S   = mu [ (1 - eta) S~ + eta S~ S~^T / m ]
    min   lambda_1 |S - II|^2 + |S - IT|^2 + lambda_2 |S - TT|^2,    |.|^2 a mean over entries

    paper       here        shape       meaning
    F_I, F_T    F_I, F_T    m d         features of a batch; F_I are those of a frozen, untouched image network
    S_I, S_T    S_I, S_T    m m         2 cos - 1 of the features
    S~          S_tilde     m m         joint similarity; its square over the batch size is of second order
    alpha       alpha                   slope of tanh, sqrt(epoch), which grows as training goes on
    H           H_I, H_T    m bits      tanh(alpha Z)
    II, IT, TT  cosine(H)   m m         cosines between codes

What differs: the paper's image network is a pretrained AlexNet, all of which is fine-tuned on MIRFlickr and NUS-WIDE
and its fully connected layers on Wiki. Here images are features, which are the frozen ones themselves, or pixels, whose
small trunk is trained while a copy of it, as it was before training, gives F_I. The released code divides the square
by its batch size, 32, and drops an incomplete batch; here m is the size of the batch. Its means are over entries where
the paper writes norms, and its defaults for MIRFlickr are the defaults here; what other sets need stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.losses import gram
from ..nn.similarity import rescaled_cosine
from ..nn.tensors import dense
from ..nn.towers import frozen_trunk, perceptron
from ..training.run import PLAIN, Training, tanh_slope
from .base import Method, Source


@final
@dataclass(frozen=True)
class DJSRH(Method):
    """Deep Joint-Semantics Reconstructing Hashing."""

    source: ClassVar = Source(
        "Deep Joint-Semantics Reconstructing Hashing for Large-Scale Unsupervised Cross-Modal Retrieval",
        "Su, Zhong and Zhang",
        "ICCV",
        2019,
        "https://doi.org/10.1109/ICCV.2019.00312",
        code="https://github.com/zs-zhong/DJSRH",
    )
    supervised: ClassVar = False

    beta: float = 0.9  # released for MIRFlickr; NUS-WIDE 0.6, Wiki 0.3: share of S_I; 1 is S_I only, 0 S_T only
    eta: float = 0.4  # released: share of the second order; 0 ablates it
    mu: float = 1.5  # released: stretch of the target; 1 ablates it
    lambda_1: float = 0.1  # released for MIRFlickr and NUS-WIDE; Wiki 0.3: weight of |S - II|^2
    lambda_2: float = 0.1  # released for MIRFlickr and NUS-WIDE; Wiki 0.3: weight of |S - TT|^2
    alpha: Literal["sqrt", "one"] = "sqrt"  # released: slope of tanh by epoch; "one" is the paper's ablation
    hidden: int = 4096  # released: width of the hidden layer of the texts; the hash layer of the images has none
    batch: int = 32  # released
    epochs: int = 80  # released for MIRFlickr and NUS-WIDE; Wiki 200
    lr_image: float = 0.001  # released for MIRFlickr and NUS-WIDE; Wiki 0.01: of SGD
    lr_text: float = 0.01  # released
    momentum: float = 0.9  # released
    weight_decay: float = 5e-4  # released

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return a linear layer, on a trunk where images are pixels, and a perceptron for texts, into `dim` bits."""
        with training.seeded(seed) as (rng, device):
            image, text = perceptron(train.image, dim).to(device), perceptron(train.text, self.hidden, dim)
            frozen = frozen_trunk(image)
            groups = [
                {"params": image.parameters(), "lr": self.lr_image},
                {"params": text.to(device).parameters(), "lr": self.lr_text},
            ]
            optimiser = torch.optim.SGD(groups, momentum=self.momentum, weight_decay=self.weight_decay, fused=True)
            run = training.begin(rng, image, text, dim, optimiser=optimiser)
            for epoch in run.epochs(self.epochs):
                alpha = tanh_slope(epoch.number) if self.alpha == "sqrt" else 1.0
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    S = self.target(dense(frozen(batch.image)), dense(batch.text))
                    H_I, H_T = torch.tanh(alpha * run.image(batch.image)), torch.tanh(alpha * run.text(batch.text))
                    terms = {"L_II": gram(H_I, H_I, S), "L_IT": gram(H_I, H_T, S), "L_TT": gram(H_T, H_T, S)}
                    loss = self.objective(terms)
                    epoch.step(loss, optimiser)
                    epoch.add(loss=loss, **terms)
        return run.encoder()

    @torch.no_grad()
    def target(self, F_I: Float[Tensor, "m d_I"], F_T: Float[Tensor, "m d_T"]) -> Float[Tensor, "m m"]:
        """Return S = mu [(1 - eta) S~ + eta S~ S~^T / m] of a batch."""
        S_tilde = self.beta * rescaled_cosine(F_I) + (1 - self.beta) * rescaled_cosine(F_T)
        return self.mu * ((1 - self.eta) * S_tilde + self.eta * (S_tilde @ S_tilde.T) / len(S_tilde))

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """Return lambda_1 |S - II|^2 + |S - IT|^2 + lambda_2 |S - TT|^2."""
        return self.lambda_1 * terms["L_II"] + terms["L_IT"] + self.lambda_2 * terms["L_TT"]
