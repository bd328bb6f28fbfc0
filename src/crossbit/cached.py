"""Large batches on small machines: towers that keep their embeddings, and nothing else, for the backward pass."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def cached(tower: nn.Module, x: Tensor, size: int) -> Float[Tensor, "n dim"]:
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
