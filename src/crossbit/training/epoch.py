"""An epoch: one shuffled pass over the training pairs in batches, its optimiser steps and the means of its losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

from ..data.pairs import Paired
from ..data.rows import Array, is_sparse
from ..devices import AUTO, find_device
from ..nn.tensors import sparse_tensor, tensor
from .distributed import shard


@final
class Means:
    """Means of named scalars over the batches of an epoch; they stay on their device until read."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, **values: Tensor) -> None:
        """Add the values of one batch."""
        for name, value in values.items():
            detached = value.detach()
            self._sums[name] = self._sums[name] + detached if name in self._sums else detached
            self._counts[name] += 1

    def read(self) -> dict[str, float]:
        """Return the mean of every name so far."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}


class MiniBatch(NamedTuple):
    """Some pairs as tensors on the training device; `rows` are their rows in the training part."""

    rows: Int[Tensor, "m"]
    image: Tensor
    text: Tensor
    labels: Float[Tensor, "m classes"] | None
    item: Int[Tensor, "m"]


@final
class Epoch:
    """One pass over the training pairs, `number` counted from 0."""

    def __init__(self, number: int, device: str | torch.device = AUTO) -> None:
        self.number, self.device = number, find_device(device)
        self._means = Means()

    def batches(
        self, train: Paired, size: int, rng: np.random.Generator, *, drop_last: bool = False
    ) -> Iterator[MiniBatch]:
        """Yield one shuffled pass in batches; of n processes, each takes every n-th batch."""
        for rows, pairs in shard(train.batches(size, rng, drop_last=drop_last)):
            yield to_batch(rows, pairs, self.device)

    def step(self, loss: Tensor, *optimisers: torch.optim.Optimizer, clip: float = 0.0) -> None:
        """Take a step of the optimisers down the gradient of a loss, whose norm is clipped unless `clip` is 0.

        The gradients are gone afterwards, so that they take no memory beside the activations of the next batch.
        """
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_([p for o in optimisers for g in o.param_groups for p in g["params"]], clip)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    def add(self, **values: Tensor) -> None:
        """Add named scalars of one batch; the log gets their means over the epoch."""
        self._means.add(**values)

    def read(self) -> dict[str, float]:
        """Return the means so far."""
        return self._means.read()


def to_batch(rows: Int[ndarray, "m"], pairs: Paired, device: torch.device) -> MiniBatch:
    """Return pairs as tensors on a device; sparse items stay sparse."""
    labels = None if pairs.labels is None else torch.from_numpy(pairs.labels.astype(np.float32)).to(device)
    row, item = torch.from_numpy(rows).to(device), torch.from_numpy(pairs.item).to(device)
    return MiniBatch(row, _to_tensor(pairs.image).to(device), _to_tensor(pairs.text).to(device), labels, item)


def _to_tensor(items: Array) -> Tensor:
    return sparse_tensor(items) if is_sparse(items) else tensor(items)
