"""DGCPN: its graph, its target, its terms and its three steps against plain numpy and torch."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse
import torch

import crossbit.methods.dgcpn as file
from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.dgcpn import DGCPN, losses
from crossbit.nn.similarity import sign
from crossbit.nn.tensors import dense
from crossbit.nn.towers import mlp
from crossbit.training import memory
from crossbit.training.epoch import to_batch
from crossbit.training.run import Training, seeded

H_I = torch.tensor([[0.9, -0.5], [0.1, 0.8], [-0.7, -0.2]])
H_T = torch.tensor([[0.4, -0.9], [0.3, 0.2], [-0.6, 0.5]])
S = torch.tensor([[1.0, 0.2, -0.4], [0.2, 1.0, 0.6], [-0.4, 0.6, 1.0]])
CPU = torch.device("cpu")
#: As many pairs as K is made for, and no more than half of them neighbours: K counts the item itself.
N = 12
FIVE = DGCPN(K=5 * file.NOMINAL // N)


def rn(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cos(a, b):
    return rn(np.asarray(a)) @ rn(np.asarray(b)).T


@pytest.fixture
def train(rng) -> Paired:
    return Paired(rng.random((N, 6), dtype=np.float32), rng.integers(0, 3, (N, 9)).astype(np.float32))


def released(train, neighbours, a1):
    """Return the graph as it was released: the smallest and the single largest of a row zeroed, shares of the rest."""
    S_pair = a1 * cos(train.text, train.text) + (1 - a1) * cos(train.image, train.image)
    P = S_pair.copy()
    for row in P:
        order = np.argsort(row)
        row[order[: len(row) - neighbours]] = 0
        row[order[-1]] = 0
        row /= row.sum()
    return S_pair, P


def test_the_graph_is_the_released_one(train):
    assert FIVE.graph(train, CPU).numpy() == pytest.approx(released(train, 5, 0.01)[1], abs=1e-6)


def test_a_row_of_the_graph_sums_to_one_over_at_most_k_others(train):
    P = FIVE.graph(train, CPU)
    assert P.sum(1).numpy() == pytest.approx(np.ones(N))
    assert ((P > 0).sum(1) == 4).all()
    assert (P.diagonal() == 0).all()


def test_features_below_zero_make_a_graph_too(train):
    P = DGCPN(K=file.NOMINAL).graph(Paired(train.image - 0.5, train.text - 1), CPU)
    assert (P >= 0).all()
    assert P.sum(1).numpy() == pytest.approx(np.ones(N))


def test_the_graph_is_the_same_in_chunks_and_of_sparse_text(train, monkeypatch):
    whole = FIVE.graph(train, CPU)
    monkeypatch.setattr(file, "CHUNK", 5)
    assert FIVE.graph(train, CPU).numpy() == pytest.approx(whole.numpy(), abs=1e-6)
    assert FIVE.graph(Paired(train.image, scipy.sparse.csr_array(train.text)), CPU).numpy() == pytest.approx(
        whole.numpy(), abs=1e-6
    )


def test_the_target_of_a_batch_is_cut_from_that_of_all_pairs(train):
    method = dataclasses.replace(FIVE, a1=0.2, a2=0.3, scale=4000.0)
    S_pair, P = released(train, 5, 0.2)
    whole = 2 * (0.7 * S_pair + 0.3 * 4000 * N / 5000 * P @ P.T) - 1
    batch = to_batch(rows := np.array([7, 2, 11]), train[rows], CPU)
    found = method.target(dense(batch.image), dense(batch.text), method.graph(train, CPU)[batch.rows])
    assert found.numpy() == pytest.approx(whole[np.ix_(rows, rows)], abs=1e-5)
    assert found.numpy() == pytest.approx(found.numpy().T, abs=1e-6)


@pytest.mark.parametrize("n", [50, 400])
def test_neighbours_and_scale_grow_with_the_number_of_pairs(n):
    """Where all are equally alike, two walks over all others meet with (n - 2) / (n - 1)^2, about 1 / n."""
    method = DGCPN(K=file.NOMINAL, a2=1.0)
    alike = Paired(np.ones((n, 3), np.float32), np.ones((n, 3), np.float32))
    found = method.target(torch.ones(2, 3), torch.ones(2, 3), method.graph(alike, CPU)[:2])
    assert found[0, 1].item() == pytest.approx(2 * 0.8 * n * (n - 2) / (n - 1) ** 2 - 1, abs=1e-4)
    assert (DGCPN(K=2000).graph(alike, CPU) > 0).sum(1).tolist() == [0.4 * n - 1] * n


def test_the_terms_are_those_of_the_paper():
    terms = losses(H_I, H_T, S, 1.5)
    II, TT, IT, apart = cos(H_I, H_I), cos(H_T, H_T), cos(H_I, H_T), 1 - np.eye(3)
    pair = ((np.diag(IT) - 1.5) ** 2).mean()
    dis = sum((((G - S.numpy()) * apart) ** 2).mean() for G in (TT, IT, II))
    cons = sum(((A - B) ** 2).mean() for A, B in ((IT, II), (IT, TT), (II, TT), (IT, IT.T)))
    assert [float(terms[name]) for name in ("L_pair", "L_dis", "L_cons")] == pytest.approx([pair, dis, cons], abs=1e-6)
    assert float(DGCPN(dw=2, cw=3).objective(terms)) == pytest.approx(pair + 2 * dis + 3 * cons, abs=1e-5)


def test_the_diagonal_of_the_target_is_not_asked_for():
    other = losses(H_I, H_T, S + 7 * torch.eye(3), 1.5)
    assert all(torch.equal(other[name], term) for name, term in losses(H_I, H_T, S, 1.5).items())


def stepped(method, train, before):
    """Return both weights after one batch, worked step by step; `before` says when H_I of step (iii) is taken."""
    with seeded(3) as rng:
        image, text = mlp(6, method.hidden, 8), mlp(9, method.hidden, 8)
        torch.nn.init.normal_(text[-1].weight, std=method.text_deviation)
        batch = to_batch(rows := rng.permutation(N), train[rows], CPU)
    how = {"lr": method.lr, "momentum": method.momentum, "weight_decay": method.weight_decay}
    image_sgd, text_sgd = (torch.optim.SGD(tower.parameters(), **how) for tower in (image, text))
    target = method.target(batch.image, batch.text, method.graph(train, CPU)[batch.rows])

    def step(codes_I, codes_T, *optimisers):
        for each in (image_sgd, text_sgd):
            each.zero_grad()
        method.objective(losses(codes_I, codes_T, target, method.k)).backward()
        for each in optimisers:
            each.step()

    step(torch.tanh(image(batch.image)), torch.tanh(text(batch.text)), image_sgd, text_sgd)
    early = torch.tanh(image(batch.image))
    step(early, sign(torch.tanh(text(batch.text))).detach(), image_sgd)
    late = torch.tanh(image(batch.image))
    step(sign(early if before else late).detach(), torch.tanh(text(batch.text)), text_sgd)
    return torch.cat([p.detach().flatten() for tower in (image, text) for p in tower.parameters()])


def test_a_batch_makes_three_steps_the_last_against_the_images_from_before_the_second(train):
    method = dataclasses.replace(FIVE, hidden=8, dropout=0.0, epochs=1, batch=N, lr=0.3)
    encoder = method.fit(train, 8, seed=3)
    found = torch.cat([p.detach().flatten() for tower in (encoder.image, encoder.text) for p in tower.parameters()])
    assert found.numpy() == pytest.approx(stepped(method, train, before=True).numpy(), abs=1e-5)
    assert found.numpy() != pytest.approx(stepped(method, train, before=False).numpy(), abs=1e-4)


def test_the_hash_layer_of_the_texts_starts_wider(train):
    encoder = DGCPN(hidden=400, epochs=0).fit(train, 64)
    assert encoder.text[-1].weight.std().item() == pytest.approx(0.3, rel=0.02)
    assert encoder.image[-1].weight.std().item() == pytest.approx(1 / np.sqrt(3 * 400), rel=0.02)


@pytest.mark.parametrize("change", [{"a1": 0.5}, {"a2": 0.0}, {"dw": 0.0}, {"cw": 0.0}, {"dropout": 0.0}, {"K": 100}])
def test_every_switch_changes_the_codes(change, toy):
    small = {"hidden": 8, "epochs": 1, "batch": 128}
    whole, part = (DGCPN(**{**small, **more}).fit(toy.train, 8) for more in ({}, change))
    assert (whole.embed(toy.query.image, "image") != part.embed(toy.query.image, "image")).any()


def test_the_log_holds_the_loss_and_its_terms(train):
    told = []
    DGCPN(hidden=4, epochs=1).fit(train, 4, training=Training(lambda done, total, values: told.append({*values})))
    assert told == [{"loss", "L_pair", "L_dis", "L_cons"}]


def test_more_pairs_than_a_graph_can_hold_are_refused(train, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 4 * N * N)
    with pytest.raises(InputError, match=f"DGCPN's graph of {N} pairs needs .* GiB of memory, and .* are free: train"):
        DGCPN().fit(train, 4)
