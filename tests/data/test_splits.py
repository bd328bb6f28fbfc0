"""The recipes for splits: sizes, determinism, what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.data.splits import class_balanced_split, instance_split, ordered_split, random_split
from crossbit.errors import InputError

IDS = [f"i{n}" for n in range(60)]


@given(st.integers(1, 20), st.integers(1, 40), st.integers(0, 9))
def test_a_random_split_has_its_sizes_and_covers_everything(query, train, seed):
    split = random_split("r", IDS, query=query, train=train, seed=seed)
    assert (len(split.query), len(split.train), len(split.database)) == (query, train, 60 - query)
    assert {*split.query, *split.database} == {*IDS}
    assert split.train == split.database[:train]
    assert split == random_split("r", IDS, query=query, train=train, seed=seed)


def test_the_random_split_is_the_permutation_of_the_legacy_generator():
    order = np.random.RandomState(3).permutation(60)
    split = random_split("r", IDS, query=2, train=5, seed=3)
    assert split.query == tuple(IDS[row] for row in order[:2])
    assert split.train == tuple(IDS[row] for row in order[2:7])


def test_an_instance_split_searches_its_queries():
    split = instance_split("k", IDS, query=10, validation=5, seed=1)
    assert split.instance
    assert split.database == split.query
    assert [len(part) for part in (split.train, split.validation, split.query)] == [45, 5, 10]
    assert {*split.train, *split.validation, *split.query} == {*IDS}


def test_a_class_balanced_split_fills_its_quotas_and_tops_up():
    labels = np.random.default_rng(0).random((60, 3)) < 0.6
    split = class_balanced_split("d", IDS, labels, quotas=[(4, 6), (2, 3), (2, 3)], train=20, seed=0)
    assert (len(split.query), len(split.train), len(split.database)) == (8, 20, 52)
    rows = [IDS.index(item) for item in (*split.query, *split.train)]
    assert labels[rows[:4], 0].all()
    assert labels[rows[8:14], 0].all()
    assert labels[rows[4:6], 1].all()
    assert {*split.train} < {*split.database}
    assert split == class_balanced_split("d", IDS, labels, quotas=[(4, 6), (2, 3), (2, 3)], train=20, seed=0)
    assert split != class_balanced_split("d", IDS, labels, quotas=[(4, 6), (2, 3), (2, 3)], train=20, seed=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: random_split("r", IDS, query=50, train=11),
            "50 query [+] 11 train items are wanted, but there",
        ),
        (lambda: random_split("r", IDS, query=-1, train=11), "-1 query"),
        (lambda: ordered_split("o", IDS, query=60), "60 query [+] 1 train items are wanted, but there are 60"),
        (lambda: instance_split("k", IDS, query=50, validation=10), "50 query [+] 10 validation [+] 1 train"),
        (
            lambda: class_balanced_split("d", IDS, np.ones((60, 2), bool), quotas=[(1, 1)]),
            r"1 quotas and 60 ids do not fit labels of shape \(60, 2\)",
        ),
        (
            lambda: class_balanced_split("d", IDS, np.ones((60, 2), bool), quotas=[(1, 58), (2, 0)]),
            "'d, class 1': 2 query items are wanted, but there are 1",
        ),
        (
            lambda: class_balanced_split("d", IDS, np.ones((60, 2), bool), quotas=[(1, 1), (1, 1)], train=59),
            "'d, once each class has its share': 57 train items are wanted, but there are 56",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_an_ordered_split_keeps_the_order():
    first, last = ordered_split("o", IDS, query=10, train=20), ordered_split("o", IDS, query=10, last=True)
    assert (first.query, first.train, first.database) == (tuple(IDS[:10]), tuple(IDS[10:30]), tuple(IDS[10:]))
    assert (last.query, last.train, last.database) == (tuple(IDS[50:]), tuple(IDS[:50]), tuple(IDS[:50]))
