"""Towers: what they compute, and that plain data and weights rebuild them."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import nn

from crossbit.errors import InputError
from crossbit.models.encoder import DualEncoder
from crossbit.nn.layers import Anchors, MultiScale, SparseLinear
from crossbit.nn.tensors import dense, sparse_tensor, tensor
from crossbit.nn.towers import config, frozen_trunk, mlp, perceptron, tower


@pytest.fixture
def bags(rng):
    x = rng.random((6, 9), np.float32) * (rng.random((6, 9)) < 0.3)
    x[2] = 0
    return csr_array(x)


def test_a_sparse_first_layer_is_exact(bags):
    """The same seed, the same rows: outputs and gradients are those of a dense layer, also for an empty row."""
    torch.manual_seed(0)
    plain = nn.Linear(9, 4)
    torch.manual_seed(0)
    sparse = SparseLinear(9, 4)
    expected = plain(tensor(bags))
    for rows in (sparse_tensor(bags), tensor(bags)):
        sparse.zero_grad()
        plain.zero_grad()
        out = sparse(rows)
        torch.testing.assert_close(out, expected)
        (out**2).sum().backward()
        (plain(tensor(bags)) ** 2).sum().backward()
        torch.testing.assert_close(sparse.weight.grad, plain.weight.grad.T)
        torch.testing.assert_close(sparse.bias.grad, plain.bias.grad)


def test_a_sparse_tensor_is_its_rows(bags):
    assert (dense(sparse_tensor(bags)).numpy() == bags.toarray()).all()
    assert (dense(tensor(bags)).numpy() == bags.toarray()).all()


@pytest.mark.parametrize(
    ("rows", "kind"),
    [(np.uint8, torch.uint8), (np.int32, torch.int64), (np.bool_, torch.float32), (np.float16, torch.float32)],
)
def test_pixels_stay_bytes_and_tokens_integers(rows, kind):
    assert tensor(np.ones((2, 3), rows)).dtype == kind


def test_the_tower_suits_the_items(rng, bags):
    vectors, pixels = rng.random((5, 7), np.float32), rng.integers(0, 256, (5, 32, 32, 3), np.uint8)
    for items, first in ((vectors, "linear"), (bags, "sparse-linear"), (pixels, "pixels")):
        made = perceptron(items, 8, 4, dropout=0.5).eval()
        assert config(made)["parts"][0]["kind"] == first
        assert made(tensor(items)).shape == (items.shape[0], 4)
        again = tower(config(made)).eval()
        again.load_state_dict(made.state_dict())
        assert (again(tensor(items)) == made(tensor(items))).all()
    with pytest.raises(InputError, match="neither vectors nor RGB pixels"):
        perceptron(rng.random((5, 4, 4, 3)), 8, 4)


def test_a_code_of_pixels_does_not_depend_on_its_neighbours(rng):
    pixels = rng.integers(0, 256, (5, 32, 32, 3), np.uint8)
    encoder = DualEncoder(perceptron(pixels, 8), mlp(3, 8), "hamming", 8)
    alone = np.concatenate([encoder.embed(pixels[i : i + 1], "image") for i in range(5)])
    assert alone.tobytes() == encoder.embed(pixels, "image").tobytes()


def test_a_part_that_cannot_be_saved_is_named():
    with pytest.raises(InputError, match="Softplus is not a layer that a model can be saved with; register it"):
        config(nn.Softplus())
    with pytest.raises(InputError, match="no layer 'softplus'; there are affine"):
        tower({"kind": "softplus"})


def test_anchors_share_an_item_out_by_its_squared_distances():
    anchors = Anchors(torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]]), torch.tensor(2.0))
    shares = np.exp([-1 / 2, -4 / 2, -2 / 2])  # the item's squared distances are 1, 4 and 2
    assert anchors(torch.tensor([[1.0, 0.0]])).numpy() == pytest.approx(shares[None] / shares.sum(), abs=1e-6)


def test_anchors_are_rebuilt_from_their_description_and_their_state():
    anchors = Anchors(torch.arange(6.0).view(3, 2), torch.tensor(5.0))
    again = tower(config(anchors))
    again.load_state_dict(anchors.state_dict())
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    assert config(anchors) == {"kind": "anchors", "width": 2, "count": 3}
    assert (again(x) == anchors(x)).all()


def test_a_scale_is_pooled_weighed_and_drawn_out_again():
    x = torch.tensor([[4.0, 2.0, 0.0, 2.0]])  # its means in windows of two are 3 and 1
    drawn_out = MultiScale([(2, 2)])
    assert drawn_out(x).tolist() == [[4, 2, 0, 2, 3, 2.5, 1.5, 1]]
    assert MultiScale([(2, 2)], ends=True)(x)[0, 4:].tolist() == pytest.approx([3, 7 / 3, 5 / 3, 1])
    nn.init.constant_(drawn_out.weight, 2.0)
    nn.init.constant_(drawn_out.bias, -4.0)
    assert drawn_out(x)[0, 4:].tolist() == [2, 1.5, 0.5, 0]  # ReLU(2 * 3 - 4, 2 * 1 - 4) = (2, 0)


def test_scales_have_the_width_of_the_vector_even_where_a_window_is_wider(bags):
    scales = MultiScale([(50, 50), (3, 3), (4, 2)])
    x = tensor(bags)
    assert scales(x).shape == (6, 4 * 9)
    assert (scales(sparse_tensor(bags)) == scales(x)).all()
    assert scales(x)[:, 9:18].detach().numpy() == pytest.approx(np.repeat(bags.toarray().mean(1, keepdims=True), 9, 1))
    again = tower(config(scales))
    again.load_state_dict(scales.state_dict())
    assert (again(x) == scales(x)).all()
    assert config(scales) == {"kind": "multi-scale", "windows": [[50, 50], [3, 3], [4, 2]], "ends": False}


def test_a_frozen_trunk_is_the_untouched_rest_of_a_tower(rng, bags):
    pixels = tensor(rng.integers(0, 256, (5, 32, 32, 3), np.uint8))
    made = perceptron(pixels.numpy(), 4, dropout=0.5)
    trunk, before = frozen_trunk(made), made[:-1](pixels).detach().clone()
    assert not trunk.training
    assert not any(p.requires_grad for p in trunk.parameters())
    assert all(p.requires_grad for p in made.parameters())
    with torch.no_grad():
        for p in made.parameters():
            p.add_(1)
    assert (trunk(pixels) == before).all()
    assert (made[:-1](pixels) != before).any()
    for features in (tensor(bags), sparse_tensor(bags)):
        assert frozen_trunk(perceptron(bags, 4))(features) is features
