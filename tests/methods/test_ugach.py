"""UGACH: its hinge, its reward, both readings of its policy, who is relevant and who is picked, its weight decay."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.ugach import UGACH, Game, hinge, tower
from crossbit.nn.towers import config
from crossbit.training.epoch import Epoch
from crossbit.training.run import Training

SMALL = {"hidden": 16, "pretraining": 1, "rounds": 1}
#: Six pairs on a line: images at 0 1 2 10 11 12, texts at 0 10 1 11 2 12.
LINE = Paired(
    np.array([[0], [1], [2], [10], [11], [12]], np.float32), np.array([[0], [10], [1], [11], [2], [12]], np.float32)
)


def game(how, train=LINE, dim=16):
    return Game.of(how, train, dim, np.random.default_rng(0), torch.device("cpu"))


def sigmoids(*rows):
    return torch.tensor(rows)


def test_the_hinge_asks_for_the_margin_between_squared_distances():
    q, pos = sigmoids([0.5, 0.5], [1.0, 0.0]), sigmoids([0.5, 0.9], [1.0, 0.1])
    neg = sigmoids([0.1, 0.5], [0.0, 1.0])
    # d(q, pos) = 0.16, 0.01; d(q, neg) = 0.16, 2
    assert hinge(q, pos, neg, 0.25).numpy() == pytest.approx([0.25, 0.0], abs=1e-6)
    assert hinge(q, pos, neg, 2.5).numpy() == pytest.approx([2.5, 2.5 + 0.01 - 2], abs=1e-6)


def test_the_margin_is_an_eighth_of_the_bits():
    assert game(UGACH(k=2), dim=64).M == 8


def test_p_is_a_share_of_the_pool_or_as_released_of_what_was_drawn():
    d, drawn = torch.tensor([[0.0, 1.0, 2.0, 0.5]]), torch.tensor([[1, 3]])
    e = np.exp([-0.0, -1.0, -2.0, -0.5])
    assert UGACH().log_p(d, drawn).numpy() == pytest.approx(np.log(e[[1, 3]] / e.sum())[None], abs=1e-6)
    released = UGACH(softmax="drawn").log_p(d, drawn).numpy()
    assert released == pytest.approx(np.log(e[[1, 3]] / e[[1, 3]].sum())[None], abs=1e-6)


def test_the_policy_gradient_draws_what_is_rewarded_nearer():
    """Both drawn alike, the first rewarded more: its distance is to shrink against the second's."""
    for softmax in ("pool", "drawn"):
        d = torch.zeros(1, 4, requires_grad=True)
        r = torch.tensor([[0.9, 0.5]])
        (-(UGACH(softmax=softmax).log_p(d, torch.tensor([[1, 3]])) * r).mean()).backward()
        slope = d.grad[0].tolist()
        assert slope[1] > slope[3]  # descent moves d against its slope
        # the drawn pair's mean reward pulls both nearer than the rest of the pool, which the released form never sees
        assert slope[0] == slope[2] == pytest.approx(0.0 if softmax == "drawn" else -0.175, abs=1e-6)


def test_relevant_is_what_is_nearest_in_either_modality_each_once():
    g = game(UGACH(k=2))
    known = [sorted({*row.tolist()}) for row in g.neighbours]
    assert known[0] == [0, 1, 2]  # image 1 and text 2 are nearest to those of pair 0
    assert known[5] == [3, 4, 5]  # image 4 and text 3
    assert g.weight.sum(1).tolist() == [len(row) for row in known]
    drawn = g.relevant(torch.zeros(3000, dtype=torch.int64), 1)[:, 0]
    assert (drawn.bincount(minlength=6) / 3000).numpy() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0, 0], abs=0.04)


def test_a_pick_is_drawn_by_its_distance_and_never_relevant():
    g = game(UGACH(k=2))
    queries, pool = torch.zeros(4000, dtype=torch.int64), torch.tensor([5, 1, 3, 0])
    d = torch.tensor([[0.0, -50.0, np.log(3.0), -50.0]]).expand(4000, 4)
    shares = g.pick(queries, pool, d).bincount(minlength=6) / 4000
    assert shares.numpy() == pytest.approx([0, 0, 0, 1 / 4, 0, 3 / 4], abs=0.04)


def test_a_pool_is_a_share_of_the_items_and_holds_more_than_anyone_s_neighbours():
    items = np.arange(300, dtype=np.float32)[:, None]
    assert len(game(UGACH(k=2, pool=50), Paired(items, items)).pool()) == 6
    assert len(game(UGACH(k=5, pool=50), Paired(items, items)).pool()) == 10
    pool = game(UGACH(k=2, pool=3), Paired(items, items)).pool()
    assert len(pool.unique()) == 100


def test_d_learns_from_each_direction_and_g_leaves_it_alone(toy):
    """Discriminating moves only D, generating only G."""
    how = UGACH(hidden=16, batch=64)
    g = game(how, toy.train)
    D, G = ({"image": tower(toy.train.image, 16, 16), "text": tower(toy.train.text, 16, 16)} for _ in "DG")
    turns = {"D": (g.discriminate, D, G), "G": (g.generate, G, D)}
    for turn, mine, theirs in turns.values():
        before = [p.clone() for net in (*mine.values(), *theirs.values()) for p in net.parameters()]
        descent = torch.optim.SGD(nn.ModuleDict(mine).parameters(), 0.01)
        turn(Epoch(0), mine, descent, 64, g.tables(theirs))
        after = [p for net in (*mine.values(), *theirs.values()) for p in net.parameters()]
        moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert moved == [True] * 8 + [False] * 8


def test_the_l2_terms_shrink_every_weight_by_the_rate_times_the_decay(toy):
    """With a margin that every triple keeps nothing else moves: 52 steps of -lr decay w, in both towers."""
    start, shrunk = (
        UGACH(hidden=8, margin=-100.0, pretraining=1, pretraining_lr=0.1, rounds=0, decay=decay).fit(toy.train, 4)
        for decay in (0.0, 0.5)
    )
    for a, b in zip(start.state_dict().values(), shrunk.state_dict().values(), strict=True):
        assert b.numpy() == pytest.approx(a.numpy() * (1 - 0.1 * 0.5) ** 52, rel=1e-4)


def test_a_tower_starts_as_released_and_ends_before_the_sigmoid(toy):
    made = tower(toy.train.image, 500, 12)
    assert [part["kind"] for part in config(made)["parts"]] == ["linear", "tanh", "linear"]
    weight = made[0].weight.detach()
    assert abs(weight).max() <= 0.2
    assert float(weight.std()) == pytest.approx(0.088, abs=0.002)  # of a normal of 0.1 cut at 0.2
    assert not made[0].bias.any()
    encoder = UGACH(**SMALL).fit(toy.train, 12)
    logits = encoder.embed(toy.query.image, "image")
    assert (logits < 0).any()
    bits = torch.sigmoid(torch.from_numpy(logits)) > 0.5
    assert (encoder.encode(toy.query.image, "image").signs() == np.where(bits, 1, -1)).all()


def test_pre_training_and_rounds_are_epochs_of_one_run(toy):
    reports = []
    UGACH(hidden=8, pretraining=2, rounds=3).fit(
        toy.train, 4, training=Training(log=lambda done, total, values: reports.append((done, total, {*values})))
    )
    assert [r[:2] for r in reports] == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert [r[2] for r in reports] == [{"L_D"}] * 2 + [{"L_D", "L_G", "r"}] * 3


@pytest.mark.parametrize("change", [{"rounds": 0}, {"softmax": "drawn"}, {"batch": 16}, {"passes": 0}, {"decay": 0.5}])
def test_every_choice_changes_the_codes(change, toy):
    whole, part = (
        UGACH(**{**SMALL, "rounds": 2, "lr_g": 1.0, **more}).fit(toy.train, 8).embed(toy.query.image, "image")
        for more in ({}, change)
    )
    assert (whole != part).any()


def test_too_few_pairs_are_refused(toy):
    with pytest.raises(InputError, match="k=5 needs 10 training pairs, not 9: take a smaller k"):
        UGACH(**SMALL).fit(toy.train[:9], 4)
    UGACH(**SMALL).fit(toy.train[:10], 4)
