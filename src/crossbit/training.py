"""What training loops share: seeds that leave the caller's random state alone, and schedules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Yield a generator for batches and seed torch for initial weights; torch's own state is restored after."""
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield np.random.default_rng(seed)


def hardening(epoch: int) -> float:
    """Return the slope of tanh in an epoch counted from 0, sqrt(epoch + 1): soft codes harden into signs.

    >>> hardening(0), hardening(3)
    (1.0, 2.0)
    """
    return float(np.sqrt(epoch + 1))


@final
class Means:
    """The means of named scalars over the batches of an epoch, kept on their device until read."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, **values: Tensor) -> None:
        """Count one batch."""
        for name, value in values.items():
            detached = value.detach()
            self._sums[name] = self._sums[name] + detached if name in self._sums else detached
            self._counts[name] += 1

    def read(self) -> dict[str, float]:
        """Return the mean of every name so far."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}
