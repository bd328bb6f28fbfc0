"""DJSRH: its target and its objective against plain numpy, and that the target stays what it was before training."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.nn.functional import normalize

from crossbit.data.pairs import Paired
from crossbit.methods.djsrh import DJSRH
from crossbit.nn.tensors import tensor
from crossbit.nn.towers import frozen_trunk, mlp, perceptron
from crossbit.training.run import Training

F_I = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
F_T = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
r = 2**0.5 - 1  # 2 cos - 1 of vectors at 45 degrees
S_I = np.array([[1, r, -1], [r, 1, r], [-1, r, 1]])
S_T = np.array([[1, -1, -1], [-1, 1, r], [-1, r, 1]])


def test_the_target_joins_two_similarities_and_their_second_order():
    joint = 0.6 * S_I + 0.4 * S_T
    expected = 1.5 * (0.7 * joint + 0.3 * joint @ joint / 3)
    target = DJSRH(beta=0.6, eta=0.3, mu=1.5).target(F_I, F_T).numpy()
    assert target == pytest.approx(expected, abs=1e-6)
    assert target == pytest.approx(target.T, abs=1e-7)
    assert target[0, 0] == pytest.approx(1.5 * (0.7 + 0.3 * (1 + (0.6 * r - 0.4) ** 2 + 1) / 3), abs=1e-6)


def test_each_parameter_of_the_target_can_be_ablated():
    assert DJSRH(beta=1, eta=0, mu=1).target(F_I, F_T).numpy() == pytest.approx(S_I, abs=1e-6)
    assert DJSRH(beta=0, eta=0, mu=1).target(F_I, F_T).numpy() == pytest.approx(S_T, abs=1e-6)
    assert DJSRH(beta=1, eta=1, mu=1).target(F_I, F_T).numpy() == pytest.approx(S_I @ S_I / 3, abs=1e-6)


def test_a_tag_that_nobody_has_leaves_the_target_defined():
    """An item without tags has cosine 0 with every text, its own included."""
    S = DJSRH(beta=0, eta=0, mu=1).target(F_I, torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    assert S.tolist() == [[-1, -1, -1], [-1, 1, 1], [-1, 1, 1]]


def test_only_the_terms_within_a_modality_are_weighted():
    terms = {"L_II": torch.tensor(2.0), "L_IT": torch.tensor(3.0), "L_TT": torch.tensor(5.0)}
    assert float(DJSRH(lambda_1=0.1, lambda_2=0.3).objective(terms)) == pytest.approx(0.1 * 2 + 3 + 0.3 * 5)


@pytest.mark.parametrize(
    "change", [{"alpha": "one"}, {"eta": 0.0}, {"mu": 1.0}, {"beta": 1.0}, {"lambda_1": 0.0}, {"lambda_2": 0.0}]
)
def test_every_switch_of_the_ablation_changes_the_codes(change, toy):
    small = {"hidden": 8, "epochs": 2}
    whole, part = (DJSRH(**small, **more).fit(toy.train, 8) for more in ({}, change))
    assert (whole.embed(toy.query.image, "image") != part.embed(toy.query.image, "image")).any()


def test_the_two_networks_have_rates_of_their_own(toy):
    first, still = (DJSRH(hidden=8, epochs=n, lr_image=0.0).fit(toy.train, 8) for n in (0, 1))
    for x, modality, same in ((toy.query.image, "image", True), (toy.query.text, "text", False)):
        assert (first.embed(x, modality) == still.embed(x, modality)).all() == same


def test_an_epoch_is_the_released_one(toy):
    """The plain steps: two optimisers, tanh of slope 1 and then sqrt 2, one target and three terms for each batch."""
    torch.manual_seed(3)
    image, text = torch.nn.Linear(24, 8), mlp(16, 6, 8)
    steps = [
        torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=5e-4)
        for net, lr in ((image, 0.001), (text, 0.01))
    ]
    order = np.random.default_rng(3)
    for alpha in (1.0, 2**0.5):
        for rows in order.permutation(512).reshape(16, 32):
            F, G = torch.from_numpy(toy.train.image[rows]), torch.from_numpy(toy.train.text[rows])
            B_I, B_T = normalize(torch.tanh(alpha * image(F))), normalize(torch.tanh(alpha * text(G)))
            joint = 0.9 * (2 * normalize(F) @ normalize(F).T - 1) + 0.1 * (2 * normalize(G) @ normalize(G).T - 1)
            S = 1.5 * (0.6 * joint + 0.4 * joint @ joint / 32)
            errors = [((A @ B.T - S) ** 2).mean() for A, B in ((B_I, B_I), (B_I, B_T), (B_T, B_T))]
            for each in steps:
                each.zero_grad()
            (0.1 * errors[0] + errors[1] + 0.1 * errors[2]).backward()
            for each in steps:
                each.step()
    encoder = DJSRH(hidden=6, epochs=2).fit(toy.train, 8, seed=3)
    for ours, plain in zip(encoder.parameters(), [*image.parameters(), *text.parameters()], strict=True):
        assert ours.numpy() == pytest.approx(plain.detach().numpy(), abs=1e-5)


@pytest.fixture
def pictures(rng):
    tags = csr_array((rng.random((12, 20)) < 0.2).astype(np.float32))
    return Paired(rng.integers(0, 256, (12, 32, 32, 3), np.uint8), tags)


def test_a_trained_trunk_is_judged_by_a_frozen_copy(pictures, monkeypatch):
    """Batches of all pairs: every epoch sees the same features, those of the trunk before it learned."""
    seen, target = [], DJSRH.target
    monkeypatch.setattr(DJSRH, "target", lambda self, F_I, F_T: (seen.append((F_I, F_T)), target(self, F_I, F_T))[1])
    trained = DJSRH(hidden=8, epochs=3, batch=12, lr_image=0.1).fit(pictures, 8, seed=5)
    torch.manual_seed(5)
    before = frozen_trunk(perceptron(pictures.image, 8))(tensor(pictures.image))
    after = frozen_trunk(trained.image)(tensor(pictures.image))
    assert len(seen) == 3
    for features, tags in seen:
        assert features.sort(0).values.numpy() == pytest.approx(before.sort(0).values.numpy(), abs=1e-5)
        assert (tags.sum(0).numpy() == pictures.text.sum(0)).all()
        assert not features.requires_grad
    assert (after - before).abs().max() > 1e-3


def test_the_log_holds_the_loss_and_its_terms(toy):
    reports = []

    def log(done, total, values):
        reports.append((done, total, {*values}))

    DJSRH(hidden=4, epochs=2).fit(toy.train, 4, training=Training(log=log))
    assert reports == [(1, 2, {"loss", "L_II", "L_IT", "L_TT"}), (2, 2, {"loss", "L_II", "L_IT", "L_TT"})]
