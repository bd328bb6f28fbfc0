"""Memory while training: freed pages stay with the process, and gradient caching bounds what activations take."""

from __future__ import annotations

import ctypes

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # the numbers of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Make the C library keep freed memory for the process; return whether it can.

    Otherwise every gradient of tens of MiB goes back to the system and returns page by page, zeroed: 40 % of the time
    of a training step with a wide layer over sparse words.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


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
