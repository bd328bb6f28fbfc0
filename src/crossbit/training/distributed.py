"""Distributed data parallelism under `torchrun`, one accelerator per process; in a single process it does nothing."""

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

from ..devices import AUTO, find_device
from ..errors import InputError

T = TypeVar("T")


@contextmanager
def process_group(device: str | torch.device = AUTO) -> Iterator[None]:
    """Join the process group of `torchrun` while the block lasts; a single process joins none."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    place = find_device(device)
    if place.index is not None:
        raise InputError(f"several processes cannot share {place}: give {place.type}, of which each takes its own")
    if place.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process, counted from 0; rank 0 logs and saves."""
    return dist.get_rank() if world_size() > 1 else 0


def data_parallel(network: nn.Module) -> nn.Module:
    """Return a network whose gradients are averaged over all processes; one process, or a frozen network: as is."""
    learns = any(parameter.requires_grad for parameter in network.parameters())
    return DistributedDataParallel(network) if learns and world_size() > 1 else network


def shard(batches: Iterable[T]) -> Iterator[T]:
    """Yield every n-th batch to each of n processes; a remainder of fewer than n batches is dropped.

    All processes must draw the same batches, from a generator with the same seed.
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
            f"{world_size()} processes need a batch each, but the data has {len(round_)}: take smaller batches or"
            " fewer processes"
        )


def all_gather(rows: Tensor) -> Tensor:
    """Return the rows of all processes in order of rank, detached from the gradient."""
    if world_size() == 1:
        return rows.detach()
    everyone = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(everyone, rows.detach().contiguous())
    return torch.cat(everyone)


def update_memory_bank(bank: Tensor, rows: Tensor, values: Tensor) -> None:
    """Overwrite rows of a memory bank in place, without gradient; every process writes the rows of all processes."""
    bank[rows] = values.detach()
    if world_size() > 1:
        written = torch.zeros(len(bank), 1, device=bank.device)
        written[rows] = 1
        fresh = torch.cat([bank * written, written], 1)
        dist.all_reduce(fresh)
        bank.copy_(torch.where(fresh[:, -1:] > 0, fresh[:, :-1], bank))
