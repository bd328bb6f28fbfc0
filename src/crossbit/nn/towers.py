"""The towers that an encoder is made of, and the parts that they are made of.

A tower maps `(n, ...)` to `(n, dim)` and describes itself as plain data (`config`), so that `tower(config)` and a
state dict rebuild it without pickle. `perceptron` makes the tower that suits the items: vectors, sparse vectors, which
stay sparse through the first layer, or pixels, which pass a convolutional trunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, cast, final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, interpolate, relu

from ..data.pairs import Array
from ..errors import InputError, known
from .attention import Attended, Attention
from .gru import Sentence
from .pretrained import Pretrained
from .separation import Separated

Config = dict[str, Any]

#: Channels of the convolutional trunk; each layer halves the picture. Ours: small enough to train on a CPU.
CHANNELS = (32, 64, 128, 256)


def tensor(rows: Array) -> Tensor:
    """Return rows as a dense tensor of their own: pixels stay uint8, token ids integers, all else is float32."""
    dense = rows if isinstance(rows, ndarray) else rows.toarray()
    if dense.dtype != np.uint8:
        dense = dense.astype(np.int64 if np.issubdtype(dense.dtype, np.integer) else np.float32)
    return torch.from_numpy(np.array(dense, order="C"))


def sparse_tensor(rows: Array) -> Tensor:
    """Return the rows of a CSR array as a sparse tensor in float32, its entries ordered by row."""
    counts = np.diff(rows.indptr)
    places = np.stack([np.repeat(np.arange(len(counts)), counts), rows.indices]).astype(np.int64)
    values = torch.from_numpy(rows.data.astype(np.float32))
    return torch.sparse_coo_tensor(
        torch.from_numpy(places), values, rows.shape, is_coalesced=True, check_invariants=False
    )


def dense(rows: Tensor) -> Tensor:
    """Return rows that may be sparse as a dense tensor."""
    return rows.to_dense() if rows.is_sparse else rows


@final
class Affine(nn.Module):
    """`x -> (x - mean) W`, the tower of the linear methods."""

    mean: Tensor
    W: Tensor

    def __init__(self, W: Tensor, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("W", W)
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, dim)` for `(n, width)`."""
        return (x - self.mean) @ self.W


@final
class Anchors(nn.Module):
    """`x -> softmax(-|x - centre|^2 / sigma)` over some centres: how much of an item each of them gets.

    `|x|^2` is the same for every centre, so the softmax never sees it and no difference of large numbers is taken.
    """

    centres: Tensor
    sigma: Tensor

    def __init__(self, centres: Tensor, sigma: Tensor) -> None:
        super().__init__()
        self.register_buffer("centres", centres)
        self.register_buffer("sigma", sigma)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, count)` shares, which sum to one, for `(n, width)`."""
        return torch.softmax((2 * x @ self.centres.T - self.centres.square().sum(1)) / self.sigma, 1)


@final
class Normalise(nn.Module):
    """Scales every row to unit length; a zero row stays zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Return rows of unit length."""
        return nn.functional.normalize(x)


@final
class SparseLinear(nn.Module):
    """`x -> x W + b` like `nn.Linear`, which reads only the rows of `W` that a sparse batch has entries for.

    The weight is `(width, out)`, transposed against `nn.Linear`, so that each of its rows is one stretch of memory.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        like = nn.Linear(width, out)  # the same initial values for the same seed
        self.weight = nn.Parameter(like.weight.detach().T.contiguous())
        self.bias = nn.Parameter(like.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, out)` for rows `(n, width)`, sparse as `sparse_tensor` makes them, or dense."""
        if not x.is_sparse:
            return x @ self.weight + self.bias
        item, column = x.indices()
        starts = torch.searchsorted(item, torch.arange(len(x), device=x.device))
        return embedding_bag(column, self.weight, starts, mode="sum", per_sample_weights=x.values()) + self.bias


@final
class MultiScale(nn.Module):
    """Looks at vectors `(n, width)` through windows of several sizes: `(n, (1 + windows) * width)`, themselves first.

    Each `(size, step)` takes the means over its places, weighs and shifts them by two learned numbers, passes a ReLU
    and is drawn out to the full width again, linearly; `ends` aligns the outermost places with the ends of the vector.
    A window wider than the vector is cut to it. The weights begin at 1: a negative one would silence counts for good.
    """

    def __init__(self, windows: Sequence[Sequence[int]], ends: bool = False) -> None:
        super().__init__()
        self.windows, self.ends = [tuple(window) for window in windows], ends
        self.weight, self.bias = nn.Parameter(torch.ones(len(windows))), nn.Parameter(torch.zeros(len(windows)))

    def forward(self, x: Tensor) -> Tensor:
        """Return every scale of every row, one after another; sparse rows become dense."""
        signal = dense(x)[:, None]
        width = signal.shape[2]
        scales = [signal]
        for (size, step), weight, bias in zip(self.windows, self.weight, self.bias, strict=True):
            means = nn.functional.avg_pool1d(signal, min(size, width), step)
            scales.append(interpolate(relu(means * weight + bias), width, mode="linear", align_corners=self.ends))
        return torch.cat(scales, 1).flatten(1)


@final
class Pixels(nn.Module):
    """Maps RGB pixels `(n, height, width, 3)` of 0 to 255 to `(n, 3, height, width)` of -1 to 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what a convolution takes."""
        return x.movedim(-1, 1).float() / 127.5 - 1


@final
class Places(nn.Module):
    """Takes a map of features `(n, height, width, channels)` as it is: `(n, channels, height, width)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what a convolution takes."""
        return x.movedim(-1, 1)


@final
class Pool(nn.Module):
    """The mean over all places of a map."""

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n channels"]:
        """Return a vector for each map."""
        return x.mean((2, 3))


def convolutions(*channels: int) -> nn.Sequential:
    """Return a trunk from RGB pixels to a map of the last channels, each layer halving height and width.

    Groups of channels are normalised within each picture, so that a code does not depend on its batch.
    """
    layers: list[nn.Module] = [Pixels()]
    for width, out in pairwise((3, *channels)):
        layers += [nn.Conv2d(width, out, 3, stride=2, padding=1), nn.GroupNorm(8, out), nn.ReLU()]
    return nn.Sequential(*layers)


def mlp(*widths: int, first: Callable[[int, int], nn.Module] = nn.Linear, dropout: float = 0.0) -> nn.Sequential:
    """Return a perceptron through the given widths, input first, with ReLU (and dropout) between its layers."""
    layers: list[nn.Module] = [first(widths[0], widths[1])]
    for width, out in pairwise(widths[1:]):
        layers += [nn.ReLU(), *([nn.Dropout(dropout)] if dropout else []), nn.Linear(width, out)]
    return nn.Sequential(*layers)


def perceptron(items: Array, *widths: int, dropout: float = 0.0) -> nn.Sequential:
    """Return an `mlp` through the given widths for items like these, which are only looked at.

    Items are dense vectors `(n, width)`, sparse ones, whose first layer stays sparse, or RGB pixels
    `(n, height, width, 3)` in uint8, which pass a convolutional trunk first and then the same perceptron.
    """
    if not isinstance(items, ndarray):
        return mlp(items.shape[1], *widths, first=SparseLinear, dropout=dropout)
    if items.ndim == 2 and np.issubdtype(items.dtype, np.floating):
        return mlp(items.shape[1], *widths, dropout=dropout)
    if items.ndim == 4 and items.dtype == np.uint8:
        return nn.Sequential(*convolutions(*CHANNELS), Pool(), *mlp(CHANNELS[-1], *widths, dropout=dropout))
    raise InputError(
        f"items of shape {items.shape[1:]} and type {items.dtype} are neither vectors nor RGB pixels;"
        " take features or pixels of them, as in --features image=hog or image=pixels"
    )


def frozen_trunk(tower: nn.Sequential) -> nn.Module:
    """Return a frozen copy, in eval mode, of what a tower has before its last layer; of one layer, the identity.

    Its outputs are the features that an untrained tower sees: of features they are the features themselves.
    """
    return deepcopy(tower[:-1]).requires_grad_(False).eval()


def config(module: nn.Module) -> Config:
    """Return a tower's architecture as plain data.

    >>> config(mlp(4, 8, 2))["parts"][0]
    {'kind': 'linear', 'width': 4, 'out': 8}
    """
    for kind, (cls, _, describe) in TOWERS.items():
        if type(module) is cls:
            return {"kind": kind, **describe(cast("Any", module))}
    raise TypeError(f"{type(module).__name__} is no part of a tower that can be saved; add it to towers.TOWERS")


def _nothing(_: Any) -> Config:
    return {}


#: What a tower can be made of: the class by its name in a bundle, how to make one, and how to describe one.
TOWERS: dict[str, tuple[type[nn.Module], Callable[..., nn.Module], Callable[[Any], Config]]] = {
    "chain": (
        nn.Sequential,
        lambda parts: nn.Sequential(*map(tower, parts)),
        lambda m: {"parts": [config(part) for part in m]},
    ),
    "linear": (nn.Linear, lambda width, out: nn.Linear(width, out), lambda m: _widths(m.in_features, m.out_features)),
    "sparse-linear": (SparseLinear, SparseLinear, lambda m: _widths(*m.weight.shape)),
    "relu": (nn.ReLU, nn.ReLU, _nothing),
    "tanh": (nn.Tanh, nn.Tanh, _nothing),
    "dropout": (nn.Dropout, nn.Dropout, lambda m: {"p": m.p}),
    "affine": (
        Affine,
        lambda width, out: Affine(torch.zeros(width, out), torch.zeros(width)),
        lambda m: _widths(*m.W.shape),
    ),
    "anchors": (
        Anchors,
        lambda width, count: Anchors(torch.zeros(count, width), torch.ones(())),
        lambda m: {"width": m.centres.shape[1], "count": m.centres.shape[0]},
    ),
    "normalise": (Normalise, Normalise, _nothing),
    "multi-scale": (MultiScale, MultiScale, lambda m: {"windows": [*map(list, m.windows)], "ends": m.ends}),
    "batch-norm": (nn.BatchNorm1d, lambda width: nn.BatchNorm1d(width), lambda m: {"width": m.num_features}),
    "pixels": (Pixels, Pixels, _nothing),
    "convolution": (
        nn.Conv2d,
        lambda width, out, stride: nn.Conv2d(width, out, 3, stride, padding=1),
        lambda m: {**_widths(m.in_channels, m.out_channels), "stride": m.stride[0]},
    ),
    "group-norm": (
        nn.GroupNorm,
        lambda groups, width: nn.GroupNorm(groups, width),
        lambda m: {"groups": m.num_groups, "width": m.num_channels},
    ),
    "places": (Places, Places, _nothing),
    "pool": (Pool, Pool, _nothing),
    "flatten": (nn.Flatten, nn.Flatten, _nothing),
    "attention": (Attention, Attention, lambda m: {"width": m.width, "over": m.over}),
    "attended": (Attended, lambda by: Attended(cast("Attention", tower(by))), lambda m: {"by": config(m.by)}),
    "sentence": (Sentence, Sentence, lambda m: m.sizes),
    "separated": (Separated, Separated, lambda m: m.sizes),
    "pretrained": (Pretrained, Pretrained, lambda m: m.description),
}


def _widths(width: int, out: int) -> Config:
    return {"width": width, "out": out}


def tower(spec: Mapping[str, Any]) -> nn.Module:
    """Return the tower that `config` described, with weights still to be loaded."""
    options = dict(spec)
    kind = options.pop("kind")
    if kind not in TOWERS:
        raise known(kind, "part of a tower", TOWERS)
    return TOWERS[kind][1](**options)
