"""Attention that is all or nothing: what it keeps, and the gradient that passes its threshold."""

import pytest
import torch

from crossbit.nn.attention import AboveAverage, Attended, Attention
from crossbit.nn.towers import config, tower


def test_what_scores_above_the_mean_of_the_exponentials_is_kept():
    """exp gives 1, 1, 4, 2 with mean 2, then 1, 3, 3, 1 with mean 2; reaching the mean is enough."""
    scores = torch.tensor([[1.0, 1.0, 4.0, 2.0], [1.0, 3.0, 3.0, 1.0]]).log()
    assert AboveAverage.apply(scores[1:]).tolist() == [[0, 1, 1, 0]]
    assert AboveAverage.apply(scores + 5)[:, [0, 1, 2]].tolist() == [[0, 0, 1], [0, 1, 1]]


def test_it_is_the_softmax_against_one_over_its_size():
    torch.manual_seed(0)
    scores = torch.randn(50, 49)
    assert (AboveAverage.apply(scores) == (scores.softmax(1) >= 1 / 49)).all()


@pytest.mark.parametrize(("spread", "share"), [(0.1, 0.48), (0.5, 0.41), (1.0, 0.32), (2.0, 0.19), (4.0, 0.10)])
def test_the_wider_the_scores_the_less_is_attended(spread, share):
    torch.manual_seed(0)
    assert float(AboveAverage.apply(torch.randn(2000, 49) * spread).mean()) == pytest.approx(share, abs=0.03)


def test_the_gradient_is_that_of_the_softmax():
    """Straight through: finite differences of the softmax, weighted like the mask, and not those of the step."""
    torch.manual_seed(0)
    scores, weights = torch.randn(3, 5, dtype=torch.double), torch.randn(3, 5, dtype=torch.double)
    through = scores.clone().requires_grad_()
    (AboveAverage.apply(through) * weights).sum().backward()
    small = 1e-6
    for i in range(3):
        for j in range(5):
            ends = []
            for step in (small, -small):
                moved = scores.clone()
                moved[i, j] += step
                ends.append((moved.softmax(1) * weights).sum())
            assert float(through.grad[i, j]) == pytest.approx(float(ends[0] - ends[1]) / (2 * small), abs=1e-8)


def test_the_area_of_a_mask_has_no_gradient():
    """The softmax sums to one: a penalty on how much is attended would steer nothing."""
    torch.manual_seed(0)
    scores = torch.randn(4, 9, requires_grad=True)
    AboveAverage.apply(scores).mean().backward()
    assert scores.grad.abs().max() < 1e-8


@pytest.mark.parametrize(("over", "shape"), [("places", (2, 6, 3, 4)), ("dimensions", (2, 6))])
def test_scores_of_zero_attend_to_everything(over, shape):
    attention = Attention(6, over)
    torch.nn.init.zeros_(attention.score.weight)
    torch.nn.init.zeros_(attention.score.bias)
    f = torch.rand(shape)
    assert attention(f).all()
    assert (Attended(attention)(f) == f).all()
    assert attention.evenness(f).item() == pytest.approx(1)


def test_a_place_is_kept_in_all_channels_or_in_none():
    torch.manual_seed(0)
    f = torch.rand(2, 6, 3, 4) + 0.1
    attention = Attention(6, "places")
    Z = attention(f)
    assert Z.shape == (2, 1, 3, 4)
    assert 0 < Z.mean() < 1
    assert ((Attended(attention)(f) > 0) == Z.bool()).all()


@pytest.mark.parametrize("over", ["places", "dimensions"])
def test_plain_data_and_weights_rebuild_it(over):
    made = Attended(Attention(6, over))
    again = tower(config(made))
    again.load_state_dict(made.state_dict())
    f = torch.rand(2, 6, 3, 4) if over == "places" else torch.rand(2, 6)
    assert (again(f) == made(f)).all()


def test_evenness_is_entropy_over_its_maximum():
    attention = Attention(3, "dimensions")
    torch.nn.init.zeros_(attention.score.weight)
    attention.score.bias.data = torch.tensor([0.5, 0.25, 0.25]).log()
    expected = 1.5 * torch.log(torch.tensor(2.0)) / torch.log(torch.tensor(3.0))
    assert attention.evenness(torch.rand(4, 3)).item() == pytest.approx(expected.item())
