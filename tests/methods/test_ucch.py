"""UCCH: its two losses and its memory against values worked out by hand, and what its warm-up does."""

import math

import numpy as np
import pytest
import scipy.sparse
import torch
from torch.nn.functional import normalize

from crossbit.data.pairs import Paired
from crossbit.methods.ucch import UCCH, binary, contrast, everyone, update_memory
from crossbit.nn.similarity import sign
from crossbit.nn.towers import mlp
from crossbit.training.epoch import Epoch
from crossbit.training.run import Training, seeded

M = torch.tensor([[0.9, 0.8, 0.1], [0.3, 0.4, 0.0], [-0.5, 0.3, 0.6]])


def unit(*shape):
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(1)))


def test_keys_are_signs_of_unit_length_and_zero_counts_as_one():
    assert binary(torch.tensor([[0.3, -2.0, 0.0, -0.1]])).tolist() == [[0.5, -0.5, 0.5, -0.5]]


def test_a_key_has_no_gradient():
    assert not binary(torch.ones(1, 2, requires_grad=True) * 2).requires_grad


def test_negatives_that_equal_the_positive_cost_log_k_plus_one():
    H, keys = unit(5, 8), binary(unit(1, 8)).expand(20, 8)
    candidates = UCCH(K=30).draw(torch.arange(5), 20)
    assert contrast(H, keys, candidates, 0.9).item() == pytest.approx(math.log(31), abs=1e-5)


def test_a_contrast_is_the_log_of_the_share_of_the_own_key():
    H = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    keys = binary(torch.tensor([[3.0, 1.0], [-1.0, 2.0], [-1.0, -1.0]]))
    candidates = torch.tensor([[0, 2, 1, 2], [1, 0, 0, 2]])
    root, tau = math.sqrt(2), 0.5
    first = [s / tau for s in (1 / root, -1 / root, -1 / root, -1 / root)]
    second = [s / tau for s in (0.2 / root, 1.4 / root, 1.4 / root, -1.4 / root)]
    shares = [math.exp(row[0]) / sum(map(math.exp, row)) for row in (first, second)]
    expected = -sum(map(math.log, shares)) / 2
    assert contrast(H, keys, candidates, tau).item() == pytest.approx(expected, abs=1e-6)


def test_everyone_is_the_own_place_and_then_all_others():
    assert everyone(torch.tensor([40, 7, 22])).tolist() == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]


def test_negatives_are_drawn_from_all_rows_by_torchs_generator():
    torch.manual_seed(5)
    drawn = UCCH(K=4000).draw(torch.tensor([9, 3]), 10)
    assert drawn.shape == (2, 4001)
    assert drawn[:, 0].tolist() == [9, 3]
    assert drawn[:, 1:].flatten().bincount().numpy() == pytest.approx(800, rel=0.15)
    torch.manual_seed(5)
    assert (UCCH(K=4000).draw(torch.tensor([9, 3]), 10) == drawn).all()


def test_ranking_shifts_what_is_beyond_the_margin():
    shifted = [[0.9, 0.8, 0.1 - 0.1], [0.3, 0.4, 0.0 - 0.1], [-0.5 - 0.1, 0.3 - 0.1, 0.6]]
    kappa = 0.5
    terms = [0.2 + kappa * math.log(sum(math.exp(s / kappa) for s in row)) - row[i] for i, row in enumerate(shifted)]
    found = UCCH(m=0.2, xi=0.1, kappa=kappa).ranking(M)
    assert found.item() == pytest.approx(sum(terms) / 3, abs=1e-6)


def test_the_other_direction_has_margins_of_its_own():
    """The 0.3 of the last row is beyond the margin of that row, from 0.6, but not of its column, from 0.4."""
    shifted = [[0.9, 0.3 - 0.1, -0.5 - 0.1], [0.8, 0.4, 0.3], [0.1 - 0.1, 0.0 - 0.1, 0.6]]
    terms = [0.2 + math.log(sum(map(math.exp, row))) - row[i] for i, row in enumerate(shifted)]
    assert UCCH(m=0.2, xi=0.1).ranking(M.T).item() == pytest.approx(sum(terms) / 3, abs=1e-6)


def test_which_entries_are_shifted_has_no_gradient():
    """The gradient is that of the shifted matrix: a softmax of it less the identity."""
    leaf = M.clone().requires_grad_()
    UCCH(m=0.2, xi=0.1).ranking(leaf).backward()
    shifted = torch.tensor([[0.9, 0.8, 0.0], [0.3, 0.4, -0.1], [-0.6, 0.2, 0.6]])
    assert leaf.grad.numpy() == pytest.approx(((shifted.softmax(1) - torch.eye(3)) / 3).numpy(), abs=1e-6)


def test_the_memory_follows_the_codes_of_its_pairs_in_place():
    V = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    same = V
    update_memory(V, torch.tensor([2, 0]), torch.tensor([[0.0, 4.0], [0.0, -2.0]]), 0.4)
    assert same.numpy() == pytest.approx(
        np.array(
            [
                [0.4 / math.sqrt(0.52), -0.6 / math.sqrt(0.52)],
                [0, 1],
                [0.24 / math.sqrt(0.904), 0.92 / math.sqrt(0.904)],
            ]
        )
    )


def test_without_momentum_the_memory_is_the_mean_code():
    V = unit(3, 4)
    update_memory(V, torch.tensor([1]), torch.tensor([[0.0, 3.0, 0.0, -4.0]]), 0.0)
    assert V[1].numpy() == pytest.approx([0, 0.6, 0, -0.8])


def test_a_fit_warms_up_on_the_batch_and_then_learns_from_the_memory(rng):
    """Three epochs of one batch, worked step by step."""
    train = Paired(rng.normal(size=(6, 5)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32))
    method = UCCH(hidden=7, epochs=3, batch=6, K=3, lr=0.01)
    with seeded(3) as order:
        image, text = mlp(5, 7, 7, 8), mlp(4, 7, 8)
        adam = torch.optim.Adam([*image.parameters(), *text.parameters()], 0.01, weight_decay=1e-6)
        V = normalize(sign(torch.randn(6, 8)))
        for epoch in range(3):
            delta = 0.4 if epoch else 0
            rows = torch.from_numpy(order.permutation(6))
            H_I, H_T = (
                normalize(torch.tanh(tower(torch.from_numpy(x)[rows])))
                for tower, x in ((image, train.image), (text, train.text))
            )
            if epoch:
                drawn = torch.randint(6, (6, 3))
                keys, candidates = sign(V) / math.sqrt(8), torch.cat([rows[:, None], drawn], 1)
            else:
                keys, candidates = sign((H_I + H_T) / 2) / math.sqrt(8), everyone(rows)
            M = H_I @ H_T.T
            loss = 0.7 * sum(contrast(H, keys, candidates, 0.9) for H in (H_I, H_T))
            loss = loss + 0.3 * (method.ranking(M) + method.ranking(M.T))
            V[rows] = normalize(delta * V[rows] + (1 - delta) * normalize(H_I + H_T)).detach()
            Epoch(epoch).step(loss, adam, clip=1.0)
    found = method.fit(train, 8, seed=3)
    for tower, made in ((image, found.image), (text, found.text)):
        for p, q in zip(tower.parameters(), made.parameters(), strict=True):
            assert q.detach().numpy() == pytest.approx(p.detach().numpy(), abs=1e-5)


def test_the_memory_follows_the_codes_of_every_process(toy, monkeypatch):
    """A peer that held the same pairs would change nothing, and is asked for rows and for codes."""
    asked = []

    def all_gather(t):
        asked.append(tuple(t.shape))
        return torch.cat([t, t])

    alone = embedded(toy, epochs=2)
    monkeypatch.setattr("crossbit.methods.ucch.all_gather", all_gather)
    assert (embedded(toy, epochs=2) == alone).all()
    assert asked == [(64,), (64, 8)] * (2 * len(toy.train) // 64)


SMALL = {"hidden": 8, "batch": 64, "K": 20}


def embedded(toy, **changes):
    return UCCH(**{**SMALL, **changes}).fit(toy.train, 8).embed(toy.query.image, "image")


@pytest.mark.parametrize("change", [{"delta": 0.9}, {"K": 21}])
def test_the_memory_counts_only_after_the_warm_up(change, toy):
    assert (embedded(toy, epochs=1) == embedded(toy, epochs=1, **change)).all()
    assert (embedded(toy, epochs=2) != embedded(toy, epochs=2, **change)).any()
    assert (embedded(toy, epochs=1, warm_up=0) != embedded(toy, epochs=1, warm_up=0, **change)).any()


@pytest.mark.parametrize(
    "change", [{"beta": 0.0}, {"tau": 0.1}, {"m": 0.5}, {"xi": 1.0}, {"kappa": 0.1}, {"clip": 0.01}]
)
def test_every_switch_changes_the_codes(change, toy):
    assert (embedded(toy, epochs=2) != embedded(toy, epochs=2, **change)).any()


def test_the_log_holds_both_losses(toy):
    told = []
    method = UCCH(**SMALL, epochs=2, beta=0.6)
    method.fit(toy.train, 8, training=Training(lambda done, total, values: told.append(values)))
    assert [{*values} for values in told] == [{"loss", "L_c", "L_r"}] * 2
    for values in told:
        assert values["loss"] == pytest.approx(0.6 * values["L_c"] + 0.4 * values["L_r"], rel=1e-5)


def test_learns_from_raw_pixels_and_sparse_text(rng):
    pixels = rng.integers(0, 256, (24, 32, 32, 3), np.uint8)
    text = scipy.sparse.csr_array((rng.random((24, 10)) < 0.3).astype(np.float32))
    encoder = UCCH(hidden=8, epochs=2, batch=8, K=5).fit(Paired(pixels, text), 8)
    assert encoder.embed(pixels[:3], "image").shape == encoder.embed(text[:3], "text").shape == (3, 8)
