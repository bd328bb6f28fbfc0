"""Large batches in chunks: the gradient is that of the whole batch, and the activations of it are never held."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.nn.gru import GRUEncoder
from crossbit.nn.layers import Normalise
from crossbit.nn.losses import hinge, infonce
from crossbit.nn.towers import mlp, perceptron
from crossbit.training.memory import gradient_cached

OWN = torch.eye(24, dtype=torch.bool)


def infonce_of(v, l):
    return infonce(10 * v @ l.T, OWN, "masked")


def hinge_of(v, l):
    return hinge(v @ l.T, OWN, 0.2, "hardest")


@pytest.fixture
def towers():
    """A trunk for pixels and a reader of sentences, with what they take."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (24, 32, 32, 3), dtype=torch.uint8)
    ids = torch.randint(1, 30, (24, 7))
    ids[::3, 4:] = 0
    image = nn.Sequential(*perceptron(pixels.numpy(), 12), Normalise())
    text = nn.Sequential(GRUEncoder(30, 8, 16, directions=2), mlp(32, 20, 12, dropout=0.3), Normalise())
    return image, text, pixels, ids


def gradients(towers, loss, size):
    image, text, pixels, ids = towers
    parameters = [*image.parameters(), *text.parameters()]
    for p in parameters:
        p.grad = None
    loss(gradient_cached(image, pixels, size), gradient_cached(text, ids, size)).backward()
    return [p.grad.clone() for p in parameters]


@pytest.mark.parametrize("loss", [infonce_of, hinge_of])
@pytest.mark.parametrize("size", [1, 7, 8, 24, 100])
def test_the_gradient_is_that_of_the_whole_batch(towers, loss, size):
    towers[1].eval()  # other chunks draw other random numbers for dropout
    whole, chunked = gradients(towers, loss, 0), gradients(towers, loss, size)
    assert any(g.abs().max() > 1e-3 for g in whole)
    for a, b in zip(whole, chunked, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_the_mean_of_the_losses_of_chunks_would_be_another_gradient(towers):
    image, text, pixels, ids = towers
    text.eval()
    whole = gradients(towers, infonce_of, 0)
    parameters = [*image.parameters(), *text.parameters()]
    for p in parameters:
        p.grad = None
    for rows in torch.arange(24).split(8):
        (infonce(10 * image(pixels[rows]) @ text(ids[rows]).T, OWN[:8, :8], "masked") / 3).backward()
    assert any((a - p.grad).abs().max() > 1e-4 for a, p in zip(whole, parameters, strict=True))


def test_what_is_computed_again_draws_the_same_random_numbers():
    """The gradient of a sum through dropout is its mask, so both passes can be told apart."""
    torch.manual_seed(0)
    tower = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Dropout(0.5))
    tower[0].weight.data = torch.eye(6)
    x = torch.ones(8, 6, requires_grad=True)
    seen = gradient_cached(tower, x, 2)
    seen.sum().backward()
    assert 0 < int((seen == 0).sum()) < 48
    torch.testing.assert_close(x.grad, seen.detach())


def test_activations_are_held_of_no_more_than_a_chunk():
    """Counted as the bytes that autograd keeps between the passes."""
    tower, x = mlp(4, 512, 512, 3), torch.rand(64, 4)

    def held(size):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.nbytes) or t, lambda t: t):
            gradient_cached(tower, x, size)
        return sum(kept)

    weights = sum(p.nbytes for p in tower.parameters())
    assert held(0) > 64 * 512 * 4
    assert held(8) < held(0) / 2 + weights


def test_sparse_rows_pass_at_once():
    from scipy.sparse import csr_array

    from crossbit.nn.layers import SparseLinear
    from crossbit.nn.tensors import sparse_tensor

    rows = sparse_tensor(csr_array(np.eye(9, dtype=np.float32)))
    assert gradient_cached(SparseLinear(9, 4), rows, 2).shape == (9, 4)
