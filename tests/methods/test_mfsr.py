"""mFSR: losses by hand, which step moves what, what an ablation takes away, snapshots, pixels, vectors."""

import contextlib
from math import log

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.evaluation.scoring import score
from crossbit.features import featurise
from crossbit.methods.mfsr import MFSR, modality
from crossbit.methods.mfsr_net import Discriminator, augmented, image_features, optimisers, scale_rates, target
from crossbit.methods.recipe import Recipe
from crossbit.metrics import parse_all
from crossbit.models.bundle import Bundle, Origin
from crossbit.nn.losses import fake_loss, real_loss
from crossbit.nn.separation import separated
from crossbit.reporting.explanation import parts, rebuilt_captions, rebuilt_pictures
from crossbit.training.run import Training

SMALL = {"d": 16, "width": 8, "layers": 1, "hidden": 8, "convolutions": 2, "side": 8, "channels": 4}
SMALL |= {"batch": 20, "epochs": 2}


@pytest.fixture(scope="module")
def scenes():
    """Generated scenes in 16 pixels, each with the first of its captions, the queries searching each other."""
    from crossbit.datasets import load

    corpus = load("scenes", train=60, database=60, query=20, task="captions")
    return featurise(corpus, "pixels(size=16)", "words(min_count=2,longest=24)", captions="first")


def units(*rows):
    return nn.functional.normalize(torch.tensor(rows, dtype=torch.float32))


S = torch.tensor([[0.9, 0.8, 0.1], [0.5, 0.6, 0.7], [0.85, 0.3, 0.4]])
ITEM = torch.tensor([4, 9, 7])
MH, SH = 0.1 + 0.3 + 0.65 + 0.15 + 0.4 + 0.5, 0.1 + 0.1 + 0.3 + 0.65 + 0.1 + 0.15 + 0.4 + 0.5


@pytest.mark.parametrize(
    ("options", "epoch", "expected"),
    [
        ({}, 0, MH),
        ({"reduction": "mean"}, 0, MH / 3),
        ({"warm_up": 1}, 0, SH),
        ({"warm_up": 1}, 1, MH),
        ({"alpha": 0.0}, 0, 0.1 + 0.45 + 0.2 + 0.3),
    ],
)
def test_the_semantic_loss_by_hand(options, epoch, expected):
    assert float(MFSR(**options).semantic(S, ITEM, epoch)) == pytest.approx(expected)


def test_captions_of_one_image_are_no_negatives():
    assert float(MFSR().semantic(S, torch.tensor([4, 9, 9]), 0)) == pytest.approx(0.1 + 0.1 + 0.65 + 0.15 + 0.4)


@pytest.mark.parametrize("m", [24, 128])
def test_a_collapsed_batch_sits_on_the_plateau(m):
    alike = torch.full((m, m), 0.3)
    assert float(MFSR().semantic(alike, torch.arange(m), 0)) == pytest.approx(2 * m * 0.2, rel=1e-5)


def test_the_modality_loss_by_hand():
    """Means (1/2, 1/2) and (-1, 0): 1 - 1/2 each way for v, 0 for l, and -1/2 between the means."""
    v, l = units([1, 0], [0, 1]), units([-1, 0], [-2, 0])
    assert float(modality(v, l)) == pytest.approx(0.5 + 0.0 - 0.5)
    assert float(modality(l, -l)) == pytest.approx(-1)
    assert float(modality(l, l)) == pytest.approx(1)


def test_both_readings_of_the_modality_loss_are_one(rng):
    v, l = (nn.functional.normalize(torch.from_numpy(rng.normal(size=(9, 5)))) for _ in range(2))
    near = [(x - x.mean(0)).square().sum(1).mean() for x in (v, l)]
    other = near[0] + near[1] - (v.mean(0) - l.mean(0)).square().sum()
    assert float(other) == pytest.approx(2 * float(modality(v, l)) - 2)


@pytest.mark.parametrize(("kind", "expected"), [("signed", -0.2), ("square", 0.68), ("hinge", 0.3)])
def test_the_specific_loss_by_hand(kind, expected):
    se, sp = units([1, 0], [1, 0]), units([-1, 0], [0.6, 0.8])
    assert float(MFSR(specific=kind).disjoint(sp, se)) == pytest.approx(expected)


def test_signed_is_least_where_nothing_is_separated_and_square_where_all_is():
    se, against, across = units([1, 0]), units([-1, 0]), units([0, 1])
    signed, square = MFSR().disjoint, MFSR(specific="square").disjoint
    assert float(signed(against, se)) < float(signed(across, se))
    assert float(square(across, se)) < float(square(against, se))


def test_what_discriminators_pay():
    assert float(real_loss(torch.tensor([0.0, log(3)]))) == pytest.approx((log(2) - log(3 / 4)) / 2)
    assert float(fake_loss(torch.tensor([0.0, log(3)]))) == pytest.approx((log(2) - log(1 / 4)) / 2)
    assert torch.isfinite(real_loss(torch.tensor([-1e4, 1e4])))


class Mean(nn.Module):
    """Judges by the mean of each plane of the colours, summed; its features are the pixels."""

    def forward(self, x):
        return x.mean((2, 3)).sum(1), x


def pictures(*values):
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 16, 16).contiguous()


def softplus(x):
    return np.log1p(np.exp(x))


def test_the_game_by_hand(monkeypatch):
    """A grey of value g judged alone has the logit 3 g, a pair of g and h the logit 3 (g + h)."""
    monkeypatch.setattr("crossbit.methods.mfsr_net.augmented", lambda x: x)
    D, x, x1, x2 = {"D1": Mean(), "D2": Mean()}, pictures(0.1, 0.3), pictures(-0.2, 0.5), pictures(0.3, 0.1)
    losses = MFSR().d_losses(D, x, x1, x2, torch.tensor([True, False]))
    assert float(losses["L_D1"]) == pytest.approx(
        np.mean(softplus(-3 * np.array([0.1, 0.3]))) + np.mean(softplus(3 * np.array([-0.2, 0.5])))
    )
    right, same = softplus(-3 * np.array([0.2, 0.6])).mean(), softplus(3 * np.array([-0.1, 0.8])).mean()
    assert float(losses["L_D2"]) == pytest.approx(right + same / 2 + softplus(3 * 0.4) / 2 / 2)
    painted = softplus(-3 * np.array([-0.2, 0.5])).mean() + softplus(-3 * np.array([-0.1, 0.8])).mean()
    assert float(MFSR().g_loss(D, x, x1, x2)) == pytest.approx(painted)
    near = np.mean([0.3**2, 0.2**2])
    assert float(MFSR(delta=4.0, beta=0.5).g_loss(D, x, x1, x2)) == pytest.approx(painted + 4 * 1.5 * near / 2)
    swapped = MFSR(D2="swapped")
    of_x1, of_x2 = (softplus(-3 * np.array(g)).mean() for g in ((-0.2, 0.5), (0.3, 0.1)))
    assert float(swapped.g_loss(D, x, x1, x2)) == pytest.approx(of_x1 + 2 * of_x2)
    against = swapped.d_losses(D, x, x1, x2, torch.tensor([True, True]))["L_D2"]
    assert float(against) == pytest.approx(of_x1 + softplus(3 * np.array([0.3, 0.1])).mean())


def test_discriminators_are_dcgan_s():
    D = Discriminator(3, 64, 64)
    assert sum(p.numel() for p in D.parameters()) == pytest.approx(2.8e6, rel=0.02)
    logits, Phi = D(torch.zeros(2, 3, 64, 64))
    assert (logits.shape, Phi.shape) == ((2,), (2, 512, 4, 4))
    assert [type(m).__name__ for m in D.Phi][:5] == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU"]


def test_what_is_to_be_painted_is_what_the_tower_saw(rng):
    pixels = torch.from_numpy(rng.integers(0, 256, (2, 16, 16, 3), np.uint8))
    whole = target(pixels, 16)
    torch.testing.assert_close(whole, pixels.movedim(3, 1) / 127.5 - 1)
    half = target(pixels, 8)
    assert half.shape == (2, 3, 8, 8)
    torch.testing.assert_close(half.mean((2, 3)), whole.mean((2, 3)), atol=0.1, rtol=0)


def test_jitter_moves_and_lights_but_shows_the_same(rng):
    torch.manual_seed(0)
    x = torch.zeros(32, 3, 16, 16)
    x[:, :, 8:, :] = 0.5
    moved = augmented(x)
    assert (moved != x).any((1, 2, 3)).all()
    assert moved.abs().max() <= 1
    rows = (moved[:, 0, :, 0] > 0.2).sum(1)
    assert {*rows.tolist()} == {7, 8, 9}
    light = moved[:, 0, 0, 0]
    assert light.min() >= -0.1 - 1e-6
    assert light.max() <= 0.1 + 1e-6
    assert light.std() > 0.03


def fitted(scenes, dim=6, training=None, train=None, **options):
    told = []
    how = training or Training(lambda done, total, values: told.append(values))
    encoder = MFSR(**(SMALL | options)).fit(train or scenes.dataset.train, dim, training=how)
    return encoder, told


def test_each_step_moves_its_own_network_alone(scenes, monkeypatch):
    """D1 and D2 move under their losses and nothing else does; under L neither of them moves."""
    from crossbit.training.run import Epoch

    seen, step = [], Epoch.step
    nets = {}
    make = optimisers

    def remembered(towers, D, *rates):
        nets.update({"towers": towers, **D})
        return make(towers, D, *rates)

    def watched(self, loss, optimiser, clip=0.0):
        before = {name: [p.detach().clone() for p in net.parameters()] for name, net in nets.items()}
        step(self, loss, optimiser, clip=clip)
        moved = {
            n for n, net in nets.items() for a, b in zip(before[n], net.parameters(), strict=True) if (a != b).any()
        }
        seen.append((moved, clip))

    monkeypatch.setattr("crossbit.methods.mfsr_net.optimisers", remembered)
    monkeypatch.setattr(Epoch, "step", watched)
    fitted(scenes, epochs=1)
    assert seen == [({"D1"}, 0.0), ({"D2"}, 0.0), ({"towers"}, 2.0)] * 3


def test_the_gradient_of_painting_reaches_the_encoder(scenes):
    alone = {"lam_mo": 0.0, "lam_sp": 0.0, "lam_cap": 0.0}
    one, other = (fitted(scenes, epochs=1, lam_img=lam, **alone)[0] for lam in (1.0, 30.0))
    x = scenes.dataset.train.image
    assert (one.embed(x, "image") != other.embed(x, "image")).any()


def test_the_generator_has_momentum_and_a_rate_of_its_own():
    towers = nn.ModuleList([nn.ModuleDict({"picture": nn.Linear(2, 2)}), nn.Linear(3, 3)])
    steps = optimisers(towers, {"D1": nn.Linear(1, 1)}, 0.1, 0.3)
    main, D1 = steps["L"].param_groups, steps["L_D1"].param_groups
    assert [(group["lr"], group["betas"]) for group in main] == [(0.1, (0.9, 0.999)), (0.3, (0.5, 0.999))]
    assert (D1[0]["lr"], D1[0]["betas"]) == (0.3, (0.5, 0.999))
    assert main[1]["params"][0] is towers[0]["picture"].weight
    for _ in range(2):
        scale_rates(steps.values(), 0.1)
        assert [group["lr"] for group in (*main, *D1)] == pytest.approx([0.01, 0.03, 0.03])


def test_the_rate_is_a_tenth_after_some_epochs(toy, monkeypatch):
    rates, step = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self, *a: rates.append(self.param_groups[0]["lr"]) or step(self, *a)
    )
    MFSR(d=8, epochs=4, fine_tune=1, lr_update=2, lr=0.1, batch=512).fit(toy.train, 8)
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.01])


@pytest.fixture(scope="module")
def plain(scenes):
    return fitted(scenes, epochs=1)[0]


ABLATIONS = [
    ({}, {"L_D1", "L_D2", "L_se", "L_mo", "L_sp", "L_G", "L_cap"}),
    ({"lam_mo": 0.0}, {"L_D1", "L_D2", "L_se", "L_sp", "L_G", "L_cap"}),
    ({"lam_sp": 0.0}, {"L_D1", "L_D2", "L_se", "L_mo", "L_G", "L_cap"}),
    ({"lam_img": 0.0}, {"L_se", "L_mo", "L_sp", "L_cap"}),
    ({"lam_cap": 0.0}, {"L_D1", "L_D2", "L_se", "L_mo", "L_sp", "L_G"}),
    ({"lam_mo": 0.0, "lam_sp": 0.0, "lam_img": 0.0, "lam_cap": 0.0}, {"L_se"}),
]


@pytest.mark.parametrize(("options", "terms"), ABLATIONS)
def test_an_ablation_takes_away_its_term_its_network_and_its_steps(options, terms, scenes):
    encoder, told = fitted(scenes, epochs=1, **options)
    assert told[0].keys() == terms | {"loss"}
    assert all(np.isfinite(value) for value in told[0].values())
    assert (separated(encoder.image).picture is not None) == ("L_G" in terms)
    assert (separated(encoder.text).sentence is not None) == ("L_cap" in terms)


@pytest.mark.parametrize(
    "change",
    [{"D2": "swapped"}, {"delta": 1.0}, {"specific": "square"}, {"separation": 2}, {"pooling": "flatten"},
     {"warm_up": 1}, {"reduction": "mean"}, {"layers": 2}, {"say_layers": 2}],
)  # fmt: skip
def test_every_choice_changes_the_towers(change, scenes, plain):
    train = scenes.dataset.train
    other, _ = fitted(scenes, epochs=1, **change)
    assert (plain.embed(train.image, "image") != other.embed(train.image, "image")).any()


def test_nothing_is_rebuilt_of_vectors_and_asking_for_it_is_refused(toy, scenes):
    encoder, told = fitted(scenes, train=toy.train)
    assert told[0].keys() == {"loss", "L_se", "L_mo", "L_sp"}
    assert parts(encoder, toy.query.image, "image").shape == (64, 3, 6)
    with pytest.raises(InputError, match=r"lam_img is 0.5, but there is nothing to rebuild; .*image=pixels"):
        MFSR(lam_img=0.5).fit(toy.train, 8)
    with pytest.raises(InputError, match=r"lam_cap is 1.0, but there is nothing to rebuild; .*text=words"):
        MFSR(lam_cap=1.0).fit(toy.train, 8)


def test_pictures_beside_vectors_and_sentences_beside_features(scenes, toy, rng):
    """Each modality is rebuilt where it can be, whatever the other is."""
    train = scenes.dataset.train
    features = rng.random((len(train), 5), np.float32)
    _, told = fitted(scenes, train=Paired(features, train.text, vocabulary=train.vocabulary), epochs=1)
    assert told[0].keys() == {"loss", "L_se", "L_mo", "L_sp", "L_cap"}
    _, told = fitted(scenes, train=Paired(train.image, features), epochs=1)
    assert {"L_G", "L_D1", "L_D2"} <= told[0].keys()
    assert "L_cap" not in told[0]


def test_half_precision_is_no_trouble(scenes):
    """A batch of one pair, too: 60 pairs in batches of 59."""
    told = {}
    for precision in ("float32", "bfloat16"):
        how = Training(lambda done, total, values, p=precision: told.setdefault(p, values), precision=precision)
        fitted(scenes, training=how, epochs=1, batch=59)
    assert told["bfloat16"] == pytest.approx(told["float32"], rel=0.1, abs=0.1)


def test_a_kill_in_the_middle_of_the_game_changes_no_byte(scenes, tmp_path):
    class Stopped(BaseException):
        pass

    def die(epoch, _):
        if epoch == 2:
            raise Stopped

    whole, _ = fitted(scenes, epochs=3, snapshot=0.2)
    with contextlib.suppress(Stopped):
        fitted(scenes, training=Training(folder=tmp_path, interval=0.0, watch=die), epochs=3, snapshot=0.2)
    after = []
    how = Training(folder=tmp_path, watch=lambda epoch, _: after.append(epoch))
    resumed, _ = fitted(scenes, training=how, epochs=3, snapshot=0.2)
    assert after == [2, 3]
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes(), name


def test_the_snapshot_is_the_epoch_with_the_best_rsum_on_items_held_out(scenes, monkeypatch):
    values, sizes = iter([0.2, 0.6, 0.4, 0.1]), []
    monkeypatch.setattr(
        "crossbit.training.run.held_out_recall", lambda encoder, held: sizes.append(len(held)) or next(values)
    )
    seen = {}
    how = Training(watch=lambda epoch, encoder: seen.setdefault(epoch, encoder))
    best, _ = fitted(scenes, training=how, epochs=4, snapshot=0.1)
    assert sizes == [6] * 4
    text = scenes.dataset.query.text
    assert (best.embed(text, "text") == seen[2].embed(text, "text")).all()
    assert (best.embed(text, "text") != seen[4].embed(text, "text")).any()


def test_a_pretrained_tower_rests_until_it_is_tuned(tiny_clip, rng, scenes):
    """Frozen for two epochs, then it learns for one; without a tuning its weights stay what they were."""
    pixels = rng.integers(0, 256, (12, 32, 32, 3), np.uint8)
    train = scenes.dataset.train[:12]
    train = Paired(pixels, train.text, vocabulary=train.vocabulary)
    given = image_features(pixels, 4, 1, "mean", str(tiny_clip))[0].state_dict()

    def moved(encoder):
        return any((encoder.image[0].state_dict()[name] != value).any() for name, value in given.items())

    seen = {}
    how = Training(watch=lambda epoch, encoder: seen.setdefault(epoch, moved(encoder)))
    fitted(scenes, training=how, train=train, model=str(tiny_clip), fine_tune=1, lam_img=0.0)
    assert seen == {1: False, 2: False, 3: True}
    with pytest.raises(InputError, match="a pretrained image tower reads pixels"):
        image_features(rng.random((3, 4), np.float32), 4, 1, "mean", str(tiny_clip))


def test_it_learns_to_find_and_to_rebuild(scenes, tmp_path):
    """Sixty scenes by heart: found above chance, saved with all parts, painted nearer to themselves than to others."""
    from crossbit.data.pairs import Dataset

    data = scenes.dataset
    options = {"epochs": 35, "lr": 5e-3, "lr_update": 35, "warm_up": 35, "delta": 30.0, "lam_cap": 20.0}
    options |= {"d": 64, "width": 32, "hidden": 64, "channels": 16, "pooling": "flatten", "specific": "square"}
    encoder, told = fitted(scenes, dim=32, **options)
    found = score(encoder, Dataset("seen", data.train, data.train, data.train, data.split), parse_all(["R@10"]))
    for task in ("image->text", "text->image"):
        assert found[task].mean("R@10") > 2 * 10 / 60
    assert told[-1]["L_cap"] < told[0]["L_cap"] / 2
    assert told[-1]["L_mo"] < -0.5
    Bundle(encoder, scenes.pipelines, data.split, Origin("mfsr", {}, 0, "scenes")).save(tmp_path / "m")
    again = Bundle.load(tmp_path / "m").encoder
    separate = parts(again, data.train.image, "image")
    painted = rebuilt_pictures(again, separate)
    assert (painted == rebuilt_pictures(encoder, parts(encoder, data.train.image, "image"))).all()
    x = ((target(torch.from_numpy(data.train.image), 8) + 1) * 127.5).movedim(1, 3).numpy()
    gap = ((painted[:, None].astype(float) - x[None]) ** 2).mean((2, 3, 4))
    assert np.diagonal(gap).mean() < 0.7 * gap.mean()
    said = rebuilt_captions(again, parts(again, data.train.text, "text"), 24)
    assert (said[:, 0] == data.train.text[:, 1]).mean() > 0.5


def test_codes_of_the_semantic_part_keep_what_rebuilds(scenes):
    recipe = Recipe.parse("mfsr+itq", SMALL)
    encoder = recipe.fit(scenes.dataset.train, 8)
    assert encoder.space == "hamming"
    assert rebuilt_pictures(encoder, parts(encoder, scenes.dataset.query.image, "image")).shape == (20, 8, 8, 3)


def test_maps_of_another_network_are_refused(rng):
    with pytest.raises(InputError, match="are neither vectors nor RGB pixels"):
        MFSR().fit(Paired(rng.random((4, 3, 3, 2), np.float32), rng.random((4, 3), np.float32)), 4)
