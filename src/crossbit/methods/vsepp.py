r"""VSE++: visual-semantic embeddings with the hardest negative of a batch.

F. Faghri, D. J. Fleet, J. R. Kiros and S. Fidler, "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives",
BMVC 2018.

An image and its caption shall score higher than each of them with anything else of the batch, by a margin; what counts
is the one that comes nearest to breaking this. With m pairs in a batch

    MH   L = sum_j ( max_{k != j} [alpha + S_jk - S_jj]_+  +  max_{k != j} [alpha + S_kj - S_jj]_+ )
    SH   L = sum_j sum_{k != j} ( [alpha + S_jk - S_jj]_+  +  [alpha + S_kj - S_jj]_+ )

    paper        here        shape       meaning
    phi(i)       x           m d         frozen features of images, or what a convolutional trunk makes of pixels
    f(i)         v           m dim       W phi(i) at unit length
    g(c)         l           m dim       the state of a GRU after the end of the caption, at unit length
    s(i, c)      S           m m         v l^T, an image per row
    alpha        alpha                   the margin

If all embeddings coincide, every hinge is alpha and MH stays at 2 m alpha, with hardly a way out. `warm_up` epochs of
SH, which VSE-infinity's code ships in a like form (a mean in place of the sum), lead past it; the deviations of v and l
in the log tell of a collapse.

What differs: the paper speaks of negatives, the released code takes every other pair of a batch for one, even another
caption of the same image; here those are masked, and siblings="negative" is the released code. Both sum over the batch.
The released code keeps the batch statistics of a frozen CNN learning and its vocabulary counts test captions; here
features do not change and words are counted in training. Texts may also be vectors, such as a bag of words: then g is
linear, which is ours, as is the trunk for pixels. The paper takes the snapshot with the best rsum on validation, which
is what a `patience` of as many epochs does. Its joint space has 1,024 dimensions; here it has `dim`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..data.pairs import Paired
from ..data.rows import Array, is_sparse
from ..models.encoder import DualEncoder
from ..nn.gru import gru_encoder
from ..nn.layers import Normalise
from ..nn.losses import hinge
from ..nn.towers import perceptron
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class VSEPP(Method):
    """VSE++, and with over="all" the VSE0 that it improves on."""

    source: ClassVar = Source(
        "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives",
        "Faghri, Fleet, Kiros and Fidler",
        "BMVC",
        2018,
        "https://arxiv.org/abs/1707.05612",
        code="https://github.com/fartashf/vsepp",
    )
    supervised: ClassVar = False

    alpha: float = 0.2  # released: the margin
    over: Literal["hardest", "all"] = "hardest"  # MH, or SH
    siblings: Literal["masked", "negative"] = "masked"  # ours; released: negative
    warm_up: int = 0  # epochs of SH before MH; VSE-infinity: 1
    width: int = 300  # released: of a word vector; given vectors bring their own
    layers: int = 1  # released: of the GRU
    batch: int = 128  # released
    epochs: int = 30  # released
    lr: float = 2e-4  # released: of Adam
    lr_update: int = 15  # released: epochs until the rate is divided by ten, again and again
    clip: float = 2.0  # released: norm of the gradient

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return an image tower and a text tower into `dim` dimensions."""
        with training.seeded(seed) as (rng, device):
            image, text = projection(train.image, dim), self.reader(train, dim)
            optimiser = torch.optim.Adam(nn.ModuleList([image, text]).to(device).parameters(), self.lr)
            run = training.begin(rng, image, text, dim, space="cosine", optimiser=optimiser)
            for epoch in run.epochs(self.epochs):
                for group in optimiser.param_groups:
                    group["lr"] = self.lr * 0.1 ** (epoch.number // self.lr_update)
                for batch in epoch.batches(train, self.batch, rng):
                    v, l = run.image(batch.image), run.text(batch.text)
                    loss = self.objective(v @ l.T, batch.item, epoch.number)
                    epoch.step(loss, optimiser, clip=self.clip)
                    epoch.add(loss=loss, sd_v=v.std(0, correction=0).mean(), sd_l=l.std(0, correction=0).mean())
        return run.encoder()

    def objective(self, S: Float[Tensor, "m m"], item: Int[Tensor, "m"], epoch: int) -> Float[Tensor, ""]:
        """Return L in an epoch counted from 0; pairs of one item share their image."""
        same = item[:, None] == item
        if self.siblings == "negative":
            same = torch.eye(len(S), dtype=torch.bool, device=S.device)
        return hinge(S, same, self.alpha, "all" if epoch < self.warm_up else self.over)

    def reader(self, train: Paired, dim: int) -> nn.Module:
        """Return g."""
        if train.vocabulary is None:
            return projection(train.text, dim)
        return nn.Sequential(gru_encoder(train, self.width, dim, self.layers), Normalise())


def projection(items: Array, dim: int) -> nn.Sequential:
    """Return f: features at unit length, W, and unit length again; sparse features are taken as they are."""
    *trunk, W = perceptron(items, dim)
    weight, bias = W.parameters()
    nn.init.xavier_uniform_(weight)
    nn.init.zeros_(bias)
    return nn.Sequential(*trunk, *([] if is_sparse(items) else [Normalise()]), W, Normalise())
