"""Training in several processes, one accelerator each, as `torchrun` starts them; alone, all of this does nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` started for as long as the block lasts; alone, do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, counted from 0; process 0 logs and saves."""
    return dist.get_rank() if world_size() > 1 else 0


def data_parallel(network: nn.Module) -> nn.Module:
    """Return a network whose gradients are averaged over all processes; alone, or if it learns nothing, itself."""
    learns = any(parameter.requires_grad for parameter in network.parameters())
    return DistributedDataParallel(network) if learns and world_size() > 1 else network


def shard(batches: Iterable[T]) -> Iterator[T]:
    """Yield every n-th batch, as many to each of n processes; what is left over at the end is dropped.

    Every process has to draw the same batches, from a generator of the same seed.
    """
    if world_size() == 1:
        yield from batches
        return
    remaining, rounds = iter(batches), 0
    while len(round_ := list(islice(remaining, world_size()))) == world_size():
        rounds += 1
        yield round_[rank()]
    if not rounds:
        raise InputError(
            f"{world_size()} processes need a batch each, and the data makes {len(round_)}: take smaller batches, or"
            " fewer processes"
        )


def all_gather(rows: Tensor) -> Tensor:
    """Return the rows that all processes hold, one process after another; no gradient flows through it."""
    if world_size() == 1:
        return rows.detach()
    everyone = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(everyone, rows.detach().contiguous())
    return torch.cat(everyone)


def update_memory_bank(buffer: Tensor, rows: Tensor, values: Tensor) -> None:
    """Overwrite rows of a buffer of all items, in place and without gradient; every process writes the rows of all."""
    buffer[rows] = values.detach()
    if world_size() > 1:
        written = torch.zeros(len(buffer), 1, device=buffer.device)
        written[rows] = 1
        fresh = torch.cat([buffer * written, written], 1)
        dist.all_reduce(fresh)
        buffer.copy_(torch.where(fresh[:, -1:] > 0, fresh[:, :-1], buffer))
