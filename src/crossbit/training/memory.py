"""Freed memory, kept for what needs it next."""

from __future__ import annotations

import ctypes

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # the numbers of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees; return whether its C library can.

    Otherwise each gradient of tens of MiB is handed back to the system and comes again page by page, zeroed: 40 % of
    the time of a training step with a wide layer over sparse words.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def gradient_cached(tower: nn.Module, x: Tensor, size: int) -> Float[Tensor, "n dim"]:
    """Return `tower(x)`, which takes `size` rows at a time and forgets all but their embeddings.

    The loss sees the whole batch, and its gradient is that of the whole batch: what the backward pass needs is computed
    again, chunk by chunk, with the same random numbers, for the price of one more forward pass. So memory holds the
    activations of one chunk. A size of 0 takes all rows at once; so go sparse rows, whose towers are small.

    L. Gao, Y. Zhang, J. Han and J. Callan, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
    RepL4NLP 2021.
    """
    if not size or x.is_sparse or len(x) <= size:
        rows: Tensor = tower(x)
        return rows
    return torch.cat([checkpoint(tower, chunk, use_reentrant=False) for chunk in x.split(size)])
