"""Memory while training: what does not fit is refused, freed pages stay, gradient caching bounds the activations."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..devices import find_device
from ..errors import InputError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # the numbers of glibc's malloc.h
_MAPPED = 65536  # its default number of mapped allocations
#: The bytes of weights from which their gradients take too much memory to be kept in pieces.
LARGE = 2**28


def keep_freed_memory(weights: int = 0) -> bool:
    """Make the C library keep freed memory for the process, unless training has many bytes of weights; return whether.

    Otherwise every gradient of tens of MiB goes back to the system and returns page by page, zeroed: 40 % of the time
    of a training step with a wide layer over sparse words. What is kept is in pieces, though, which large gradients
    need not fit into again.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    if weights > LARGE:
        mallopt(_M_MMAP_MAX, _MAPPED)
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def refuse_beyond_memory(what: str, needed: int, device: str | torch.device) -> None:
    """Refuse what needs more bytes than are free on a device, before anything begins; unknown memory is trusted."""
    free = free_memory(find_device(device))
    if free is not None and needed > free:
        raise InputError(
            f"{what} needs {needed / 2**30:,.1f} GiB of memory, and {free / 2**30:,.1f} GiB are free: train on fewer"
            " pairs, or take a method that trains in batches, such as infonce, djsrh or ucch"
        )


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on a device, or None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return 1024 * int(found["MemAvailable"][0]) if "MemAvailable" in found else None


def gradient_cached(tower: nn.Module, x: Tensor, size: int) -> Float[Tensor, "n dim"]:
    """Return `tower(x)` under gradient caching: `size` rows at a time, of which only the embeddings are kept.

    The loss and its gradient are those of the whole batch. The backward pass recomputes the activations chunk by chunk
    with the same random numbers, so that memory holds those of one chunk, for the price of one more forward pass. With
    a size of 0 all rows pass at once; so do sparse rows, whose towers are small.

    L. Gao, Y. Zhang, J. Han and J. Callan, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
    RepL4NLP 2021.
    """
    if not size or x.is_sparse or len(x) <= size:
        rows: Tensor = tower(x)
        return rows
    return torch.cat([checkpoint(tower, chunk, use_reentrant=False) for chunk in x.split(size)])
