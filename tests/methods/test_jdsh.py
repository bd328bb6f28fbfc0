"""JDSH: its similarities, its distribution and its terms against values computed by hand."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.nn.functional import normalize

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.jdsh import JDSH, RELEASED, SAMPLE, Spread, fitted, reconstruction
from crossbit.nn.tensors import tensor
from crossbit.nn.towers import frozen_trunk, mlp, perceptron
from crossbit.training.run import Training

F_I = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
F_T = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
H_I = torch.tensor([[0.9, -0.5], [0.1, 0.8], [-0.7, -0.2]])
H_T = torch.tensor([[0.4, -0.9], [0.3, 0.2], [-0.6, 0.5]])
CPU = torch.device("cpu")
UNIT = Spread(loc=0.0, scale_left=0.1, scale_right=0.1, least=-0.5, most=0.8)  # tails from -0.2 and 0.4 on


def rn(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cos(a, b):
    return rn(np.asarray(a)) @ rn(np.asarray(b)).T


def test_three_similarities_are_joined():
    S_I, S_T = 2 * cos(F_I, F_I) - 1, 2 * cos(F_T, F_T) - 1
    C = rn(S_I) @ rn(S_T).T
    joint = JDSH(alpha=0.5, beta=0.2, lam=0.3).joint(F_I, F_T).numpy()
    assert joint == pytest.approx(0.5 * S_I + 0.2 * S_T + 0.3 * (C + C.T) / 2, abs=1e-6)
    assert joint == pytest.approx(joint.T, abs=1e-7)


def test_the_diagonal_is_mu_where_both_modalities_agree():
    """Then every item's neighbourhoods are the same, and the three weights sum to 1."""
    method = JDSH(L1=0.0, L2=0.0)
    S = method.weighted(method.joint(F_I, F_I), UNIT)
    assert S.diagonal().tolist() == pytest.approx([1.4] * 3)


def test_twins_have_the_same_similarities():
    S0 = JDSH().joint(F_I[[0, 1, 1, 2]], F_T[[0, 1, 1, 2]])
    assert S0[1].tolist() == pytest.approx(S0[2].tolist(), abs=1e-6)
    assert S0[1, 2] == pytest.approx(S0[1, 1].item(), abs=1e-6)


def test_codes_rebuild_a_target_only_up_to_one():
    """Twins and their opposite: perfect codes exist for mu = 1; beyond it 9 entries of 1.4 meet cosines of 1."""
    F = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    H = torch.tensor([[1.0], [1.0], [-1.0]])
    for mu, expected in ((1.0, 0.0), (1.4, 0.4**2)):
        method = JDSH(alpha=1.0, beta=0.0, lam=0.0, L1=0.0, L2=0.0, mu=mu)
        terms = reconstruction(H, H, method.weighted(method.joint(F, F), UNIT))
        assert float(terms["L_intra"]) == pytest.approx(2 * expected, abs=1e-6)
        assert float(terms["L_cross"]) == pytest.approx(2 * expected - 1, abs=1e-6)


def test_the_tails_are_pushed_out_and_the_middle_is_not():
    method = JDSH(A=2.0, B=4.0, L1=0.1, L2=0.2, mu=1.4)
    S0 = torch.tensor([[-0.5, -0.3, -0.1], [0.0, 0.3, 0.39], [0.5, 0.8, 1.0]])
    weights = [
        [1.1, 1 + 0.1 * np.exp(-0.2), 1],
        [1, 1, 1],
        [1 + 0.2 * np.exp(-0.3), 1.2, 1 + 0.2 * np.exp(0.2)],
    ]
    assert method.weighted(S0, UNIT).numpy() == pytest.approx(1.4 * S0.numpy() * weights, abs=1e-6)
    assert JDSH(L1=0.0, L2=0.0).weighted(S0, UNIT).numpy() == pytest.approx(1.4 * S0.numpy(), abs=1e-6)


@pytest.mark.parametrize(("name", "left", "right"), [("mirflickr", -0.528, -0.138), ("nuswide", -0.6456, -0.276)])
def test_the_released_tails_are_where_they_are(name, left, right):
    """The left one lies below the least similarity, and the right one begins below 0, whence it leads further down."""
    S0 = torch.tensor([[left - 1e-4, left + 1e-4, right - 1e-4, right + 1e-4]])
    pushed = JDSH(mu=1.0).weighted(S0, RELEASED[name]) - S0 < -0.01
    assert pushed.tolist() == [[True, False, False, True]]
    assert left < RELEASED[name].least


def test_a_distribution_is_fitted_by_hand():
    """Four bins from -1 to 1: the third is fullest, its middle 0.25; five values lie left of it and one right."""
    spread = fitted(iter([torch.tensor([-1.0, 0.1, 0.1]), torch.tensor([0.1, 0.2, 1.0])]), bins=4)
    squares = 1.25**2 + 3 * 0.15**2 + 0.05**2
    assert spread == pytest.approx((0.25, (squares / 5) ** 0.5, 0.75, -1.0, 1.0), abs=1e-6)


def test_a_gaussian_left_and_a_laplacian_right_are_found_again(rng):
    left, right = 0.3 - 0.05 * np.abs(rng.normal(size=50_000)), 0.3 + rng.exponential(0.04, size=40_000)
    spread = fitted(iter([torch.tensor(np.concatenate([left, right]), dtype=torch.float32)]), bins=200)
    assert spread[:3] == pytest.approx((0.3, 0.05, 0.04), abs=0.004)


def test_similarities_that_are_all_the_same_have_no_tails():
    spread = fitted(iter([torch.full((6,), 0.5)]))
    S0 = torch.full((2, 2), 0.5)
    assert np.isfinite(spread).all()
    assert JDSH(mu=1.0, L1=0.1, L2=0.2).weighted(S0, spread).isfinite().all()


def test_a_batch_of_one_has_nothing_to_compare(toy):
    with pytest.raises(InputError, match="at least 2 pairs"):
        JDSH(batch=1, epochs=1).fit(toy.train[:3], 4)


def test_the_distribution_is_that_of_different_items_in_batches(rng):
    """Twins only: off the diagonal as on it, every similarity is 1; a long training set is not read to its end."""
    twins = Paired(np.ones((SAMPLE + 50, 3), np.float32), np.ones((SAMPLE + 50, 2), np.float32))
    samples = [*JDSH(batch=10).samples(twins, frozen_trunk(perceptron(twins.image, 4)), rng, CPU)]
    assert [len(part) for part in samples] == [90] * (SAMPLE // 10)
    assert torch.cat(samples).numpy() == pytest.approx(1.0, abs=1e-5)
    halves = Paired(np.eye(2, dtype=np.float32).repeat(SAMPLE, 0), np.eye(2, dtype=np.float32).repeat(SAMPLE, 0))
    mixed = torch.cat([*JDSH(batch=10).samples(halves, frozen_trunk(perceptron(halves.image, 4)), rng, CPU)])
    assert 0.4 < float((mixed < 0).float().mean()) < 0.6  # sorted by kind, it is read here and there all the same
    apart = Paired(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32))
    method = JDSH(alpha=0.5, beta=0.5, lam=0.0, batch=4)
    (values,) = method.samples(apart, frozen_trunk(perceptron(apart.image, 4)), rng, CPU)
    assert values.tolist() == pytest.approx([-1.0] * 12)


def test_the_terms_rebuild_the_target_within_and_across_and_pull_pairs_together():
    S = JDSH().weighted(JDSH().joint(F_I, F_T), UNIT)
    terms = reconstruction(H_I, H_T, S)
    II, TT, IT, target = cos(H_I, H_I), cos(H_T, H_T), cos(H_I, H_T), S.numpy()
    cross = ((IT - target) ** 2).mean() + ((IT.T - target) ** 2).mean() - np.diag(IT).mean()
    assert float(terms["L_cross"]) == pytest.approx(cross, abs=1e-6)
    assert float(terms["L_intra"]) == pytest.approx(((II - target) ** 2).mean() + ((TT - target) ** 2).mean(), abs=1e-6)


@pytest.mark.parametrize(
    "change", [{"spread": "mirflickr"}, {"spread": "nuswide"}, {"L1": 0.0}, {"L2": 0.0}, {"lam": 0.0}, {"intra": 0.0}]
)
def test_every_switch_of_the_ablation_changes_the_codes(change, toy):
    small = {"hidden": 8, "epochs": 2, "B": 1.0}
    whole, part = (JDSH(**small, **more).fit(toy.train, 8) for more in ({}, change))
    assert (whole.embed(toy.query.image, "image") != part.embed(toy.query.image, "image")).any()


def test_an_epoch_is_the_released_one(toy):
    """The plain steps: tanh of slope 1 and then sqrt 2, similarities weighted in place, five terms for each batch."""
    torch.manual_seed(3)
    image, text = torch.nn.Linear(24, 8), mlp(16, 6, 8)
    steps = [torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4) for net in (image, text)]
    order = np.random.default_rng(3)
    for alpha in (1.0, 2**0.5):
        for rows in order.permutation(512).reshape(16, 32):
            F, G = torch.from_numpy(toy.train.image[rows]), torch.from_numpy(toy.train.text[rows])
            B_I, B_T = normalize(torch.tanh(alpha * image(F))), normalize(torch.tanh(alpha * text(G)))
            S_I, S_T = 2 * normalize(F) @ normalize(F).T - 1, 2 * normalize(G) @ normalize(G).T - 1
            C = normalize(S_I) @ normalize(S_T).T
            S = 0.5 * S_I + 0.1 * S_T + 0.4 * (C + C.T) / 2
            S[S < -0.528] *= 1 + 0.1 * torch.exp(-(S[S < -0.528] + 0.52))
            S[S > -0.138] *= 1 + 0.2 * torch.exp(S[S > -0.138] - 0.68)
            II, IT, TI, TT = (
                ((A @ B.T - 1.4 * S) ** 2).mean() for A, B in ((B_I, B_I), (B_I, B_T), (B_T, B_I), (B_T, B_T))
            )
            for each in steps:
                each.zero_grad()
            (0.1 * II + IT + TI - (B_I * B_T).sum(1).mean() + 0.1 * TT).backward()
            for each in steps:
                each.step()
    encoder = JDSH(hidden=6, epochs=2, spread="mirflickr").fit(toy.train, 8, seed=3)
    for ours, plain in zip(encoder.parameters(), [*image.parameters(), *text.parameters()], strict=True):
        assert ours.numpy() == pytest.approx(plain.detach().numpy(), abs=1e-5)


def test_a_trained_trunk_is_judged_by_a_frozen_copy(rng, monkeypatch):
    """Batches of all pairs: the fit of the distribution and every epoch see the trunk as it was before it learned."""
    tags = csr_array((rng.random((12, 20)) < 0.2).astype(np.float32))
    pictures = Paired(rng.integers(0, 256, (12, 32, 32, 3), np.uint8), tags)
    seen, joint = [], JDSH.joint
    monkeypatch.setattr(JDSH, "joint", lambda self, F_I, F_T: (seen.append(F_I), joint(self, F_I, F_T))[1])
    trained = JDSH(hidden=8, epochs=3, batch=12, lr=0.1).fit(pictures, 8, seed=5)
    torch.manual_seed(5)
    before = frozen_trunk(perceptron(pictures.image, 8))(tensor(pictures.image))
    after = frozen_trunk(trained.image)(tensor(pictures.image))
    assert len(seen) == 1 + 3
    for features in seen:
        assert features.sort(0).values.numpy() == pytest.approx(before.sort(0).values.numpy(), abs=1e-5)
        assert not features.requires_grad
    assert (after - before).abs().max() > 1e-3


def test_the_log_holds_the_loss_and_its_terms(toy):
    reports = []

    def log(done, total, values):
        reports.append((done, total, values))

    JDSH(hidden=4, epochs=2, intra=0.3).fit(toy.train, 4, training=Training(log=log))
    assert [report[:2] for report in reports] == [(1, 2), (2, 2)]
    for *_, values in reports:
        assert values.keys() == {"loss", "L_cross", "L_intra"}
        assert values["loss"] == pytest.approx(values["L_cross"] + 0.3 * values["L_intra"], abs=1e-5)
