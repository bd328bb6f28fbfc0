"""Target similarities that more than one method uses, against values worked out by hand."""

import pytest
import torch

from crossbit.similarity import transitions

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
