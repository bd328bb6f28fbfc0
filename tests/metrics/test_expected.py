"""The closed forms: equal to the mean, maximum and minimum over every order of the tied items."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossbit.metrics import KINDS, Measure
from crossbit.metrics.definitions import average_precision
from crossbit.metrics.first_match import FirstMatch
from crossbit.metrics.tally import Tally

#: Up to four groups of ties, of up to four items; each item is its number of shared labels.
groups_of_ties = st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=4).filter(
    lambda groups: 0 < sum(map(len, groups)) <= 10
)


def every_ranking_measure(k):
    for name, kind in KINDS.items():
        if kind.family != "ranking":
            continue
        cut = None if kind.cut == "none" else k
        for over in ("relevant", "hits", "first") if "over" in kind.options else ("relevant",):
            if cut is not None or kind.cut != "required":
                yield name, cut, over


def tally_of(groups):
    grades = max(map(max, filter(None, groups))) + 2
    return Tally(np.array([[np.bincount(group, minlength=grades) for group in map(np.int64, groups)]]))


def orders_of(groups):
    """Yield every order that can be told apart; each is as likely as any other."""
    for order in product(*(sorted(set(permutations(group))) for group in groups)):
        yield np.array([grade for group in order for grade in group])


@settings(max_examples=80, deadline=None)
@given(groups_of_ties, st.none() | st.integers(1, 12))
@example([[1], [0, 0, 1, 1]], 3)
@example([[0, 0, 0]], 2)
@example([[3, 0, 1, 0], [], [2, 2, 0, 0]], 6)
def test_closed_forms_equal_what_all_orders_give(groups, k):
    counted, orders = tally_of(groups), list(orders_of(groups))
    for name, cut, over in every_ranking_measure(k):
        by_order = [KINDS[name].of_order(grades, Measure(name, cut, over)) for grades in orders]
        for ties, truth in (("expected", np.mean(by_order)), ("best", max(by_order)), ("worst", min(by_order))):
            value = KINDS[name].of_ties(counted, Measure(name, cut, over, ties))
            assert value == pytest.approx([truth], abs=1e-12), (name, cut, over, ties)


def random_tally(seed, groups=12, size=300):
    rng = np.random.default_rng(seed)
    return Tally(rng.integers(0, size, (4, groups, 3)) * (rng.random((4, groups, 3)) < 0.6))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4000))
def test_worst_expected_and_best_are_in_order_on_long_rankings(seed, k):
    counted = random_tally(seed)
    for name, cut, over in every_ranking_measure(k):
        low, mean, high = (
            KINDS[name].of_ties(counted, Measure(name, cut, over, ties)) for ties in ("worst", "expected", "best")
        )
        assert (low <= mean + 1e-9).all()
        assert (mean <= high + 1e-9).all()
        assert (low >= KINDS[name].lowest).all()
        assert (high <= KINDS[name].highest + 1e-9).all()


@pytest.mark.parametrize("over", ["relevant", "hits", "first"])
@pytest.mark.parametrize("k", [None, 1, 50, 700])
def test_closed_forms_agree_with_shuffled_ties_on_long_rankings(over, k):
    rng = np.random.default_rng(0)
    counted = Tally(rng.integers(0, 60, (1, 10, 2)) + np.array([60, 0]))
    groups = [np.repeat([0, 1], row) for row in counted.count[0]]
    drawn = [average_precision(np.concatenate([rng.permutation(g) for g in groups]), k, over) for _ in range(4000)]
    value = KINDS["MAP"].of_ties(counted, Measure("MAP", k, over))[0]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(value - np.mean(drawn)) < 4 * error


def test_without_ties_every_choice_is_the_definition():
    rng = np.random.default_rng(0)
    grades = rng.integers(0, 3, 50)
    counted = Tally(np.eye(3, dtype=int)[grades][None])
    for k in (None, 7, 50, 90):
        for name, cut, over in every_ranking_measure(k):
            for ties in ("expected", "best", "worst"):
                measure = Measure(name, cut, over, ties)
                truth = KINDS[name].of_order(grades, measure)
                assert KINDS[name].of_ties(counted, measure) == pytest.approx([truth], abs=1e-12)


@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 9))
def test_the_first_match_is_where_all_orders_put_it(better, tied, matches, k):
    matches = min(matches, tied)
    places = [better + min(order) + 1 for order in set(map(frozenset, permutations(range(tied), matches)))]
    first = FirstMatch(np.array([better]), np.array([tied]), np.array([matches]))
    for ties, truth in (("expected", np.mean), ("best", min), ("worst", max)):
        assert first.rank(ties) == pytest.approx([truth(places)])
    hits = [float(place <= k) for place in places]
    for ties, truth in (("expected", np.mean), ("best", max), ("worst", min)):
        assert first.recall(k, ties) == pytest.approx([truth(hits)], abs=1e-12)
