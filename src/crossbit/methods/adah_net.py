"""The networks of ADAH, features E, attention G and hashing D of a modality, and the masks of a fitted tower."""

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
    """The features, masks or codes of a batch's images and of its texts."""

    I: Tensor
    T: Tensor


class Networks(NamedTuple):
    """The networks of both modalities with the same role."""

    I: nn.Module
    T: nn.Module

    def __call__(self, x: Both) -> Both:
        """Return the outputs for images and for texts."""
        return Both(self.I(x.I), self.T(x.T))


def hashed(D: Networks, f: Both, Z: Both) -> Both:
    """Return the relaxed codes of masked features."""
    codes = D(Both(Z.I * f.I, Z.T * f.T))
    return Both(torch.tanh(codes.I), torch.tanh(codes.T))


def opposite(Z: Both) -> Both:
    """Return the complements of masks."""
    return Both(1 - Z.I, 1 - Z.T)


class Branch(NamedTuple):
    """The networks of one modality."""

    E: nn.Module
    G: Attention
    D: nn.Module

    def tower(self, *, attend: bool = True) -> nn.Sequential:
        """Return the tower: features, masked by the attention, hashed."""
        return nn.Sequential(self.E, *([Attended(self.G)] if attend else []), self.D)


def image_branch(
    items: Array, dim: int, layers: int, pooling: Pooling, width: int, hidden: int, dropout: float
) -> Branch:
    """Return the networks for images as pixels, as feature maps, which are taken as they are, or as vectors.

    Attention is over positions, or over the outputs of a layer for vectors. Three layers hash, like the last of VGG.
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
    """Return the networks for texts: a perceptron of two layers, attention over its outputs, a hash layer."""
    E = nn.Sequential(*perceptron(items, hidden, width, dropout=dropout), nn.ReLU())
    return Branch(E, Attention(width, "dimensions"), mlp(width, dim))


def attended(encoder: DualEncoder, x: Array, modality: Modality) -> Bool[ndarray, "n *mask"]:
    """Return the mask of each item: positions `(n, h, w)` of its map or dimensions `(n, d)` of its features.

    They are exactly the masks behind the codes: they are recorded while the items are encoded.
    """
    within = encoder.image if modality == "image" else encoder.text
    found = [part for part in within.modules() if isinstance(part, Attention)]
    if len(found) != 1:
        raise InputError(
            f"the {modality} tower of this model has no attention; fit one that has, as in `crossbit fit adah`"
        )
    masks: list[ndarray] = []
    with found[0].register_forward_hook(lambda part, f, Z: masks.append(Z.bool().cpu().numpy())):
        encoder.embed(x, modality)
    every = np.concatenate(masks)[: x.shape[0]]
    return every[:, 0] if found[0].over == "places" else every
