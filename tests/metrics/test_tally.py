"""Counting by distance: the compiled kernel against numpy, for every width of codes and labels."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbit.codes import Codes
from crossbit.metrics import ranking
from crossbit.metrics import tally as counting
from crossbit.metrics.tally import in_blocks, max_shared, tally


def problem(seed, bits, classes, queries=5, items=70):
    rng = np.random.default_rng(seed)
    codes = [Codes.from_bits(rng.random((n, bits)) < 0.5) for n in (queries, items)]
    return *codes, *(rng.random((n, classes)) < rng.choice([0.1, 0.6]) for n in (queries, items))


@pytest.fixture
def compiled(monkeypatch):
    """Use the compiled kernel even for few pairs."""
    for module in (counting, ranking):
        monkeypatch.setattr(module, "FEW_PAIRS", 0)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("bits", "classes"), [(1, 1), (16, 21), (64, 64), (65, 64), (128, 65), (500, 291)])
@pytest.mark.parametrize("items", [1, 70, 5000])
def test_the_kernel_counts_as_numpy_does(compiled, monkeypatch, bits, classes, graded, items):
    case = problem(bits, bits, classes, items=items)
    fast = tally(*case, graded=graded).count
    monkeypatch.setattr(counting, "FEW_PAIRS", 1 << 30)
    assert (fast == tally(*case, graded=graded).count).all()
    assert (fast.sum((1, 2)) == items).all()


@pytest.mark.parametrize(("bits", "classes"), [(1, 1), (16, 21), (64, 64), (65, 64), (128, 65), (500, 291)])
def test_the_kernel_ranks_as_a_stable_sort_does(compiled, monkeypatch, bits, classes):
    case = problem(bits, bits, classes, items=5000)
    fast, plain = np.empty((5, 5000), int), np.empty((5, 5000), int)
    ranking.stable_grades(*case, fast.__setitem__)
    monkeypatch.setattr(ranking, "FEW_PAIRS", 1 << 30)
    ranking.stable_grades(*case, plain.__setitem__)
    assert (fast == plain).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 5))
def test_a_tally_is_what_a_loop_counts(seed, bits, classes):
    query, database, a, b = problem(seed, bits, classes, 3, 9)
    count = np.zeros((3, bits + 1, max_shared(a, b) + 1), int)
    for q in range(3):
        for n in range(9):
            count[q, (query.signs()[q] != database.signs()[n]).sum(), (a[q] & b[n]).sum()] += 1
    assert (tally(query, database, a, b, graded=True).count == count).all()
    binary = tally(query, database, a, b)
    assert (binary.count[:, :, 1] == count[:, :, 1:].sum(2)).all()
    assert (binary.relevant == (a.astype(int) @ b.T.astype(int) > 0).sum(1)).all()


def test_groups_split_ties_by_grade():
    counted = counting.Tally(np.array([[[2, 1, 1], [1, 0, 0]]]))
    assert counted.groups().gain.tolist() == [[3, 0]]
    assert counted.groups("best").size.tolist() == [[1, 1, 2, 0, 0, 1]]
    assert counted.groups("worst").worth.tolist() == [[0, 1, 3, 0, 0, 0]]


def test_blocks_cover_every_query_once_and_report():
    seen, reports = [], []
    in_blocks(lambda rows: seen.extend(range(rows.start, rows.stop)), 10, lambda d, t, v: reports.append((d, t)), 4)
    assert sorted(seen) == list(range(10))
    assert reports == [(4, 10), (8, 10), (10, 10)]


def test_memory_does_not_grow_with_queries_times_items(compiled):
    def peak(items):
        case = problem(0, 64, 21, queries=200, items=items)
        tally(*case)  # compiles
        tracemalloc.start()
        tally(*case)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    per_item = (peak(200_000) - peak(20_000)) / 180_000
    assert per_item < 64  # the words of codes and labels; one byte per query and item would be 200
