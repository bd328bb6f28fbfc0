"""Arrays as tensors: dense rows, and CSR rows that stay sparse."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..data.rows import Array, is_sparse


def tensor(rows: Array) -> Tensor:
    """Return rows as a dense tensor of their own: pixels stay uint8, token ids integers, all else is float32."""
    dense = rows.toarray() if is_sparse(rows) else np.asarray(rows)
    if dense.dtype != np.uint8:
        dense = dense.astype(np.int64 if np.issubdtype(dense.dtype, np.integer) else np.float32)
    return torch.from_numpy(np.array(dense, order="C"))


def sparse_tensor(rows: Array) -> Tensor:
    """Return the rows of a CSR array as a sparse tensor in float32, its entries ordered by row."""
    counts = np.diff(rows.indptr)
    places = np.stack([np.repeat(np.arange(len(counts)), counts), rows.indices]).astype(np.int64)
    values = torch.from_numpy(rows.data.astype(np.float32))
    return torch.sparse_coo_tensor(
        torch.from_numpy(places), values, rows.shape, is_coalesced=True, check_invariants=False
    )


def dense(rows: Tensor) -> Tensor:
    """Return rows that may be sparse as a dense tensor."""
    return rows.to_dense() if rows.is_sparse else rows
