"""Losses that several methods share, against values worked out by hand or one triplet at a time."""

import math
from itertools import product

import pytest
import torch

from crossbit.nn.losses import hinge, infonce, pairwise_nll, squared_distances, triplet
from crossbit.nn.similarity import label_similarity


def test_items_that_share_a_label_are_alike():
    L = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 1, 0], [0, 0, 0]])
    assert label_similarity(L, L).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert label_similarity(L[:1], L).tolist() == [[1, 1, 0, 0]]


def test_squared_distances_by_hand():
    A, B = torch.tensor([[1.0, -1.0], [0.0, 0.5]]), torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    assert squared_distances(A, B).tolist() == [[4, 0, 2], [1.25, 3.25, 0.25]]


#: Distances of two anchors to four items; the second anchor is alike with nobody.
D = torch.tensor([[1.0, 4.0, 3.0, 9.0], [0.0, 1.0, 2.0, 3.0]])
S = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])


def test_triplets_by_hand():
    """With margin 3 the four triplets give 3 + 1 - 3 = 1, 3 + 1 - 9 < 0, 3 + 4 - 3 = 4 and 3 + 4 - 9 < 0."""
    assert float(triplet(D, S, 3.0)) == (1 + 4) / 2
    assert float(triplet(D, S, 3.0, over="all")) == (1 + 4) / 4
    assert float(triplet(D, S, 6.0)) == (4 + 7 + 1) / 3  # 6 + 1 - 9 < 0
    assert float(triplet(D, S, 0.0)) == 1


def test_soft_triplets_by_hand():
    expected = torch.tensor([1.0, -5, 4, -2]).exp().log1p().mean()
    assert float(triplet(D, S, 3.0, soft=True)) == pytest.approx(float(expected))


@pytest.mark.parametrize("S", [torch.zeros(2, 4), torch.ones(2, 4)])
@pytest.mark.parametrize("how", [{}, {"over": "all"}, {"soft": True}])
def test_without_a_triplet_the_loss_is_zero_and_steers_nothing(S, how):
    distances = D.clone().requires_grad_()
    loss = triplet(distances, S, 3.0, **how)
    loss.backward()
    assert loss.item() == 0
    assert not distances.grad.any()


@pytest.mark.parametrize("over", ["active", "all"])
def test_counting_gives_the_value_and_the_gradient_of_the_triplets_written_down(over):
    """Distances from a coarse grid, so that many hinges lie at zero exactly and many distances are tied."""
    torch.manual_seed(0)
    distances = torch.randint(0, 6, (9, 7)).double()
    alike = (torch.rand(9, 7) < 0.4).double()
    counted, written = distances.clone().requires_grad_(), distances.clone().requires_grad_()
    triples = [(i, j, k) for i, j, k in product(range(9), range(7), range(7)) if alike[i, j] > alike[i, k]]
    hinges = torch.stack([(2 + written[i, j] - written[i, k]).relu() for i, j, k in triples])
    expected = hinges.sum() / (len(hinges) if over == "all" else (hinges > 0).sum())
    loss = triplet(counted, alike, 2.0, over=over)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(counted.grad, written.grad)
    assert counted.grad.any()


def test_the_pairwise_likelihood_by_hand():
    """Two anchors, two items: theta = (1, -2; 0, 0.5), of which the first and the last pair are alike."""
    A, B = torch.tensor([[1.0, -1.0], [0.5, 0.5]]), torch.tensor([[1.0, -1.0], [-1.0, 3.0]])
    S = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    softplus = torch.tensor([1.0, -2.0, 0.0, 0.5]).exp().log1p().sum()
    assert float(pairwise_nll(A, B, S)) == pytest.approx(float(softplus) - 1 - 0.5)


def test_the_pairwise_likelihood_has_its_analytic_gradient_and_never_overflows():
    torch.manual_seed(0)
    A, B = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    S = (torch.rand(3, 5) < 0.5).float()
    pairwise_nll(A, B, S).backward()
    torch.testing.assert_close(A.grad, (torch.sigmoid(A.detach() @ B.T / 2) - S) @ B / 2)
    far = torch.tensor([[1000.0], [-1000.0]])
    assert float(pairwise_nll(far, far, torch.eye(2))) == pytest.approx(0)
    assert float(pairwise_nll(far[:1], far[:1], torch.zeros(1, 1))) == 500_000


#: Scores of three images with three texts; the second and the third pair are of one image in `SAME`.
SCORES = torch.tensor([[0.9, 0.8, 0.1], [0.5, 0.6, 0.7], [0.85, 0.3, 0.4]])
OWN, SAME = torch.eye(3, dtype=torch.bool), torch.tensor([[1, 0, 0], [0, 1, 1], [0, 1, 1]]).bool()


def test_hinges_by_hand():
    """With margin 0.2 the rows cost (0.1, 0), (0.1, 0.3), (0.65, 0.1), the columns (0, 0.15), (0.4, 0), (0, 0.5)."""
    assert float(hinge(SCORES, OWN, 0.2, "all")) == pytest.approx(0.1 + 0.1 + 0.3 + 0.65 + 0.1 + 0.15 + 0.4 + 0.5)
    assert float(hinge(SCORES, OWN, 0.2, "hardest")) == pytest.approx(0.1 + 0.3 + 0.65 + 0.15 + 0.4 + 0.5)


def test_captions_of_one_image_are_no_negatives_of_each_other():
    assert float(hinge(SCORES, SAME, 0.2, "all")) == pytest.approx(0.1 + 0.1 + 0.65 + 0.15 + 0.4)
    assert float(hinge(SCORES, SAME, 0.2, "hardest")) == pytest.approx(0.1 + 0.1 + 0.65 + 0.15 + 0.4)
    assert float(hinge(SCORES, torch.ones(3, 3, dtype=torch.bool), 0.2, "hardest")) == 0


@pytest.mark.parametrize(("m", "plateau"), [(128, 51.2), (24, 9.6)])
def test_a_collapsed_model_sits_at_the_plateau(m, plateau):
    """2 m alpha with the hardest negatives, m - 1 times as much with all; no score is above another."""
    v = torch.nn.functional.normalize(torch.ones(m, 8))
    own = torch.eye(m, dtype=torch.bool)
    assert float(hinge(v @ v.T, own, 0.2, "hardest")) == pytest.approx(plateau, rel=1e-5)
    assert float(hinge(v @ v.T, own, 0.2, "all")) == pytest.approx(plateau * (m - 1), rel=1e-5)


def test_cross_entropy_of_pairs_by_hand():
    """Logits of logarithms, so that the shares can be read off: 4/8, 3/6 and 5/9 in rows and in columns."""
    S = torch.tensor([[4.0, 2, 2], [1, 3, 2], [3, 1, 5]]).log()
    rows, columns = (4 / 8, 3 / 6, 5 / 9), (4 / 8, 3 / 6, 5 / 9)
    expected = -sum(map(math.log, rows + columns)) / 6
    assert float(infonce(S, OWN, "masked")) == pytest.approx(expected)
    assert float(infonce(S, SAME, "negative")) == pytest.approx(expected)
    masked = -sum(map(math.log, (4 / 8, 3 / 4, 5 / 8, 4 / 8, 3 / 5, 5 / 7))) / 6
    assert float(infonce(S, SAME, "masked")) == pytest.approx(masked)
    shared = (3 / 6 * 2 / 6, 5 / 9 * 1 / 9, 3 / 6 * 1 / 6, 5 / 9 * 2 / 9)
    positive = -(2 * math.log(4 / 8) + sum(math.log(share) / 2 for share in shared)) / 6
    assert float(infonce(S, SAME, "positive")) == pytest.approx(positive)


def test_cross_entropy_of_a_collapsed_model_is_that_of_guessing():
    own = torch.eye(16, dtype=torch.bool)
    assert float(infonce(torch.ones(16, 16), own, "masked")) == pytest.approx(math.log(16))
