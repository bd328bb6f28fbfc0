"""Hash lookup: precision, recall and F1 of the items within a Hamming radius; ties do not matter.

One query has relevant items at distances 0, 1 and 3, and others at 1 and 3:

>>> ball = Tally(np.array([[[0, 1], [1, 1], [0, 0], [1, 1]]]))
>>> float(precision(ball, 1)[0]), float(recall(ball, 1)[0])     # 2 of 3 found, 2 of 3 relevant
(0.6666666666666666, 0.6666666666666666)
>>> float(f1(ball, 0)[0])                                       # 2 (1 x 1/3) / (1 + 1/3)
0.5
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from .tally import Tally


def within(tally: Tally, r: int) -> tuple[Int[ndarray, "q"], Int[ndarray, "q"]]:
    """Return how many items, and how many relevant ones, lie within distance r of each query."""
    ball = tally.count[:, : r + 1].astype(np.int64)
    return ball.sum((1, 2)), ball[:, :, 1:].sum((1, 2))


def precision(tally: Tally, r: int, empty: Literal["zero", "drop"] = "zero") -> Float[ndarray, "q"]:
    """Return the share of relevant items in each ball; of an empty one 0, or NaN where it is dropped."""
    size, hits = within(tally, r)
    return _share(hits, size, 0.0 if empty == "zero" else np.nan)


def recall(tally: Tally, r: int) -> Float[ndarray, "q"]:
    """Return the share of each query's relevant items that its ball holds."""
    return _share(within(tally, r)[1], tally.relevant, 0.0)


def f1(tally: Tally, r: int, empty: Literal["zero", "drop"] = "zero") -> Float[ndarray, "q"]:
    """Return the harmonic mean of precision and recall: twice the hits over ball plus relevant items."""
    size, hits = within(tally, r)
    value = _share(2 * hits, size + tally.relevant, 0.0)
    return np.where((size == 0) & (empty == "drop"), np.nan, value)


def empty(tally: Tally, r: int) -> Float[ndarray, "q"]:
    """Return 1 for each query whose ball is empty, else 0."""
    missed: ndarray = within(tally, r)[0] == 0
    return missed.astype(np.float64)


def _share(a: ndarray, b: ndarray, undefined: float) -> Float[ndarray, "q"]:
    share: ndarray = np.divide(a, b, out=np.full(len(a), undefined), where=b > 0)
    return share
