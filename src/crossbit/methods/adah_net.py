"""The networks of ADAH: features E, attention G and hashing D of a modality; and what a fitted tower attends to."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool
from numpy import ndarray
from torch import Tensor, nn

from ..data.pairs import Array, Modality
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.attention import Attended, Attention
from ..nn.layers import ChannelsFirst, Pool
from ..nn.tensors import tensor
from ..nn.towers import CHANNELS, convolutions, mlp, perceptron

Pooling: TypeAlias = Literal["flatten", "mean"]


class Both(NamedTuple):
    """What a batch has once for its images and once for its texts: features, masks or codes."""

    I: Tensor
    T: Tensor


class Networks(NamedTuple):
    """The network for images and the one for texts that do the same."""

    I: nn.Module
    T: nn.Module

    def __call__(self, x: Both) -> Both:
        """Return what each makes of its part."""
        return Both(self.I(x.I), self.T(x.T))


def hashed(D: Networks, f: Both, Z: Both) -> Both:
    """Return the relaxed codes of the features that a mask keeps."""
    codes = D(Both(Z.I * f.I, Z.T * f.T))
    return Both(torch.tanh(codes.I), torch.tanh(codes.T))


def opposite(Z: Both) -> Both:
    """Return the masks of what was left out."""
    return Both(1 - Z.I, 1 - Z.T)


class Branch(NamedTuple):
    """The networks of one modality."""

    E: nn.Module
    G: Attention
    D: nn.Module

    def tower(self, *, attend: bool = True) -> nn.Sequential:
        """Return what gives the code of an item: its features, of which only those attended to are kept, hashed."""
        return nn.Sequential(self.E, *([Attended(self.G)] if attend else []), self.D)


def image_branch(
    items: Array, dim: int, layers: int, pooling: Pooling, width: int, hidden: int, dropout: float
) -> Branch:
    """Return the networks for images: of pixels, of maps of features, which are taken as they are, or of vectors.

    Attention is over places, or over the dimensions that a layer gives to vectors. Three layers hash, like VGG's last.
    """
    if items.ndim == 2:
        E = nn.Sequential(*perceptron(items, width), nn.ReLU())
        return Branch(E, Attention(width, "dimensions"), mlp(width, hidden, hidden, dim, dropout=dropout))
    E = convolutions(*CHANNELS[:layers]) if items.dtype == np.uint8 else nn.Sequential(ChannelsFirst())
    _, channels, h, w = E(tensor(items[:1])).shape
    gather, gathered = (Pool(), channels) if pooling == "mean" else (nn.Flatten(), channels * h * w)
    D = nn.Sequential(gather, *mlp(gathered, hidden, hidden, dim, dropout=dropout))
    return Branch(E, Attention(channels, "places"), D)


def text_branch(items: Array, dim: int, hidden: int, width: int, dropout: float) -> Branch:
    """Return the networks for texts: a perceptron of two layers, attention over its dimensions, a layer that hashes."""
    E = nn.Sequential(*perceptron(items, hidden, width, dropout=dropout), nn.ReLU())
    return Branch(E, Attention(width, "dimensions"), mlp(width, dim))


def attended(encoder: DualEncoder, x: Array, modality: Modality) -> Bool[ndarray, "n *mask"]:
    """Return what the tower keeps of each item: places `(n, h, w)` of its map or dimensions `(n, d)` of its features.

    The masks are those of the codes, to the bit: they are taken while the items are encoded.
    """
    within = encoder.image if modality == "image" else encoder.text
    found = [part for part in within.modules() if isinstance(part, Attention)]
    if len(found) != 1:
        raise InputError(
            f"the {modality} tower of this model has no attention; fit a model that has, as in `crossbit fit adah`"
        )
    masks: list[ndarray] = []
    with found[0].register_forward_hook(lambda part, f, Z: masks.append(Z.bool().cpu().numpy())):
        encoder.embed(x, modality)
    every = np.concatenate(masks)[: x.shape[0]]
    return every[:, 0] if found[0].over == "places" else every
