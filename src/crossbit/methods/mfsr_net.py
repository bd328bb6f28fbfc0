"""The networks of mFSR: features of both modalities, discriminators and their inputs, optimisers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch.optim import Adam

from ..data.pairs import Paired
from ..data.rows import Array, is_sparse
from ..errors import InputError
from ..nn.gru import gru_encoder
from ..nn.layers import Normalise, Pool, RescalePixels
from ..nn.pretrained import pretrained_towers
from ..nn.separation import dcgan_init, doublings, separated
from ..nn.tensors import tensor
from ..nn.towers import CHANNELS, convolutions, perceptron
from ..training.run import TrainingRun

Pooling: TypeAlias = Literal["mean", "flatten"]
#: Both discriminators, "D1" and "D2", or none.
Discriminators: TypeAlias = Mapping[str, nn.Module]

#: The betas of Adam for G, D1 and D2, as in DCGAN.
MOMENTUM = (0.5, 0.999)


class Nets(NamedTuple):
    """The networks of training and their optimisers; an ablation leaves some out."""

    I: nn.Module
    T: nn.Module
    G: nn.Module | None
    R: nn.Module | None
    D: Discriminators
    steps: Mapping[str, Adam]

    @classmethod
    def of(
        cls,
        run: TrainingRun,
        image: nn.Sequential,
        text: nn.Sequential,
        D: Discriminators,
        steps: Mapping[str, Adam],
    ) -> Nets:
        """Return the networks within two towers, and the discriminators, prepared for a run, with their optimisers."""
        I, T = (run.prepared(nn.Sequential(*[*tower][:-1], separated(tower).parts)) for tower in (image, text))
        G, R = separated(image).picture, separated(text).sentence
        prepared = {name: run.prepared(net) for name, net in D.items()}
        return cls(I, T, run.prepared(G) if G else None, run.prepared(R) if R else None, prepared, steps)


def image_features(items: Array, d: int, layers: int, pooling: Pooling, model: str = "") -> nn.Sequential:
    """Return FC1 behind features at unit length: the given vectors, a small CNN's or those of a pretrained tower."""
    if model and not raw(items):
        raise InputError("a pretrained image tower reads pixels: take them as in --features image=pixels(size=224)")
    if not raw(items):
        return linear(items, d)
    gather = Pool() if pooling == "mean" else nn.Flatten()
    trunk: list[nn.Module] = [pretrained_towers(model)[0]] if model else [*convolutions(*CHANNELS[:layers]), gather]
    with torch.no_grad():
        width = nn.Sequential(*trunk)(tensor(items[:1])).shape[1]
    return nn.Sequential(*trunk, Normalise(), xavier(nn.Linear(width, d)))


def text_features(train: Paired, d: int, width: int, layers: int) -> nn.Sequential:
    """Return a stack of GRUs for sentences, or a linear map at unit length for vectors."""
    return linear(train.text, d) if train.vocabulary is None else nn.Sequential(gru_encoder(train, width, d, layers))


def raw(items: Array) -> bool:
    """Return whether items are RGB pixels."""
    return not is_sparse(items) and items.ndim == 4 and items.dtype == np.uint8


def weight(name: str, asked: float | None, there: bool, features: str) -> float:
    """Return the weight of a reconstruction: by default 1 where its target is there, else 0."""
    if asked and not there:
        raise InputError(
            f"{name} is {asked}, but there is nothing to rebuild; take the raw items, as in --features {features}"
        )
    return float(there) if asked is None else asked


def linear(items: Array, d: int) -> nn.Sequential:
    """Return a linear map of vectors, dense ones at unit length; sparse ones are taken as they are."""
    (layer,) = perceptron(items, d)
    return nn.Sequential(*([] if is_sparse(items) else [Normalise()]), xavier(layer))


def xavier(layer: nn.Module) -> nn.Module:
    """Return a linear layer, initialised as in VSE++."""
    weight, bias = layer.parameters()
    nn.init.xavier_uniform_(weight)
    nn.init.zeros_(bias)
    return layer


@final
class Discriminator(nn.Module):
    """DCGAN's discriminator: maps pictures of so many colour planes to logits and to the features Phi below them."""

    def __init__(self, planes: int, side: int, channels: int) -> None:
        super().__init__()
        widths = [planes, *(channels * 2**i for i in range(doublings(side)))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after)] if before != planes else []
            layers.append(nn.LeakyReLU(0.2))
        self.Phi = nn.Sequential(*layers).apply(dcgan_init)
        self.last = nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False).apply(dcgan_init)

    def forward(self, x: Float[Tensor, "m planes h w"]) -> tuple[Float[Tensor, "m"], Float[Tensor, "m c 4 4"]]:
        """Return logits, and Phi."""
        Phi: Tensor = self.Phi(x)
        return self.last(Phi).flatten(), Phi


def target(pixels: UInt8[Tensor, "n h w 3"], side: int) -> Float[Tensor, "n 3 side side"]:
    """Return the pictures in -1 to 1 at the size of the rebuilt ones."""
    x: Tensor = RescalePixels()(pixels)
    return x if x.shape[2:] == (side, side) else interpolate(x, (side, side), mode="bilinear", antialias=True)


def augmented(x: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n 3 side side"]:
    """Return augmented pictures: random shifts by up to a sixteenth of the side, brightness by up to a tenth."""
    n, side = len(x), x.shape[2]
    reach = max(1, side // 16)
    down, right = torch.randint(0, 2 * reach + 1, (2, n, 1), device=x.device) + torch.arange(side, device=x.device)
    padded = pad(x, [reach] * 4, mode="replicate").movedim(1, 3)
    moved = padded[torch.arange(n, device=x.device)[:, None, None], down[:, :, None], right[:, None, :]].movedim(3, 1)
    light = 1 + (torch.rand(n, 1, 1, 1, device=x.device) - 0.5) / 5
    return ((moved + 1) * light - 1).clamp(-1, 1)


def discriminators(side: int, channels: int, *, pair: bool) -> dict[str, nn.Module]:
    """Return D1, which sees a picture, and D2, which sees a pair of them, or else one too."""
    planes = {"D1": 3, "D2": 6 if pair else 3}
    return {name: Discriminator(n, side, channels) for name, n in planes.items()}


def optimisers(towers: nn.Module, D: Discriminators, lr: float, lr_gan: float) -> dict[str, Adam]:
    """Return the optimiser of L and that of each discriminator."""
    G = [w for name, w in towers.named_parameters() if ".picture." in name]
    others = [w for name, w in towers.named_parameters() if ".picture." not in name]
    painting: list[dict[str, Any]] = [{"params": G, "lr": lr_gan, "betas": MOMENTUM}] if G else []
    main = Adam([{"params": others}, *painting], lr)
    return {"L": main} | {f"L_{name}": Adam(net.parameters(), lr_gan, betas=MOMENTUM) for name, net in D.items()}


def scale_rates(steps: Iterable[Adam], by: float) -> None:
    """Set every learning rate to a multiple of its first value."""
    for group in (group for each in steps for group in each.param_groups):
        group["lr"] = by * group.setdefault("first", group["lr"])
