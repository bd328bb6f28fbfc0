r"""Deep Cross-Modal Hashing (DCMH).

Q.-Y. Jiang and W.-J. Li, "Deep Cross-Modal Hashing", CVPR 2017.

Two networks end in real codes, unbounded, of which the signs are kept. The inner products across the modalities say
how likely two items are alike; both codes of a pair are drawn to one binary code, and every bit is to be +1 as often
as -1 over the training set:

    J = sum_ij [ log(1 + e^theta_ij) - S_ij theta_ij ]                        theta_ij = F_i . G_j / 2
        + gamma ( |B - F|^2 + |B - G|^2 )  +  eta ( |1^T F|^2 + |1^T G|^2 )

Learned in turns: the image network for an epoch, then the text network, then B = sgn(F + G), which minimises J over
all sign matrices. A step sees a batch of fresh codes of one modality against all n last codes of the other, and
follows the gradient of J divided by m n.

    paper       here        shape       meaning
    F*, G*      F, G        n bits      the last real code of every training item; the paper has them transposed
    F*_i        u           m bits      fresh codes of the batch, of either modality
    B           B           n bits      binary codes, one for both modalities
    S           S           m n         1 where two items share a label
    N           m           -           the size of a batch

What differs: the authors released the method twice. The default follows their Python code, with which its port to
PyTorch agrees, in the order of the turns, in F and G that begin normal, and in the rate, which falls linearly. Their
MATLAB code trains the text first and begins at zero, decays weights by 5e-4 and lets the rate fall geometrically to
1e-3: `start=zero`, `weight_decay=0.0005`, `decay=geometric`, `lr_end=0.001`. Where both codes draw each batch anew, so
that an epoch misses a third of the items, an epoch here passes all of them. In the port the text is not balanced,
because no gradient reaches its sum; here it is. Weights begin as in the port, by the rule of PyTorch; the authors draw
those of the text and of the last layer of the images from N(0, 0.01^2). Images pass a pretrained CNN-F in the paper,
whose last layer gives way to the code; here features take the place of that network, or pixels pass a trunk of their
own, and the code is linear in them. `hidden` puts a layer between, which on features of large norm needs a smaller rate
than the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.losses import pairwise_nll
from ..nn.similarity import label_similarity, sign
from ..nn.towers import perceptron
from ..training.distributed import update_memory_bank
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class DCMH(Method):
    """Deep Cross-Modal Hashing."""

    source: ClassVar = Source(
        "Deep Cross-Modal Hashing",
        "Jiang and Li",
        "CVPR",
        2017,
        "https://arxiv.org/abs/1602.02255",
        code="https://github.com/jiangqy/DCMH-CVPR2017",
    )
    supervised: ClassVar = True

    gamma: float = 1.0  # paper: weight of the distance to the binary codes
    eta: float = 1.0  # paper: weight of the balance of bits
    hidden: int = 0  # ours: units between features and image codes; the released code has none above fc7
    text_hidden: int = 8192  # released code
    batch: int = 128  # paper
    epochs: int = 500  # released code
    lr: float = 10**-1.5  # released code: of SGD, in the first epoch
    lr_end: float = 1e-6  # released code, Python; 1e-3 in MATLAB: in the last epoch
    decay: Literal["linear", "geometric"] = "linear"  # released code, Python; geometric in MATLAB
    start: Literal["normal", "zero"] = "normal"  # released code, Python; zero in MATLAB: of F and G
    weight_decay: float = 0.0  # released code, Python; 5e-4 in MATLAB

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return perceptrons into `dim` bits; a term's mean over the epoch is logged divided by m n, like the loss."""
        with training.seeded(seed) as (rng, device):
            L = torch.from_numpy(train.known_labels).float().to(device)
            first = torch.randn if self.start == "normal" else torch.zeros
            F, G = first(len(train), dim).to(device), first(len(train), dim).to(device)
            B = sign(F + G)
            image = perceptron(train.image, *([self.hidden] if self.hidden else []), dim)
            text = perceptron(train.text, self.text_hidden, dim)
            weights = nn.ModuleList([image, text]).to(device).parameters()
            optimiser = torch.optim.SGD(weights, self.lr, weight_decay=self.weight_decay, fused=True)
            run = training.begin(rng, image, text, dim, optimiser=optimiser, F=F, G=G, B=B)
            for epoch in run.epochs(self.epochs):
                optimiser.param_groups[0]["lr"] = self.rate(epoch.number)
                for side, tower, own, other in (("image", run.image, F, G), ("text", run.text, G, F)):
                    for batch in epoch.batches(train, self.batch, rng):
                        rows, u = batch.rows, tower(getattr(batch, side))
                        update_memory_bank(own, rows, u)
                        rest = own.sum(0) - own[rows].sum(0)
                        terms = self.terms(u, other, label_similarity(L[rows], L), B[rows], rest)
                        scale = len(rows) * len(train)
                        loss = self.objective(terms) / scale
                        epoch.step(loss, optimiser)
                        epoch.add(**{f"loss_{side}": loss}, **{name: term / scale for name, term in terms.items()})
                B.copy_(sign(F + G))
        return run.encoder()

    def rate(self, epoch: int) -> float:
        """Return the learning rate in an epoch counted from 0."""
        spaced = np.linspace if self.decay == "linear" else np.geomspace
        return float(spaced(self.lr, self.lr_end, self.epochs)[epoch])

    def terms(
        self,
        u: Float[Tensor, "m bits"],
        V: Float[Tensor, "n bits"],
        S: Float[Tensor, "m n"],
        b: Float[Tensor, "m bits"],
        rest: Float[Tensor, "bits"],
    ) -> dict[str, Tensor]:
        """Return the parts of J that depend on fresh codes `u`, unweighted.

        `V` holds the last codes of the other modality, `b` the binary codes of the batch, and `rest` the sum of this
        modality's last codes over all items that are not in the batch.
        """
        balance = (rest + u.sum(0)).square().sum()
        return {"L_pair": pairwise_nll(u, V, S), "L_quant": (b - u).square().sum(), "L_balance": balance}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """Return L_pair + gamma L_quant + eta L_balance."""
        return terms["L_pair"] + self.gamma * terms["L_quant"] + self.eta * terms["L_balance"]
