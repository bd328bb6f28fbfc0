"""Target similarities that more than one method uses, against values worked out by hand."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from crossbit.errors import InputError
from crossbit.nn.similarity import nearest, transitions

S = torch.tensor([[1.0, 0.5, 0.2, 0.3], [0.5, 1.0, -0.4, 0.0], [0.2, -0.4, 1.0, 0.6]])
OWN = torch.arange(3)


def test_a_walk_goes_to_the_nearest_others_in_proportion_to_their_similarity():
    assert transitions(S, OWN, 2).numpy() == pytest.approx(
        torch.tensor([[0, 0.625, 0, 0.375], [1, 0, 0, 0], [0.25, 0, 0, 0.75]]).numpy()
    )


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_a_walk_never_stays_and_is_sure_to_go(k):
    P = transitions(S, OWN, k)
    assert P.diagonal().tolist() == [0, 0, 0]
    assert P.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert ((P > 0).sum(1) <= k).all()


def test_a_walk_from_some_of_the_items_is_the_same_walk():
    assert (transitions(S[1:], OWN[1:], 2) == transitions(S, OWN, 2)[1:]).all()


def test_an_item_that_is_like_no_other_goes_nowhere():
    assert transitions(torch.tensor([[1.0, 0.0, -0.5]]), torch.tensor([0]), 2).tolist() == [[0, 0, 0]]


def test_the_nearest_items_are_those_at_the_smallest_distance_whatever_the_chunks(rng, monkeypatch):
    X = (rng.random((30, 6)) * (rng.random((30, 6)) < 0.5)).astype(np.float32)
    monkeypatch.setattr("crossbit.nn.similarity.CHUNK", 7)
    smallest = np.sort(((X[:, None] - X) ** 2).sum(2), axis=1)[:, :4]
    for items in (X, csr_array(X)):
        found = nearest(items, 4).numpy()
        assert ((X[:, None] - X[found]) ** 2).sum(2) == pytest.approx(smallest, abs=1e-6)
        assert found[:, 0].tolist() == [*range(30)]


def test_an_item_is_the_nearest_to_itself_among_its_like():
    assert nearest(np.ones((9, 2), np.float32), 2)[:, 0].tolist() == [*range(9)]


def test_what_has_no_nearest_items_is_refused():
    with pytest.raises(InputError, match=r"items of shape \(8, 8, 3\) have no nearest neighbours"):
        nearest(np.zeros((4, 8, 8, 3), np.uint8), 2)
    with pytest.raises(InputError, match="3 items have no 5 nearest"):
        nearest(np.zeros((3, 2), np.float32), 5)
