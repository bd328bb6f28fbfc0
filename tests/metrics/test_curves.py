"""Curves over ranks and radii: what they hold, their averages, and what they agree with."""

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.errors import InputError
from crossbit.metrics import evaluate
from crossbit.metrics.curves import radius_curve, rank_curve


@pytest.fixture
def problem(rng):
    codes = tuple(Codes.from_bits(rng.random((n, 10)) < 0.5) for n in (20, 80))
    labels = tuple(rng.random((n, 3)) < 0.2 for n in (20, 80))
    return codes, labels


def test_a_rank_curve_runs_through_precision_and_recall_at_its_ranks(problem):
    codes, labels = problem
    curve = rank_curve(*codes, labels)
    assert curve.ranks[0] == 1
    assert curve.ranks[-1] == 80
    assert (np.diff(curve.ranks) > 0).all()
    assert (np.diff(curve.recall) >= -1e-12).all()
    assert curve.recall[-1] == pytest.approx(1)
    some = rank_curve(*codes, labels, [5, 9], ties="stable")
    means = evaluate(*codes, *labels, ["precision@9(ties=stable)", "recall@9(ties=stable)"]).means()
    assert [some.precision[1], some.recall[1]] == pytest.approx(list(means.values()))


def test_a_rank_curve_is_drawn_for_vectors_too(problem):
    codes, labels = problem
    curves = [rank_curve(*sides, labels, [1, 7, 80]) for sides in (codes, [c.signs().astype(float) for c in codes])]
    assert curves[0].precision == pytest.approx(curves[1].precision)


@pytest.mark.parametrize(("average", "empty"), [("zero", "zero"), ("drop", "drop")])
def test_a_radius_curve_runs_through_the_lookup_measures(problem, average, empty):
    codes, labels = problem
    curve = radius_curve(*codes, labels, average=average)
    assert curve.radius.tolist() == list(range(11))
    for r in (0, 1, 2, 3, 10):
        asked = [f"lookup-precision(r={r},empty={empty})", f"lookup-recall(r={r})", f"lookup-empty(r={r})"]
        means = list(evaluate(*codes, *labels, asked).means().values())
        assert [curve.precision[r], curve.recall[r], curve.empty[r]] == pytest.approx(means, nan_ok=True)
    assert curve.recall[-1] == 1


def test_averages_of_balls_differ_where_balls_are_empty():
    query = Codes.from_signs(np.array([[1.0, 1, 1], [-1, -1, -1]]))
    database, labels = Codes.from_signs(np.ones((2, 3))), (np.ones((2, 1), bool), np.array([[True], [False]]))
    first = {a: radius_curve(query, database, labels, average=a) for a in ("pooled", "zero", "drop", "hitless")}
    assert {a: (c.precision[0], c.recall[0]) for a, c in first.items()} == {
        "pooled": (0.5, 0.5),
        "zero": (0.25, 0.5),
        "drop": (0.5, 0.5),
        "hitless": (0.5, 1.0),
    }
    assert first["pooled"].empty.tolist() == [0.5, 0.5, 0.5, 0]


def test_unanswerable_queries_count_only_when_asked():
    codes, labels = Codes.from_signs(np.ones((2, 3))), (np.eye(2, dtype=bool), np.array([[True, False]] * 2))
    dropped, counted = (radius_curve(codes, codes, labels, average="zero", unanswerable=u) for u in ("drop", "zero"))
    assert (dropped.precision[0], counted.precision[0]) == (1.0, 0.5)
    with pytest.raises(InputError, match="none of the 2 queries has a relevant item"):
        radius_curve(codes, codes, (np.eye(2, dtype=bool)[[1, 1]], labels[1]))
