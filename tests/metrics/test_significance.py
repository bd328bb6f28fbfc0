"""Intervals and tests: as wide and as strict as they promise, and the same for the same seed."""

from itertools import product

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.metrics.significance import bootstrap, permutation_test


def test_the_interval_is_that_of_the_normal_law_for_many_queries(rng):
    values = rng.random(1000)
    found = bootstrap(values, seed=3)
    width = 1.96 * values.std() / np.sqrt(1000)
    assert found.mean == values.mean()
    assert found.low == pytest.approx(found.mean - width, abs=0.1 * width)
    assert found.high == pytest.approx(found.mean + width, abs=0.1 * width)


def test_the_interval_holds_the_truth_as_often_as_it_says(rng):
    held = [low <= 0.5 <= high for _, low, high in (bootstrap(rng.random(60), samples=400) for _ in range(300))]
    assert 0.90 < np.mean(held) < 0.98


def test_queries_that_do_not_count_are_left_out():
    assert bootstrap(np.array([np.nan, 0.25, 0.25])) == (0.25, 0.25, 0.25)
    assert permutation_test(np.array([np.nan, 1.0, 1.0]), np.array([5.0, 1.0, np.nan])).mean == 0


def test_the_permutation_test_is_the_exact_one_within_its_error(rng):
    a, b = rng.random(10), rng.random(10) + 0.15
    signed = np.array(list(product([-1, 1], repeat=10))) @ (a - b)
    exact = (np.abs(signed) >= abs((a - b).sum()) - 1e-12).mean()
    found = permutation_test(a, b, samples=20_000)
    assert found.mean == pytest.approx((a - b).mean())
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_under_the_null_small_p_values_are_as_rare_as_they_say(rng):
    small = [permutation_test(rng.random(30), rng.random(30), samples=400).p < 0.1 for _ in range(300)]
    assert 0.05 < np.mean(small) < 0.16


def test_equal_models_do_not_differ():
    assert permutation_test(np.ones(9), np.ones(9)) == (0.0, 1.0)


def test_the_same_seed_gives_the_same_answer(rng):
    a, b = rng.random(50), rng.random(50)
    assert bootstrap(a, seed=1) == bootstrap(a, seed=1) != bootstrap(a, seed=2)
    assert permutation_test(a, b, seed=1) == permutation_test(a, b, seed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap(np.array([np.nan])), "no query counts"),
        (lambda: bootstrap(np.ones(2), confidence=95.0), "between 0 and 1, not 95"),
        (lambda: bootstrap(np.ones(2), samples=0), "at least 1 sample, not 0"),
        (lambda: permutation_test(np.ones(2), np.ones(3)), "answered 2 and 3 queries"),
        (lambda: permutation_test(np.array([np.nan]), np.ones(1)), "no query counts for both"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
