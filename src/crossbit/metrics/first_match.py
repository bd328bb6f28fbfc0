"""The rank of each query's first match under ties: the base of instance retrieval.

An image has several captions, and its recall@k is 1 if any of them is among the first k. Only the group of ties that
holds the best match matters, so that three counts per query give every measure exactly, without a sort. A collapsed
model, for which all items are tied, scores as chance does. The ranks of the literature count every other tied item as
better (`worst`) or, with a strict comparison, none (`best`), which gives a collapsed model 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from .expected import log_factorials
from .tally import Ties


@final
@dataclass(frozen=True, eq=False)
class FirstMatch:
    """The group of ties that holds each query's best-ranked match.

    `better` counts the items ranked before it, `tied` its items and `matches` the matches among them.

    >>> first = FirstMatch(better=np.array([1]), tied=np.array([3]), matches=np.array([1]))
    >>> [float(first.rank(ties)[0]) for ties in ("best", "expected", "worst")]
    [2.0, 3.0, 4.0]
    >>> [round(float(first.recall(2, ties)[0]), 4) for ties in ("best", "expected", "worst")]
    [1.0, 0.3333, 0.0]
    """

    better: Int[ndarray, "q"]
    tied: Int[ndarray, "q"]
    matches: Int[ndarray, "q"]

    def rank(self, ties: Ties) -> Float[ndarray, "q"]:
        """Return the rank of the first match, from 1."""
        if ties == "expected":
            after: ndarray = (self.tied + 1) / (self.matches + 1)
        else:
            after = np.ones(len(self.better)) if ties == "best" else self.tied - self.matches + 1.0
        rank: ndarray = self.better + after
        return rank

    def recall(self, k: int, ties: Ties) -> Float[ndarray, "q"]:
        """Return the chance that a match is among the first k; 0 or 1 unless ties are averaged."""
        if ties != "expected":
            return (self.rank(ties) <= k).astype(np.float64)
        taken, others = np.clip(k - self.better, 0, self.tied), self.tied - self.matches
        table = log_factorials(int(self.tied.max()))
        left = np.maximum(others - taken, 0)
        missed = table[others] - table[left] - table[self.tied] + table[self.tied - taken]
        return np.where(taken <= others, -np.expm1(missed), 1.0)
