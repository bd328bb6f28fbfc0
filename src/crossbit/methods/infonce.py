r"""CLIP's training: the symmetric cross-entropy of a batch, from scratch, on frozen features, or on from a CLIP.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.

In a batch of m pairs each image is to name its text among all m, and each text its image.

    S   = e^tau v l^T
    L   = 1/2m sum_j ( -log softmax_k(S_jk)[j]  -  log softmax_k(S_kj)[j] )

    paper        here        shape       meaning
    I_e, T_e     v, l        m dim       embeddings of images and texts at unit length
    logits       S           m m         an image per row
    t            tau                     log of the scale, learned

Larger batches make the choice harder. With gradient caching in chunks of `chunk` rows, the towers keep only the
embeddings of a batch and recompute the rest in the backward pass (`crossbit.training.memory`): 1,024 pairs need hardly
more memory than one chunk, and the gradient is exactly that of the batch.

Images are vectors, for which W is linear, or pixels, for a small convolutional trunk; texts are word ids, read by a
GRU, or vectors. Or else `model` names a CLIP, SigLIP or the like that is trained on; then the features are its inputs,
clip(model=..., inputs=true), and the space is its own.

What differs: the paper trains a ResNet or ViT and a Transformer on 400 million pairs; here trunk, GRU and the values
marked "ours" are for what a small machine can do. The paper knows one text of an image. Further captions of it are left
out of the choice; siblings="positive" takes them for as right as the own, "negative" for as wrong as any. Values of
CLIP_ITM are of a released code that fine-tunes CLIP (github.com/leolee99/CLIP_ITM).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, log, pi
from typing import ClassVar, TypeAlias, final

import numpy as np
import torch
from torch import Tensor, nn

from ..data.pairs import Paired
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.gru import gru_encoder
from ..nn.layers import Normalise
from ..nn.losses import Siblings, infonce
from ..nn.pretrained import pretrained_towers
from ..nn.towers import perceptron
from ..training.distributed import world_size
from ..training.memory import gradient_cached
from ..training.run import PLAIN, Training
from .base import Method, Source

#: Of images, of texts, and the number of dimensions that they lead to.
Towers: TypeAlias = tuple[nn.Module, nn.Module, int]


@final
@dataclass(frozen=True)
class InfoNCE(Method):
    """CLIP's objective on small towers, on heads of frozen features, or on a pretrained CLIP."""

    source: ClassVar = Source(
        "Learning Transferable Visual Models From Natural Language Supervision",
        "Radford et al.",
        "ICML",
        2021,
        "https://proceedings.mlr.press/v139/radford21a.html",
        code="https://github.com/openai/CLIP",
    )
    supervised: ClassVar = False

    temperature: float = 0.07  # paper: e^-tau before the first step
    most: float = 100.0  # paper: e^tau is clamped to it
    siblings: Siblings = "masked"  # ours: see above
    model: str = ""  # a CLIP to go on from, as a folder or on the hub; empty: fresh towers
    revision: str = "main"  # of `model` on the hub
    width: int = 128  # ours: of a word vector; given vectors bring their own
    hidden: int = 256  # ours: of the GRU
    directions: int = 2  # ours: 2 reads backwards too
    batch: int = 256  # CLIP_ITM, which fine-tunes ViT-B/32; the paper: 32,768
    chunk: int = 0  # rows that pass the towers at once; 0: all
    epochs: int = 30  # ours; CLIP_ITM: 5
    lr: float = 1e-3  # ours, from scratch and for heads; CLIP_ITM: 1e-5
    warm_up: float = 0.1  # ours: share of all steps; CLIP_ITM: 500 steps
    beta_2: float = 0.98  # CLIP_ITM: of AdamW; beta_1 is 0.9
    eps: float = 1e-6  # CLIP_ITM
    weight_decay: float = 0.2  # CLIP_ITM; of no vector and not of tau

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return an image tower and a text tower into `dim` dimensions, or into those of `model`."""
        with training.seeded(seed) as (rng, device):
            image, text, dim = self.pretrained(train) if self.model else self.fresh(train, dim)
            scale = Scale(self.temperature, self.most)
            optimiser = self.optimiser(nn.ModuleList([image, text, scale]).to(device))
            run = training.begin(rng, image, text, dim, space="cosine", optimiser=optimiser, scale=scale)
            scaled = run.prepared(scale)
            steps = max(len(train) // self.batch // world_size(), 1)
            for epoch in run.epochs(self.epochs):
                for i, batch in enumerate(epoch.batches(train, self.batch, rng, drop_last=True)):
                    for group in optimiser.param_groups:
                        group["lr"] = self.rate(epoch.number * steps + i, self.epochs * steps)
                    v = gradient_cached(run.image, batch.image, self.chunk)
                    l = gradient_cached(run.text, batch.text, self.chunk)
                    loss = infonce(scaled(v) @ l.T, batch.item[:, None] == batch.item, self.siblings)
                    epoch.step(loss, optimiser)
                    epoch.add(loss=loss, scale=scale.clamped())
        return run.encoder()

    def rate(self, step: int, total: int) -> float:
        """Return the learning rate of a step counted from 0: linear warm-up, then cosine decay to 0."""
        rise = self.warm_up * total
        if step < rise:
            return self.lr * (step + 1) / (rise + 1)
        return self.lr * (1 + cos(pi * (step - rise) / (total - rise))) / 2

    def optimiser(self, every: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with weight decay on matrices and kernels only."""
        weights = [*every.parameters()]
        groups = [
            {"params": [w for w in weights if w.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, self.lr, betas=(0.9, self.beta_2), eps=self.eps)

    def fresh(self, train: Paired, dim: int) -> Towers:
        """Return untrained towers: W, behind a trunk for pixels or a GRU for sentences."""
        image, text = perceptron(train.image, dim), self.reader(train, dim)
        return nn.Sequential(*image, Normalise()), nn.Sequential(*text, Normalise()), dim

    def reader(self, train: Paired, dim: int) -> nn.Sequential:
        """Return a GRU and W for sentences, or W for vectors."""
        if train.vocabulary is None:
            return perceptron(train.text, dim)
        read = gru_encoder(train, self.width, self.hidden, directions=self.directions)
        return nn.Sequential(read, nn.Linear(read.width, dim))

    def pretrained(self, train: Paired) -> Towers:
        """Return the towers of `model`, and the dimension of its space."""
        if train.vocabulary is not None or (train.image.dtype, train.text.dtype) != (np.uint8, np.int64):
            raise InputError(
                "a pretrained model is trained on pixels and on its own token ids: take both as in"
                f" --features 'clip(model={self.model},inputs=true)'"
            )
        image, text = pretrained_towers(self.model, self.revision)
        dim = text(torch.zeros(1, 1, dtype=torch.long)).shape[1]
        return nn.Sequential(image, Normalise()), nn.Sequential(text, Normalise()), dim


@final
class Scale(nn.Module):
    """Multiplies by the learned scale e^tau, which is clamped to a bound."""

    def __init__(self, temperature: float, most: float) -> None:
        super().__init__()
        self.tau, self.most = nn.Parameter(torch.tensor(-log(temperature))), log(most)

    def forward(self, x: Tensor) -> Tensor:
        """Return e^tau x."""
        return self.tau.exp() * x

    def clamped(self) -> Tensor:
        """Clamp e^tau to its bound after a step and return it."""
        self.tau.data.clamp_(max=self.most)
        return self.tau.exp()
