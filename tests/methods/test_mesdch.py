"""MESDCH: its affinities and its divergence by hand, and the shape of its networks."""

import numpy as np
import pytest
import torch

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.mesdch import EPSILON, MESDCH, divergence, labelled, relaxed
from crossbit.nn.similarity import cosine
from crossbit.nn.towers import config
from crossbit.training.run import Training

SMALL = {"hidden": 8, "text_hidden": 8, "width": 8, "batch": 64}


def test_the_affinity_of_labels_is_their_cosine():
    L = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 1]])
    half = 2**-0.5
    assert cosine(L[:1], L).tolist()[0] == pytest.approx([1, half, 0, 2 / 6**0.5])


def test_a_negative_cosine_is_no_affinity():
    h, H = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [1.0, 1.0], [-1.0, 0.5], [0.0, -3.0]])
    assert relaxed(h, H)[0].tolist() == pytest.approx([1, 2**-0.5, 0, 0])


def test_the_divergence_by_hand():
    A, C = torch.tensor([[0.5, 1.0]]), torch.tensor([[0.25, 0.0]])
    expected = (0.25 * np.log((0.5 + 1e-5) / (0.25 + 1e-5)) + np.log((1 + 1e-5) / 1e-5)) / 2
    assert EPSILON == 1e-5
    assert float(divergence(A, C)) == pytest.approx(expected)


def test_the_divergence_is_that_of_both_from_both():
    """With two distributions in place of affinities it is the mean of KL(A || C) + KL(C || A)."""
    A, C = torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0.1, 0.3, 0.6]])
    both = (A * (A / C).log()).sum() + (C * (C / A).log()).sum()
    assert float(divergence(A, C)) == pytest.approx(float(both) / 3, rel=1e-3)


def test_the_divergence_is_zero_only_where_affinities_are_equal():
    torch.manual_seed(0)
    for _ in range(50):
        A, C = torch.rand(3, 4), torch.rand(3, 4)
        terms = torch.stack([divergence(a, c) for a, c in zip(A.view(-1, 1, 1), C.view(-1, 1, 1), strict=True)])
        assert (terms > 0).all()
    assert float(divergence(A, A)) == 0


def test_the_loss_weighs_every_partner():
    torch.manual_seed(0)
    h, A, b = torch.randn(2, 4), torch.rand(2, 5), torch.ones(2, 4)
    H = {name: torch.randn(5, 4) for name in ("label", "image", "text")}
    K = {name: float(divergence(A, relaxed(h, H[name]))) for name in H}
    Q = float(((h - 1) ** 2).mean())
    hasher = MESDCH(alpha=0.2, beta=3.0, gamma=0.5)
    expected = {
        "label": 3 * K["label"] + K["image"] + 0.2 * K["text"],
        "image": 3 * K["image"] + K["label"],
        "text": 3 * K["text"] + K["label"],
    }
    for name, divergences in expected.items():
        losses = {key: float(value) for key, value in hasher.objective(name, h, A, H, b).items()}
        assert losses[f"K_{name}"] == pytest.approx(divergences)
        assert losses[f"Q_{name}"] == pytest.approx(Q)
        assert losses[f"loss_{name}"] == pytest.approx(divergences + 0.5 * Q)


def test_codes_learn_from_pairs_whose_labels_differ_in_degree():
    """The gradient pulls a code more to an item of the same labels than to one that shares a label of two."""
    h, H = torch.tensor([[1.0, 1.0]], requires_grad=True), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    divergence(torch.tensor([[1.0, 0.5]]), relaxed(h, H)).backward()
    assert h.grad[0, 0] < 0 < h.grad[0, 1]


def test_items_without_a_label_do_not_train(toy):
    labels = toy.train.labels.copy()
    labels[::2] = False
    half = Paired(toy.train.image, toy.train.text, labels)
    assert len(labelled(half)) == len(labels) // 2
    assert labelled(toy.train) is toy.train
    a, b = (MESDCH(**SMALL, epochs=1).fit(pairs, 4) for pairs in (half, toy.train[1::2]))
    assert (a.embed(toy.query.image, "image") == b.embed(toy.query.image, "image")).all()
    with pytest.raises(InputError, match="0 training pairs carry a label, and the affinity of labels needs two"):
        MESDCH().fit(Paired(toy.train.image, toy.train.text, np.zeros_like(labels)), 4)


def test_the_networks_are_those_of_the_released_code(toy):
    nets = MESDCH(hidden=32, text_hidden=64, width=16).networks(toy.train, 8, 12)
    kinds = [part["kind"] for part in config(nets["text"])["parts"]]
    assert kinds == ["multi-scale", "linear", "relu", "batch-norm", "linear", "relu", "batch-norm", "linear", "tanh"]
    assert [part["kind"] for part in config(nets["label"])["parts"]] == kinds
    assert [nets[name][1].in_features for name in ("label", "text")] == [6 * 8, 6 * 16]
    assert [part["kind"] for part in config(nets["image"])["parts"]] == ["linear", "relu", "linear", "tanh"]
    assert [p["kind"] for p in config(MESDCH(hidden=0).networks(toy.train, 8, 12)["image"])["parts"]] == [
        "linear",
        "tanh",
    ]


@pytest.mark.parametrize("change", [{"alpha": 3.0}, {"beta": 0.1}, {"gamma": 30.0}])
def test_every_weight_changes_the_codes(change, toy):
    whole, part = (
        MESDCH(**SMALL, epochs=2, **more).fit(toy.train, 8).embed(toy.query.image, "image") for more in ({}, change)
    )
    assert (whole != part).any()


def test_the_log_has_the_loss_of_every_network(toy):
    told = []
    how = Training(log=lambda done, total, values: told.append(values))
    MESDCH(**SMALL, epochs=3).fit(toy.train, 8, training=how)
    assert set(told[0]) == {f"{what}_{name}" for what in ("loss", "K", "Q") for name in ("label", "image", "text")}
    assert all(told[2][f"loss_{name}"] < told[0][f"loss_{name}"] for name in ("label", "image", "text"))


def test_pictures_are_trained_on_as_they_are(rng):
    labels = np.eye(4, dtype=bool)[np.arange(24) % 4]
    pixels = rng.integers(0, 256, (24, 32, 32, 3), np.uint8)
    encoder = MESDCH(**{**SMALL, "batch": 10}, epochs=1).fit(Paired(pixels, rng.random((24, 9)), labels), 8)
    assert len(encoder.encode(pixels, "image")) == 24
