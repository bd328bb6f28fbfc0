"""Training runs: epochs that are logged, checkpointed, resumed and stopped early, whatever the method.

A method's `fit` reads like its paper and leaves the rest to `Training`::

    with training.seeded(seed) as (rng, device):
        image, text = perceptron(train.image, dim), perceptron(train.text, 4096, dim)
        optimiser = torch.optim.SGD(nn.ModuleList([image, text]).to(device).parameters(), lr=0.01)
        run = training.begin(rng, image, text, dim, optimiser=optimiser)
        for epoch in run.epochs(self.epochs):
            for batch in epoch.batches(train, 32, rng):
                loss = ... run.image(batch.image) ... run.text(batch.text) ...
                epoch.step(loss, optimiser)
                epoch.add(loss=loss)
    return run.encoder()
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

import numpy as np
import torch
from torch import Tensor, nn

from ..data.pairs import Paired
from ..devices import AUTO, find_device
from ..errors import InputError
from ..models.encoder import DualEncoder, Space
from ..progress import Log, silent
from . import checkpoint
from .distributed import data_parallel, rank
from .early_stopping import held_out_recall, refuse_too_few
from .epoch import Epoch
from .memory import keep_freed_memory

Precision: TypeAlias = Literal["float32", "bfloat16"]
#: The checkpoint's name in the folder of a run.
CHECKPOINT = "checkpoint.safetensors"
#: Called after each epoch, counted from 1, with a copy of the encoder as it is then.
Watch: TypeAlias = Callable[[int, DualEncoder], None]


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Yield a generator for batches and seed torch for initial weights; torch's own state is restored after."""
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield np.random.default_rng(seed)


def tanh_slope(epoch: int) -> float:
    """Return the slope of tanh in an epoch counted from 0, sqrt(epoch + 1): relaxed codes harden into signs.

    >>> tanh_slope(0), tanh_slope(3)
    (1.0, 2.0)
    """
    return float(np.sqrt(epoch + 1))


@final
@dataclass(frozen=True)
class Training:
    """Settings of a training run that are no hyper-parameters of the method: log, checkpoints, precision, device, end.

    With a `folder`, a checkpoint is written at the end of an epoch once `interval` seconds have passed since the last
    one. An interrupted run resumes from it and ends with the same bytes. The losses are written there for TensorBoard.
    `facts` tell one run from another: a checkpoint with other facts is refused. Given `held` pairs and a `patience`,
    the run stops after that many epochs without better held-out recall, and returns the best encoder. `device` is
    `auto` (CUDA where there is some), `cpu`, `cuda`, `cuda:1` or `mps`.
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
    device: str | torch.device = AUTO

    @contextmanager
    def seeded(self, seed: int) -> Iterator[tuple[np.random.Generator, torch.device]]:
        """Yield a generator for batches and the device to train on; torch is seeded for initial weights meanwhile."""
        with seeded(seed) as rng:
            yield rng, find_device(self.device)

    def begin(
        self,
        rng: np.random.Generator,
        image: nn.Module,
        text: nn.Module,
        dim: int,
        *,
        space: Space = "hamming",
        **components: checkpoint.Component,
    ) -> TrainingRun:
        """Return a run of two towers into `dim` bits or dimensions.

        `components` are all else that training changes: optimisers, other networks, and tensors, which must be changed
        in place.
        """
        if self.patience:
            refuse_too_few(self.held, space)
        return TrainingRun(self, rng, DualEncoder(image, text, space, dim, self.device), components)


#: The defaults: silent, without checkpoints, in float32, to the last epoch.
PLAIN = Training()


@final
class TrainingRun:
    """One training run: its networks, ready to be called, and its epochs."""

    def __init__(
        self,
        training: Training,
        rng: np.random.Generator,
        encoder: DualEncoder,
        components: dict[str, checkpoint.Component],
    ) -> None:
        keep_freed_memory(sum(weight.nbytes for weight in encoder.parameters()))
        self._training, self._rng, self._encoder = training, rng, encoder.requires_grad_(True)
        self._device = find_device(training.device)
        self._best = copy.deepcopy(encoder) if training.patience else None
        self._components: dict[str, checkpoint.Component] = {"encoder": encoder, **components}
        if self._best:
            self._components["best"] = self._best
        self._facts = {"best": -1.0, "waited": 0}
        self.image, self.text = self.prepared(encoder.image), self.prepared(encoder.text)

    def prepared(self, network: nn.Module) -> nn.Module:
        """Return a network ready for training: on the device, in the chosen precision, its gradients shared.

        The towers are prepared already; every other network that learns has to be.
        """
        if self._training.compiled:
            network.compile()
        return Autocast(data_parallel(network.to(self._device)), self._training.precision, self._device)

    def epochs(self, total: int) -> Iterator[Epoch]:
        """Yield the remaining ones of `total` epochs; between them come log, checkpoint and early stopping."""
        done, saved_at = self._resume(), time.monotonic()
        with self._tensorboard(done) as write:
            while done < total and not self._stopped_early():
                for network in self._components.values():
                    if isinstance(network, nn.Module):
                        network.train()
                epoch = Epoch(done, self._device)
                yield epoch
                done += 1
                values = epoch.read() | self._judge()
                write(done, values)
                if self._training.watch:
                    self._training.watch(done, self._encoder.copy())
                if rank() == 0:
                    self._training.log(done, total, values)
                if time.monotonic() - saved_at >= self._training.interval:
                    self._save(done)
                    saved_at = time.monotonic()

    def encoder(self) -> DualEncoder:
        """End the run and return the encoder of the last epoch, or the best one where the run may stop early.

        Raises:
            InputError: where a weight is no number, as after a learning rate that is too high.

        """
        for component in self._components.values():
            if isinstance(component, torch.optim.Optimizer):
                component.state.clear()  # twice the memory of the copy that follows
        encoder = self._best or self._encoder
        wrong = [name for name, values in encoder.state_dict().items() if not values.isfinite().all()]
        if wrong:
            raise InputError(
                f"training ended with NaN or infinity in {len(wrong)} weights, such as {wrong[0]}: check the features,"
                " or take a lower learning rate"
            )
        return encoder.copy()

    @property
    def _file(self) -> Path | None:
        return self._training.folder / CHECKPOINT if self._training.folder else None

    def _resume(self) -> int:
        if self._file is None or not self._file.is_file():
            return 0
        facts = checkpoint.load(self._file, self._components, self._rng, self._training.facts, self._device)
        self._facts = {name: facts[name] for name in self._facts}
        return int(facts["epochs"])

    def _save(self, done: int) -> None:
        if self._file is not None and rank() == 0:
            facts = {**self._training.facts, **self._facts, "epochs": done}
            checkpoint.save(self._file, self._components, self._rng, facts, self._device)

    @contextmanager
    def _tensorboard(self, done: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
        if self._training.folder is None or rank() != 0:
            yield lambda epoch, values: None
            return
        from tensorboardX import SummaryWriter

        with SummaryWriter(str(self._training.folder), purge_step=done + 1) as writer:

            def write(epoch: int, values: dict[str, float]) -> None:
                for name, value in values.items():
                    writer.add_scalar(name, value, epoch)

            yield write

    def _stopped_early(self) -> bool:
        return bool(self._training.patience) and self._facts["waited"] >= self._training.patience

    def _judge(self) -> dict[str, float]:
        """Return the held-out recall, and keep the encoder if it was never better."""
        if self._best is None or self._training.held is None:
            return {}
        found = held_out_recall(self._encoder.copy(), self._training.held)
        if found > self._facts["best"]:
            self._facts = {"best": found, "waited": 0}
            self._best.load_state_dict(self._encoder.state_dict())
        else:
            self._facts["waited"] += 1
        return {"held_out_recall": found}


@final
class Autocast(nn.Module):
    """Calls a network in a precision and returns float32, so that losses and similarities never lose digits."""

    def __init__(self, network: nn.Module, precision: Precision, device: torch.device) -> None:
        super().__init__()
        self.network, self.precision, self.device = network, precision, device

    def forward(self, *inputs: Tensor) -> Any:
        """Return what the network returns."""
        if self.precision == "float32":
            return self.network(*inputs)
        with torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False):
            output = self.network(*inputs)
        if isinstance(output, Tensor):
            return output.float()
        return type(output)(part.float() for part in output)
