"""How networks are trained, whatever the method: epochs that are logged, kept, resumed and stopped early.

A method's `fit` reads like its paper and leaves the rest to `Training`::

    with seeded(seed) as rng:
        image, text = perceptron(train.image, dim), perceptron(train.text, 4096, dim)
        optimiser = torch.optim.SGD([*image.parameters(), *text.parameters()], lr=0.01)
        run = training.begin(rng, image, text, dim, optimiser=optimiser)
        for epoch in run.epochs(self.epochs):
            for batch in epoch.batches(train, 32):
                loss = ... run.image(batch.image) ... run.text(batch.text) ...
                epoch.step(loss, optimiser)
                epoch.add(loss=loss)
    return run.encoder()
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

from ..data.pairs import Array, Paired
from ..models.encoder import DualEncoder, Space, device
from ..nn.tensors import sparse_tensor, tensor
from ..progress import Log, silent
from . import checkpoint
from .distributed import data_parallel, rank, shard
from .early_stopping import agreement, refuse_too_few
from .memory import keep_freed_memory

Precision: TypeAlias = Literal["float32", "bfloat16"]
#: The file of a run's folder that it goes on from.
CHECKPOINT = "checkpoint.safetensors"
#: Sees the encoder as it is after an epoch, whose number is counted from 1; it may not change it.
Watch: TypeAlias = Callable[[int, DualEncoder], None]


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Yield a generator for batches and seed torch for initial weights; torch's own state is restored after."""
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield np.random.default_rng(seed)


def tanh_slope(epoch: int) -> float:
    """Return the slope of tanh in an epoch counted from 0, sqrt(epoch + 1): soft codes harden into signs.

    >>> tanh_slope(0), tanh_slope(3)
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


class MiniBatch(NamedTuple):
    """Some pairs on the device that trains: their rows in the training part, and what towers and losses take."""

    rows: Int[Tensor, "m"]
    image: Tensor
    text: Tensor
    labels: Float[Tensor, "m classes"] | None
    item: Int[Tensor, "m"]


@final
class Epoch:
    """One pass over the training pairs, `number` counted from 0."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._means = Means()

    def batches(
        self, train: Paired, size: int, rng: np.random.Generator, *, drop_last: bool = False
    ) -> Iterator[MiniBatch]:
        """Yield one shuffled pass in batches; among several processes each takes every n-th of them."""
        for rows, pairs in shard(train.batches(size, rng, drop_last=drop_last)):
            yield to_batch(rows, pairs)

    def step(self, loss: Tensor, *optimisers: torch.optim.Optimizer, clip: float = 0.0) -> None:
        """Step the optimisers down the gradient of a loss, its norm over all their parameters clipped if asked for."""
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_([p for o in optimisers for g in o.param_groups for p in g["params"]], clip)
        for optimiser in optimisers:
            optimiser.step()

    def add(self, **values: Tensor) -> None:
        """Count the named scalars of one batch; the log gets their means over the epoch."""
        self._means.add(**values)

    def read(self) -> dict[str, float]:
        """Return the means so far."""
        return self._means.read()


def to_batch(rows: Int[ndarray, "m"], pairs: Paired) -> MiniBatch:
    """Return pairs as tensors on the device that trains; sparse items stay sparse."""
    place = device()
    labels = None if pairs.labels is None else torch.from_numpy(pairs.labels.astype(np.float32)).to(place)
    row, item = torch.from_numpy(rows).to(place), torch.from_numpy(pairs.item).to(place)
    return MiniBatch(row, _to_tensor(pairs.image), _to_tensor(pairs.text), labels, item)


def _to_tensor(items: Array) -> Tensor:
    return (tensor(items) if isinstance(items, ndarray) else sparse_tensor(items)).to(device())


@final
@dataclass(frozen=True)
class Training:
    """How a fit is run, which is no hyper-parameter of a method: its log, its checkpoints, its precision, its end.

    With a `folder`, the run is kept there at the end of an epoch once `interval` seconds have passed since the last
    time, goes on from there after an interruption to the same bytes, and leaves its losses for TensorBoard.
    `facts` tell one run from another: a checkpoint of other facts is refused. Given `held` pairs and a `patience`, a
    run ends when the agreement of their codes has not grown for that many epochs, and returns the best.
    """

    log: Log = silent
    folder: Path | None = None
    interval: float = 60.0
    facts: dict[str, Any] = field(default_factory=dict)
    precision: Precision = "float32"
    compiled: bool = False
    held: Paired | None = None
    patience: int = 0
    watch: Watch | None = None

    def begin(
        self,
        rng: np.random.Generator,
        image: nn.Module,
        text: nn.Module,
        dim: int,
        *,
        space: Space = "hamming",
        **parts: checkpoint.Component,
    ) -> TrainingRun:
        """Return a run of two towers into `dim` bits or dimensions.

        `parts` is all else that changes while it trains: optimisers, other networks, and tensors, which must be
        changed in place.
        """
        if self.patience:
            refuse_too_few(self.held, space)
        return TrainingRun(self, rng, DualEncoder(image, text, space, dim), parts)


#: Nothing but the training: silent, not kept, in float32, to the last epoch.
PLAIN = Training()


@final
class TrainingRun:
    """A training run: its networks as they are to be called in it, and its epochs."""

    def __init__(
        self, training: Training, rng: np.random.Generator, encoder: DualEncoder, parts: dict[str, checkpoint.Component]
    ) -> None:
        keep_freed_memory()
        self._training, self._rng, self._encoder = training, rng, encoder.requires_grad_(True)
        self._best = copy.deepcopy(encoder) if training.patience else None
        self._parts: dict[str, checkpoint.Component] = {"encoder": encoder, **parts}
        if self._best:
            self._parts["best"] = self._best
        self._facts = {"best": -1.0, "waited": 0}
        self.image, self.text = self.prepared(encoder.image), self.prepared(encoder.text)

    def prepared(self, network: nn.Module) -> nn.Module:
        """Return a network as it is to be called while training: in the wanted precision, in step with its peers.

        The towers are prepared already; other networks that learn are to pass through here.
        """
        if self._training.compiled:
            network.compile()
        return Autocast(data_parallel(network.to(device())), self._training.precision)

    def epochs(self, total: int) -> Iterator[Epoch]:
        """Yield the epochs that are left of `total`; what happens between them is the business of `Training`."""
        done, kept_at = self._resume(), time.monotonic()
        with self._events(done) as write:
            while done < total and not self._spent():
                for network in self._parts.values():
                    if isinstance(network, nn.Module):
                        network.train()
                epoch = Epoch(done)
                yield epoch
                done += 1
                values = epoch.read() | self._judged()
                write(done, values)
                if self._training.watch:
                    self._training.watch(done, self._encoder.copy())
                if rank() == 0:
                    self._training.log(done, total, values)
                if time.monotonic() - kept_at >= self._training.interval:
                    self._keep(done)
                    kept_at = time.monotonic()

    def encoder(self) -> DualEncoder:
        """Return the encoder: that of the last epoch, or of the best where the run was to stop early."""
        return (self._best or self._encoder).copy()

    @property
    def _file(self) -> Path | None:
        return self._training.folder / CHECKPOINT if self._training.folder else None

    def _resume(self) -> int:
        if self._file is None or not self._file.is_file():
            return 0
        facts = checkpoint.load(self._file, self._parts, self._rng, self._training.facts)
        self._facts = {name: facts[name] for name in self._facts}
        return int(facts["epochs"])

    def _keep(self, done: int) -> None:
        if self._file is not None and rank() == 0:
            checkpoint.save(self._file, self._parts, self._rng, {**self._training.facts, **self._facts, "epochs": done})

    @contextmanager
    def _events(self, done: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
        if self._training.folder is None or rank() != 0:
            yield lambda epoch, values: None
            return
        from tensorboardX import SummaryWriter

        with SummaryWriter(str(self._training.folder), purge_step=done + 1) as writer:

            def write(epoch: int, values: dict[str, float]) -> None:
                for name, value in values.items():
                    writer.add_scalar(name, value, epoch)

            yield write

    def _spent(self) -> bool:
        return bool(self._training.patience) and self._facts["waited"] >= self._training.patience

    def _judged(self) -> dict[str, float]:
        """Return how well the codes of the held pairs agree, and remember the towers if they never agreed better."""
        if self._best is None or self._training.held is None:
            return {}
        found = agreement(self._encoder.copy(), self._training.held)
        if found > self._facts["best"]:
            self._facts = {"best": found, "waited": 0}
            self._best.load_state_dict(self._encoder.state_dict())
        else:
            self._facts["waited"] += 1
        return {"agreement": found}


@final
class Autocast(nn.Module):
    """Calls a network in a precision and returns float32, so that losses and similarities never lose digits."""

    def __init__(self, network: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, *inputs: Tensor) -> Any:
        """Return what the network returns."""
        if self.precision == "float32":
            return self.network(*inputs)
        with torch.autocast(device().type, torch.bfloat16, cache_enabled=False):
            out = self.network(*inputs)
        return out.float() if isinstance(out, Tensor) else type(out)(part.float() for part in out)
