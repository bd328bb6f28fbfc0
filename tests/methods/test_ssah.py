"""SSAH: its losses by hand, its turns, and an adversary whose gradient arrives."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.data.pairs import Paired
from crossbit.methods.ssah import SSAH, TrainingState, verdict
from crossbit.training.epoch import MiniBatch
from crossbit.training.run import Training

SMALL = {"hidden": 8, "width": 8, "batch": 64, "passes": 2, "label_passes": 2}
L = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
ROWS = torch.tensor([2, 0])
BATCH = MiniBatch(ROWS, torch.zeros(2, 1), torch.zeros(2, 1), L[ROWS], ROWS)
#: What every network says of that batch: F, H and the predicted labels.
F, H, P = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[0.5], [-0.5]]), torch.tensor([[1.0, 0.5], [1.0, 0.0]])


@pytest.fixture
def state():
    torch.manual_seed(0)
    names = ("label", "image", "text")
    return TrainingState(
        {name: lambda x: (F, H, P) for name in names},
        {name: nn.Linear(2, 1) for name in names[1:]},
        L,
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]),
        {name: torch.tensor([[0.2], [0.4], [0.9]]) for name in names},
        torch.tensor([[-1.0], [1.0], [1.0]]),
    )


def nll(theta, S):
    return float((np.log1p(np.exp(theta)) - S * theta).sum())


def test_an_images_loss_by_hand(state):
    """Against the labels' features (1 0; 0 2; 9 9) and codes; the batch is rows 2 and 0 of three items."""
    S = np.array([[1.0, 1, 1], [1, 0, 1]])
    features = nll(F.numpy() @ state.F_l.numpy().T / 2, S)
    codes = nll(H.numpy() @ np.array([[0.2, 0.4, 0.9]]) / 2, S)
    quant = 0.5**2 + 0.5**2  # both codes lie half way to their signs, B of rows 2 and 0 being 1 and -1
    labels = 0.5**2
    weights = {"alpha": 2.0, "gamma": 3.0, "eta": 5.0, "beta": 7.0}
    expected = 2 * features + 3 * codes + 5 * quant + 7 * labels
    assert float(SSAH(**weights, delta=0).agreement("image", BATCH, state)) == pytest.approx(expected)
    logits = state.D["image"](F).detach().numpy()
    fooled = -np.log(1 / (1 + np.exp(-logits))).sum()
    found = SSAH(**weights, delta=11).agreement("image", BATCH, state).item()
    assert found == pytest.approx(expected + 11 * float(fooled), rel=1e-5)


def test_labels_are_remembered_before_they_are_compared_and_have_no_adversary(state):
    S = np.array([[1.0, 1, 1], [1, 0, 1]])
    F_l, H_l = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 2.0]]), np.array([[-0.5, 0.4, 0.5]])
    expected = nll(F.numpy() @ F_l.T / 2, S) + nll(H.numpy() @ H_l / 2, S) + 0.5 + 0.25
    assert float(SSAH().agreement("label", BATCH, state)) == pytest.approx(expected)
    assert state.F_l.tolist() == F_l.tolist()
    assert state.H["label"].numpy() == pytest.approx(H_l.T)


def test_only_codes_of_the_own_network_are_remembered(state):
    SSAH().agreement("text", BATCH, state)
    assert state.H["text"].flatten().tolist() == pytest.approx([-0.5, 0.4, 0.5])
    assert state.H["label"][0].item() == pytest.approx(0.2)
    assert state.F_l[2].tolist() == [9, 9]


def test_the_released_pair_loss_by_hand():
    A, B, S = torch.tensor([[2.0]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([[0.999, 0.0]])
    expected = ((0.999 - np.log1p(np.e)) ** 2 + np.log1p(np.exp(-1)) ** 2) / 2
    assert float(SSAH(pair="released").pairs(A, B, S)) == pytest.approx(expected)
    assert float(SSAH().pairs(A, B, S)) == pytest.approx(nll(np.array([1.0, -1.0]), np.array([0.999, 0])))


def test_similar_pairs_may_count_for_less_than_one(state):
    whole, less = (float(SSAH(delta=0, alike=a).agreement("image", BATCH, state)) for a in (1.0, 0.5))
    thetas = F @ state.F_l.T / 2, H @ state.H["label"].T / 2
    S = torch.tensor([[1.0, 1, 1], [1, 0, 1]])
    assert less - whole == pytest.approx(float(sum((S * theta).sum() for theta in thetas)) / 2, rel=1e-5)


def test_a_network_may_be_drawn_to_its_own_signs(state):
    state.B.neg_()
    common, own = (float(SSAH(delta=0, binary=b).agreement("image", BATCH, state)) for b in ("common", "own"))
    assert common - own == pytest.approx(2 * 1.5**2 - 2 * 0.5**2, rel=1e-4)


def test_a_judgement_is_the_mean_of_four_cross_entropies(state):
    """Features of labels are to be called 1 and others 0; here all networks say the same, so that nobody can tell."""
    logits = torch.cat([D(F) for D in state.D.values()]).detach()
    softplus = torch.log1p(logits.exp()).sum() + torch.log1p((-logits).exp()).sum()
    assert SSAH().judgement(BATCH, state).item() == pytest.approx(float(softplus) / 4)
    assert float(verdict(torch.zeros(3, 1), 1.0)) == pytest.approx(3 * np.log(2))


def test_the_adversary_reaches_the_features_and_the_features_do_not_feel_a_judgement(state):
    features = F.clone().requires_grad_()
    blind = SSAH(alpha=0, gamma=0, eta=0, beta=0)
    state.nets["image"] = lambda x: (features * 1, H, P)
    blind.agreement("image", BATCH, state).backward()
    D = state.D["image"]
    torch.testing.assert_close(features.grad, -torch.sigmoid(-D(F)) @ D.weight)
    features.grad = None
    blind.judgement(BATCH, state).backward()
    assert features.grad is None


def test_the_turns_of_an_outer_epoch_are_the_released_ones():
    turns = list(SSAH().turns(0))
    assert [name for name, _, _ in turns] == ["label"] * 2 + ["D"] * 2 + ["image"] * 3 + ["text"] * 3
    assert [passes for _, _, passes in turns] == [10, 5, 1, 1, 15, 7, 5, 15, 7, 5]
    exponents = [2, 2.5, 3, 3.5, 4.5, 5, 5.5, 3.5, 4, 4.5]
    assert [rate for _, rate, _ in turns] == pytest.approx([10**-e for e in exponents])
    assert [rate for _, rate, _ in SSAH().turns(3)] == pytest.approx([10 ** -(e + 1.5) for e in exponents])


@pytest.mark.parametrize(
    "change",
    [
        *(
            {name: weight}
            for name, weight in (("alpha", 0.0), ("gamma", 0.0), ("eta", 50.0), ("beta", 50.0), ("delta", 50.0))
        ),
        {"pair": "released"},
        {"binary": "own", "eta": 50.0},
    ],
)
def test_every_part_of_the_method_changes_the_codes(change, toy):
    whole, part = (
        SSAH(**SMALL, epochs=1, lr_image=0.01, **more).fit(toy.train, 8).embed(toy.query.image, "image")
        for more in ({}, change)
    )
    assert (whole != part).any()


def test_the_networks_have_the_released_shapes_and_only_codes_are_kept(toy):
    encoder = SSAH(**SMALL, epochs=1).fit(toy.train, 4)
    image, text = (encoder.config()[side]["parts"] for side in ("image", "text"))
    assert [part["kind"] for part in image] == ["chain", "linear", "tanh"]
    assert [part["kind"] for part in image[0]["parts"]] == ["linear", "relu", "linear", "relu"]
    assert [part["kind"] for part in text[0]["parts"]] == ["multi-scale", "linear", "relu", "linear", "relu"]
    assert [size for size, _ in text[0]["parts"][0]["windows"]] == [5, 10, 15, 30, 50]
    assert text[0]["parts"][1]["width"] == 6 * 16


def test_the_log_has_the_loss_of_every_turn(toy):
    told = []
    how = Training(log=lambda done, total, values: told.append(values))
    SSAH(**{**SMALL, "batch": 16}, epochs=2).fit(toy.train, 8, training=how)
    assert set(told[0]) == {"J_label", "J_D", "J_image", "J_text"}
    assert told[1]["J_label"] < told[0]["J_label"]


def test_pictures_are_trained_on_as_they_are(rng):
    labels = np.eye(4, dtype=bool)[np.arange(24) % 4]
    pixels = rng.integers(0, 256, (24, 32, 32, 3), np.uint8)
    encoder = SSAH(**{**SMALL, "batch": 10}, epochs=1).fit(Paired(pixels, rng.random((24, 9)), labels), 8)
    assert len(encoder.encode(pixels, "image")) == 24
