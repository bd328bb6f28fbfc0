"""Layers of towers: linear maps, soft assignment, multi-scale windows, pixels and feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, interpolate, relu

from .tensors import dense


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
    """`x -> softmax(-|x - centre|^2 / sigma)`: the soft assignment of an item to centres.

    `|x|^2` is the same for every centre and cancels in the softmax, so that no difference of large numbers is taken.
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
    """`x -> x W + b` like `nn.Linear`, reading only the rows of `W` for which a sparse batch has entries.

    The weight is `(width, out)`, the transpose of that of `nn.Linear`, so that its rows are contiguous.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        like = nn.Linear(width, out)  # the same initial values for the same seed
        self.weight = nn.Parameter(like.weight.detach().T.contiguous())
        self.bias = nn.Parameter(like.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, out)` for dense rows `(n, width)`, or sparse ones of `sparse_tensor`."""
        if not x.is_sparse:
            return x @ self.weight + self.bias
        item, column = x.indices()
        starts = torch.searchsorted(item, torch.arange(len(x), device=x.device))
        return embedding_bag(column, self.weight, starts, mode="sum", per_sample_weights=x.values()) + self.bias


@final
class MultiScale(nn.Module):
    """Maps vectors `(n, width)` to `(n, (1 + windows) * width)`: themselves, then their means in windows of each size.

    Each window `(size, step)` averages, scales and shifts by two learned numbers, applies a ReLU and interpolates
    linearly to the full width; `ends` aligns the outermost means with the ends of the vector. A window wider than the
    vector is cut to it. The weights start at 1: a negative one would silence counts for good.
    """

    def __init__(self, windows: Sequence[Sequence[int]], ends: bool = False) -> None:
        super().__init__()
        self.windows, self.ends = [tuple(window) for window in windows], ends
        self.weight, self.bias = nn.Parameter(torch.ones(len(windows))), nn.Parameter(torch.zeros(len(windows)))

    def forward(self, x: Tensor) -> Tensor:
        """Return all scales of every row, concatenated; sparse rows become dense."""
        signal = dense(x)[:, None]
        width = signal.shape[2]
        scales = [signal]
        for (size, step), weight, bias in zip(self.windows, self.weight, self.bias, strict=True):
            means = nn.functional.avg_pool1d(signal, min(size, width), step)
            scales.append(interpolate(relu(means * weight + bias), width, mode="linear", align_corners=self.ends))
        return torch.cat(scales, 1).flatten(1)


@final
class RescalePixels(nn.Module):
    """Maps RGB pixels `(n, height, width, 3)` of 0 to 255 to `(n, 3, height, width)` of -1 to 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return channels first, as convolutions take them."""
        return x.movedim(-1, 1).float() / 127.5 - 1


@final
class ChannelsFirst(nn.Module):
    """Maps feature maps `(n, height, width, channels)` to `(n, channels, height, width)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return channels first, as convolutions take them."""
        return x.movedim(-1, 1)


@final
class Pool(nn.Module):
    """Global average pooling of feature maps."""

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n channels"]:
        """Return a vector for each map."""
        return x.mean((2, 3))
