"""Bootstrap intervals and paired permutation tests over queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..errors import InputError

#: Numbers drawn at a time.
_HELD = 1 << 22


class Interval(NamedTuple):
    """A mean and the interval that holds it with a stated confidence."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """The mean difference of two models over the same queries, and its two-sided p-value."""

    mean: float
    p: float


def bootstrap(
    values: Float[ndarray, "q"], *, confidence: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Return the mean of per-query values and its percentile interval over resampled queries; NaN is left out.

    >>> bootstrap(np.array([0.0, 1.0] * 50))
    Interval(mean=0.5, low=0.4, high=0.6)
    """
    counted = values[~np.isnan(values)]
    if not len(counted):
        raise InputError("no query counts, so there is no mean to find an interval for")
    if not 0 < confidence < 1:
        raise InputError(f"a confidence is between 0 and 1, not {confidence}")
    rng = np.random.default_rng(seed)
    means = [counted[rng.integers(0, len(counted), (n, len(counted)))].mean(1) for n in _parts(samples, len(counted))]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(counted.mean()), float(low), float(high))


def permutation_test(
    ours: Float[ndarray, "q"], theirs: Float[ndarray, "_"], *, samples: int = 10_000, seed: int = 0
) -> Difference:
    """Return the mean difference of two models on the same queries and how often chance yields one as large.

    Under the null hypothesis the two models' values of a query may be swapped. A query
    that does not count for either model (NaN) is left out; the smallest p is 1 / (samples + 1).

    >>> rng = np.random.default_rng(0)
    >>> a = rng.random(100)
    >>> permutation_test(a + 0.1, a).p < 0.001, permutation_test(a, rng.permutation(a)).p > 0.05
    (True, True)
    """
    if len(ours) != len(theirs):
        raise InputError(
            f"the models answered {len(ours)} and {len(theirs)} queries; a paired test needs the same ones"
        )
    difference = ours - theirs
    difference = difference[~np.isnan(difference)]
    if not len(difference):
        raise InputError("no query counts for both models, so there is no difference to test")
    rng = np.random.default_rng(seed)
    observed = abs(difference.sum())
    extreme = 0
    for n in _parts(samples, len(difference)):
        swapped = rng.integers(0, 2, (n, len(difference)), np.int8) * 2 - 1
        extreme += int((np.abs(swapped @ difference) >= observed * (1 - 1e-12)).sum())
    return Difference(float(difference.mean()), (extreme + 1) / (samples + 1))


def _parts(samples: int, queries: int) -> list[int]:
    if samples < 1:
        raise InputError(f"resampling takes at least 1 sample, not {samples}")
    step = max(1, _HELD // queries)
    return [min(step, samples - start) for start in range(0, samples, step)]
