"""Towers, the two networks of an encoder, and the registry of their layers.

A tower maps `(n, ...)` to `(n, dim)` and describes itself as plain data (`config`), so that `tower(config)` and a
state dict rebuild it without pickle. `perceptron` makes the tower that suits the items: vectors, sparse vectors, which
stay sparse through the first layer, or pixels, which pass a convolutional trunk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import nn

from ..data.rows import Array, is_sparse
from ..errors import InputError
from ..registry import Registry
from .attention import Attended, Attention
from .gru import GRUEncoder
from .layers import Affine, Anchors, ChannelsFirst, MultiScale, Normalise, Pool, RescalePixels, SparseLinear
from .pretrained import Pretrained
from .separation import Separated

Config = dict[str, Any]


class Layer(NamedTuple):
    """What a saved model needs of a layer: its class, how to make one from its options, and how to describe one."""

    cls: type[nn.Module]
    make: Callable[..., nn.Module]
    describe: Callable[[Any], Config]


#: Channels of the convolutional trunk; each layer halves the picture. Ours: small enough to train on a CPU.
CHANNELS = (32, 64, 128, 256)


def convolutions(*channels: int) -> nn.Sequential:
    """Return a trunk from RGB pixels to a map of the last channels, each layer halving height and width.

    Groups of channels are normalised within each picture, so that a code does not depend on its batch.
    """
    layers: list[nn.Module] = [RescalePixels()]
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
    if is_sparse(items):
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
    for kind, layer in LAYERS.items():
        if type(module) is layer.cls:
            return {"kind": kind, **LAYERS.recorded(kind), **layer.describe(cast("Any", module))}
    raise InputError(
        f"{type(module).__name__} is not a layer that a model can be saved with; register it with"
        " crossbit.register_layer, or in the entry points crossbit.layers of a package"
    )


def _nothing(_: Any) -> Config:
    return {}


_BUILTIN: dict[str, Layer] = {
    "chain": Layer(
        nn.Sequential,
        lambda parts: nn.Sequential(*map(tower, parts)),
        lambda m: {"parts": [config(part) for part in m]},
    ),
    "linear": Layer(
        nn.Linear, lambda width, out: nn.Linear(width, out), lambda m: _widths(m.in_features, m.out_features)
    ),
    "sparse-linear": Layer(SparseLinear, SparseLinear, lambda m: _widths(*m.weight.shape)),
    "relu": Layer(nn.ReLU, nn.ReLU, _nothing),
    "tanh": Layer(nn.Tanh, nn.Tanh, _nothing),
    "dropout": Layer(nn.Dropout, nn.Dropout, lambda m: {"p": m.p}),
    "affine": Layer(
        Affine,
        lambda width, out: Affine(torch.zeros(width, out), torch.zeros(width)),
        lambda m: _widths(*m.W.shape),
    ),
    "anchors": Layer(
        Anchors,
        lambda width, count: Anchors(torch.zeros(count, width), torch.ones(())),
        lambda m: {"width": m.centres.shape[1], "count": m.centres.shape[0]},
    ),
    "normalise": Layer(Normalise, Normalise, _nothing),
    "multi-scale": Layer(MultiScale, MultiScale, lambda m: {"windows": [*map(list, m.windows)], "ends": m.ends}),
    "batch-norm": Layer(nn.BatchNorm1d, lambda width: nn.BatchNorm1d(width), lambda m: {"width": m.num_features}),
    "pixels": Layer(RescalePixels, RescalePixels, _nothing),
    "convolution": Layer(
        nn.Conv2d,
        lambda width, out, stride: nn.Conv2d(width, out, 3, stride, padding=1),
        lambda m: {**_widths(m.in_channels, m.out_channels), "stride": m.stride[0]},
    ),
    "group-norm": Layer(
        nn.GroupNorm,
        lambda groups, width: nn.GroupNorm(groups, width),
        lambda m: {"groups": m.num_groups, "width": m.num_channels},
    ),
    "places": Layer(ChannelsFirst, ChannelsFirst, _nothing),
    "pool": Layer(Pool, Pool, _nothing),
    "flatten": Layer(nn.Flatten, nn.Flatten, _nothing),
    "attention": Layer(Attention, Attention, lambda m: {"width": m.width, "over": m.over}),
    "attended": Layer(Attended, lambda by: Attended(cast("Attention", tower(by))), lambda m: {"by": config(m.by)}),
    "sentence": Layer(GRUEncoder, GRUEncoder, lambda m: m.sizes),
    "separated": Layer(Separated, Separated, lambda m: m.sizes),
    "pretrained": Layer(Pretrained, Pretrained, lambda m: m.description),
}

LAYERS: Registry[Layer] = Registry("layer", _BUILTIN, group="crossbit.layers")


def register_layer(
    kind: str, cls: type[nn.Module], make: Callable[..., nn.Module], describe: Callable[[Any], Config]
) -> None:
    """Make a layer known, in this process, to the models that are saved with it.

    `describe(module)` returns the options as plain data, and `make(**options)` the module, with weights still to be
    loaded. A package declares the `Layer` of the three in the entry points `crossbit.layers`.

    Raises:
        InputError: where the kind is taken, `cls` is no class of modules, or the others cannot be called.

    """
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise InputError(f"layer {kind!r} is {cls!r}, but must be a class derived from torch.nn.Module")
    for argument, value in (("make", make), ("describe", describe)):
        if not callable(value):
            raise InputError(f"layer {kind!r}: {argument} is {value!r}, but must be a function")
    LAYERS.register(kind, Layer(cls, make, describe))


def _widths(width: int, out: int) -> Config:
    return {"width": width, "out": out}


def refuse_unopenable(side: str, module: nn.Module) -> None:
    """Refuse a tower that its own description does not rebuild: a model that is saved with it could not be opened."""
    try:
        with torch.random.fork_rng(devices=[]):
            rebuilt = tower(json.loads(json.dumps(config(module))))
    except InputError:
        raise
    except Exception as error:  # whatever the layer of a plug-in raises
        raise InputError(
            f"the {side} tower cannot be rebuilt from its description, so that a model saved with it could not be"
            f" opened: {type(error).__name__}: {error}; mend the layer's make or describe"
        ) from error
    shapes, again = ({name: tuple(t.shape) for name, t in m.state_dict().items()} for m in (module, rebuilt))
    if shapes != again:
        wrong = sorted(name for name in shapes | again if shapes.get(name) != again.get(name))
        raise InputError(
            f"the {side} tower rebuilt from its description has other weights ({', '.join(wrong)}), so that a model"
            " saved with it could not be opened; mend the layer's make or describe"
        )


def tower(spec: Mapping[str, Any]) -> nn.Module:
    """Return the tower that `config` described, with weights still to be loaded."""
    options = dict(spec)
    kind, package = options.pop("kind"), options.pop("package", None)
    layer = _BUILTIN.get(kind) or LAYERS.needed(kind, package, "the model")
    return layer.make(**options)
