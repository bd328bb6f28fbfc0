"""The probability that a hit is relevant, given its score and its distance from the background of other items.

::

    P(relevant) = 1 / (1 + exp(-(w0 + w1 score + w2 z)))      z = (score - mean) / deviation

The mean and deviation are those of the query's asymmetric scores against a sample of the codes: for a query near to
everything, no hit stands out. The weights are fitted by maximum likelihood with a small ridge, per direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ..storage.snapshot import Side
from .stages import asymmetric

#: Codes that the background of a query is measured on, and the ridge on standardised features.
SAMPLE, RIDGE = 1000, 1e-2
#: Below this probability of its best hit, a search has found no good match.
DOUBT = 0.5


@final
@dataclass(frozen=True)
class Calibration:
    """The fitted weights of one direction; `rescored` says whether scores come from stored vectors."""

    weights: tuple[float, float, float]
    rescored: bool

    @classmethod
    def of(cls, facts: Mapping[str, Any], direction: str, *, rescored: bool) -> Calibration | None:
        """Return the calibration of a direction, or none where none was fitted for such scores."""
        stored = facts.get("calibration", {}).get(direction)
        if stored is None or stored["rescored"] != rescored:
            return None
        first, second, third = stored["weights"]
        return cls((first, second, third), rescored)

    @classmethod
    def fit(cls, features: Float[ndarray, "n 2"], relevant: Bool[ndarray, "n"], *, rescored: bool) -> Calibration:
        """Return the weights that make the observed relevance most likely."""
        mean, scale = features.mean(0), np.maximum(features.std(0), 1e-9)
        X = np.column_stack([np.ones(len(features)), (features - mean) / scale])
        ridge = RIDGE * np.diag([0.0, 1.0, 1.0])
        w = np.zeros(3)
        for _ in range(50):
            p = _sigmoid(X @ w)
            hessian = (X * (p * (1 - p))[:, None]).T @ X + ridge + 1e-9 * np.eye(3)
            step = np.linalg.solve(hessian, X.T @ (relevant - p) - ridge @ w)
            w += step / max(1.0, float(np.abs(step).max()))
        slopes = w[1:] / scale
        return cls((float(w[0] - slopes @ mean), float(slopes[0]), float(slopes[1])), rescored)

    def probabilities(self, features: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Return the probability that each hit is relevant."""
        return _sigmoid(self.weights[0] + features @ np.array(self.weights[1:]))


def features_of(side: Side, values: Float[ndarray, "dim"], scores: Float[ndarray, "k"]) -> Float[ndarray, "k 2"]:
    """Return the inputs of the probability, score and z, for each hit of a query."""
    rows = np.linspace(0, len(side) - 1, min(SAMPLE, len(side))).astype(np.int64)
    background = asymmetric(values, side.codes[rows])
    z = (scores - background.mean()) / max(float(background.std()), 1e-9)
    return np.column_stack([scores, z]).astype(np.float64)


def _sigmoid(x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    result: ndarray = 1 / (1 + np.exp(-np.clip(x, -50, 50)))
    return result
