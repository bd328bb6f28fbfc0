"""DCMH: its objective, its gradient and its codes against what the paper derives, by hand or by trying all."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from crossbit.data.pairs import Paired
from crossbit.methods.dcmh import DCMH
from crossbit.models.encoder import DualEncoder
from crossbit.nn.similarity import sign
from crossbit.training.run import Training


def test_the_terms_by_hand():
    """One fresh code (1, -2) against two of the other modality: theta = (1, -1.5), only the first is alike."""
    u, V, S = torch.tensor([[1.0, -2.0]]), torch.tensor([[2.0, 0.0], [1.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    terms = DCMH().terms(u, V, S, b=torch.tensor([[1.0, 1.0]]), rest=torch.tensor([0.5, 3.0]))
    pair = np.log1p(np.exp(1)) - 1 + np.log1p(np.exp(-1.5))
    assert float(terms["L_pair"]) == pytest.approx(pair)
    assert float(terms["L_quant"]) == 9
    assert float(terms["L_balance"]) == 1.5**2 + 1
    assert float(DCMH(gamma=2, eta=10).objective(terms)) == pytest.approx(pair + 18 + 32.5)


def test_the_gradient_is_the_papers():
    """dJ/du_i = sum_j (sigma(theta_ij) - S_ij) v_j / 2 + 2 gamma (u_i - b_i) + 2 eta F^T 1, all rows of F counted."""
    torch.manual_seed(0)
    F, V, B = torch.randn(6, 4), torch.randn(6, 4), sign(torch.randn(6, 4))
    rows, S = torch.tensor([4, 1, 2]), (torch.rand(3, 6) < 0.5).float()
    u = F[rows].clone().requires_grad_()
    hasher = DCMH(gamma=0.7, eta=0.3)
    hasher.objective(hasher.terms(u, V, S, B[rows], F.sum(0) - F[rows].sum(0))).backward()
    pull = (torch.sigmoid(F[rows] @ V.T / 2) - S) @ V / 2
    torch.testing.assert_close(u.grad, pull + 2 * 0.7 * (F[rows] - B[rows]) + 2 * 0.3 * F.sum(0))


def test_no_binary_codes_are_nearer_to_both_real_ones():
    torch.manual_seed(1)
    F, G = torch.randn(2, 4), torch.randn(2, 4)
    F[0, 0] = G[0, 0] = 0  # where nothing decides, the sign is still one of two

    def distance(B):
        return float((B - F).square().sum() + (B - G).square().sum())

    best = min(distance(torch.tensor(signs).view(2, 4)) for signs in product([-1.0, 1.0], repeat=8))
    assert distance(sign(F + G)) == pytest.approx(best)
    assert (sign(F + G).abs() == 1).all()


def test_the_rate_falls_as_in_either_release():
    python, matlab = DCMH(epochs=4), DCMH(epochs=4, decay="geometric", lr_end=1e-3)
    assert [python.rate(e) for e in range(4)] == pytest.approx(np.linspace(10**-1.5, 1e-6, 4))
    assert [matlab.rate(e) for e in range(4)] == pytest.approx([10**-1.5, 10**-2, 10**-2.5, 10**-3])


def told(toy, **parameters):
    """Return what an unweighted likelihood, or what is asked for, logs in its last epoch."""
    last = {}
    how = Training(log=lambda done, total, values: last.update(values))
    DCMH(**{"text_hidden": 8, "gamma": 0.0, "eta": 0.0, **parameters}).fit(toy.train, 4, training=how)
    return last


def test_codes_that_begin_at_zero_tell_the_images_nothing_at_first(toy):
    """With G = 0 every theta of the first image epoch is 0, which costs log 2 a pair."""
    frozen = {"epochs": 1, "lr": 1e-9, "lr_end": 1e-9}
    values = told(toy, start="zero", **frozen)
    assert set(values) == {"loss_image", "loss_text", "L_pair", "L_quant", "L_balance"}
    assert values["loss_image"] == pytest.approx(np.log(2))
    assert told(toy, start="normal", **frozen)["loss_image"] > np.log(2) + 0.005


def test_balance_makes_a_bit_positive_for_half_of_the_items(toy):
    assert told(toy, epochs=5, eta=1.0)["L_balance"] < told(toy, epochs=5)["L_balance"] / 3


@pytest.mark.parametrize("change", [{"gamma": 300.0}, {"eta": 9.0}, {"start": "zero"}, {"weight_decay": 0.1}])
def test_every_part_of_the_method_changes_the_codes(change, toy):
    whole, part = (
        DCMH(text_hidden=8, epochs=2, **more).fit(toy.train, 8).embed(toy.query.image, "image") for more in ({}, change)
    )
    assert (whole != part).any()


@pytest.mark.parametrize(("hidden", "kinds"), [(0, ["linear"]), (8, ["linear", "relu", "linear"])])
def test_image_codes_are_linear_in_features_or_have_a_layer_of_their_own(toy, hidden, kinds):
    encoder = DCMH(hidden=hidden, text_hidden=8, epochs=1).fit(toy.train, 8)
    assert [part["kind"] for part in encoder.config()["image"]["parts"]] == kinds


def test_pictures_and_sparse_words_are_trained_on_as_they_are(rng):
    labels = np.eye(4, dtype=bool)[np.arange(24) % 4]
    pixels = rng.integers(0, 256, (24, 32, 32, 3), np.uint8)
    words = csr_array((rng.random((24, 9)) < 0.3).astype(np.float32))
    encoder = DCMH(hidden=8, text_hidden=8, epochs=1, batch=10).fit(Paired(pixels, words, labels), 8)
    assert isinstance(encoder, DualEncoder)
    assert [encoder.config()[side]["parts"][0]["kind"] for side in ("image", "text")] == ["pixels", "sparse-linear"]
    assert len(encoder.encode(words, "text")) == len(encoder.encode(pixels, "image")) == 24
