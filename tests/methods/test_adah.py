"""ADAH: its losses one triplet at a time, who moves what in the game, its degenerate points, and what it attends to."""

from itertools import product

import numpy as np
import pytest
import torch

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.adah import ADAH
from crossbit.methods.adah_net import Both, Networks, attended, hashed, image_branch, opposite, text_branch
from crossbit.methods.scm import SCM
from crossbit.models.encoder import DualEncoder
from crossbit.nn.attention import Attended, Attention
from crossbit.training.run import Training

H = Both(torch.tensor([[0.9, -0.5], [0.1, 0.8], [-0.7, -0.2]]), torch.tensor([[0.4, -0.9], [0.3, 0.2], [-0.6, 0.5]]))
REST = Both(torch.tensor([[0.2, -0.1], [0.5, 0.5], [0.0, -0.8]]), torch.tensor([[0.7, 0.1], [-0.2, 0.6], [0.3, -0.3]]))
#: The first two items share a label.
S = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
SMALL = {"hidden": 16, "text_hidden": 16, "width": 12, "batch": 64, "epochs": 2, "lr": 0.003}


def hinges(A, B, eps):
    """Return every hinge of the triplets, written out."""

    def d(i, j):
        return float(((A[i] - B[j]) ** 2).sum())

    triples = [(i, j, k) for i, j, k in product(range(3), repeat=3) if S[i, j] > S[i, k]]
    return [max(0.0, eps + d(i, j) - d(i, k)) for i, j, k in triples]


def mean(values, over):
    chosen = [value for value in values if value > 0] if over == "active" else values
    return sum(chosen) / len(chosen)


@pytest.mark.parametrize("over", ["active", "all"])
def test_the_retrieval_loss_is_four_losses_of_triplets(over):
    """The margin 0.25 is half a unit at two bits."""
    expected = sum(mean(hinges(A, B, 0.5), over) for A, B in product(H, repeat=2))
    assert float(ADAH(margin=0.25, over=over).retrieval(H, S)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("over", ["active", "all"])
def test_the_adversarial_loss_searches_what_was_left_out_of_the_other_modality(over):
    expected = mean(hinges(H.T, REST.I, 0.5), over) + mean(hinges(H.I, REST.T, 0.5), over)
    assert float(ADAH(margin=0.25, over=over).adversarial(H, REST, S)) == pytest.approx(expected, abs=1e-6)


def branches(seed=0):
    torch.manual_seed(seed)
    image = image_branch(np.zeros((3, 5), np.float32), 4, 3, "flatten", 6, 8, 0.0)
    return image, text_branch(np.zeros((3, 7), np.float32), 4, 8, 6, 0.0)


def networks(name):
    return Networks(*(getattr(branch, name) for branch in branches()))


def features():
    torch.manual_seed(1)
    return Both(torch.rand(3, 6), torch.rand(3, 6))


def test_a_zero_initialised_attention_attends_to_everything_and_gives_the_margin_in_every_triplet():
    """Nothing is left out, so that the rest of all items has one code, as far from an item alike as from others."""
    G, D, f = networks("G"), networks("D"), features()
    for net in G:
        torch.nn.init.zeros_(net.score.weight)
        torch.nn.init.zeros_(net.score.bias)
    Z = ADAH().masks(G, f)
    assert Z.I.all()
    assert Z.T.all()
    with torch.no_grad():
        codes, rest = hashed(D, f, Z), hashed(D, f, opposite(Z))
    assert (rest.I[1:] == rest.I[:1]).all()
    for over in ("active", "all"):
        assert float(ADAH(margin=0.25, over=over).adversarial(codes, rest, S)) == pytest.approx(2 * 0.25 * 4, abs=1e-5)


def test_in_the_game_masks_are_constants_for_e_and_d():
    f = Both(*(x.requires_grad_() for x in features()))
    assert not ADAH().masks(networks("G"), f).I.requires_grad
    assert ADAH(attention="plain").masks(networks("G"), f).I.requires_grad
    Z = ADAH(attention="none").masks(networks("G"), f)
    assert (Z.I.item(), Z.T.item()) == (1, 1)


def test_the_gain_of_attention_leads_through_what_is_left_out_alone():
    """Its gradient is that of L_A with the codes of the attended parts as given numbers."""
    G, D, f = networks("G"), networks("D"), features()
    method = ADAH(margin=1.0)
    method.gain(G, D, f, S).backward()
    found = [p.grad.clone() for net in G for p in net.parameters()]
    for net in G:
        net.zero_grad()
    Z = G(f)
    codes = Both(*(code.detach() for code in hashed(D, f, Z)))
    method.adversarial(codes, hashed(D, f, opposite(Z)), S).backward()
    for one, p in zip(found, (p for net in G for p in net.parameters()), strict=True):
        torch.testing.assert_close(one, p.grad)
        assert one.abs().sum() > 0 or p is G.I.score.bias


def test_every_player_moves_its_own_networks(toy):
    """With a rate of zero a player stays where the seed put it, and the other one moves."""
    start = parts(ADAH(**SMALL | {"epochs": 0}).fit(toy.train, 8))
    hashing = parts(ADAH(**SMALL, lr_attention=0.0).fit(toy.train, 8))
    playing = parts(ADAH(**SMALL | {"lr": 0.0}, lr_attention=0.01).fit(toy.train, 8))
    for name, value in start.items():
        still, moved = (hashing, playing) if "score" in name else (playing, hashing)
        assert (still[name] == value).all(), name
        assert (moved[name] != value).any(), name


def parts(encoder):
    return {name: value for name, value in encoder.state_dict().items() if not name.endswith("score.bias")}


def test_without_an_adversary_attention_descends_the_retrieval_loss(toy):
    start = parts(ADAH(**SMALL | {"epochs": 0}).fit(toy.train, 8))
    moved = parts(ADAH(**SMALL, attention="plain").fit(toy.train, 8))
    assert all((moved[name] != value).any() for name, value in start.items())


@pytest.mark.parametrize(
    "change",
    [{"attention": "plain"}, {"attention": "none"}, {"soft": True}, {"spread": 1.0}, {"G_steps": 2}, {"dropout": 0.0}],
)
def test_every_switch_changes_the_codes(change, toy):
    whole, part = (ADAH(**SMALL, lr_attention=0.003, **more).fit(toy.train, 8) for more in ({}, change))
    assert (whole.embed(toy.query.image, "image") != part.embed(toy.query.image, "image")).any()


def report(toy, **options):
    """Return what is logged of the last epoch."""
    told = []
    ADAH(**SMALL | options).fit(toy.train, 8, training=Training(log=lambda *values: told.append(values)))
    assert [each[:2] for each in told] == [(done, len(told)) for done in range(1, len(told) + 1)]
    return told[-1][2]


def test_the_log_holds_the_losses_and_the_share_attended_to(toy):
    values = report(toy)
    assert values.keys() == {"L_R", "L_A", "attended_I", "attended_T"}
    assert 0 < values["attended_I"] < 1
    assert 0 < values["attended_T"] < 1
    assert report(toy, attention="none").keys() == {"L_R", "attended_I", "attended_T"}
    assert report(toy, attention="none")["attended_I"] == 1
    assert report(toy, attention="plain").keys() == {"L_R", "attended_I", "attended_T"}


def test_spread_levels_the_scores_or_sharpens_them(toy):
    level, plain, sharp = (
        report(toy, spread=spread, lr_attention=0.01, epochs=4)["attended_I"] for spread in (50.0, 0.0, -50.0)
    )
    assert level > plain > sharp


@pytest.fixture(scope="module")
def seen():
    """Pictures of 16 x 16 with a bright square of one of four colours, and the words that say so."""
    rng = np.random.default_rng(3)
    kind = np.arange(192) % 4
    pixels = rng.integers(0, 60, (192, 16, 16, 3)).astype(np.uint8)
    for row, (x, y) in enumerate(rng.integers(0, 3, (192, 2)) * 4):
        pixels[row, y : y + 8, x : x + 8, : kind[row] % 3 + 1] = 140 + 30 * kind[row]
    text = np.eye(4, dtype=np.float32)[kind] + rng.normal(0, 0.1, (192, 4)).astype(np.float32)
    return Paired(pixels, text, np.eye(4, dtype=bool)[kind])


@pytest.mark.parametrize("pooling", ["flatten", "mean"])
@pytest.mark.parametrize("pixels", [True, False], ids=["pixels", "map"])
def test_pictures_and_maps_of_features_are_attended_to_by_place(seen, pooling, pixels):
    data = seen if pixels else Paired(seen.image.reshape(192, 4, 4, 48) / np.float32(255), seen.text, seen.labels)
    method = ADAH(**SMALL, pooling=pooling, layers=2)
    encoder = method.fit(data, 8)
    Z = attended(encoder, data.image, "image")
    assert (Z.shape, Z.dtype) == ((192, 4, 4), bool)
    assert 0 < Z.mean() < 1
    E, _, D = encoder.image
    with torch.inference_mode():
        f = E(torch.from_numpy(data.image[:64]))
        codes = D(f * torch.from_numpy(Z[:64, None])).numpy()
    assert (codes == encoder.embed(data.image[:64], "image")).all()
    again = DualEncoder.build(encoder.config())
    again.load_state_dict(encoder.state_dict())
    assert (again.embed(data.image, "image") == encoder.embed(data.image, "image")).all()


def test_what_an_encoder_attends_to_does_not_depend_on_its_neighbours(toy):
    encoder = ADAH(**SMALL).fit(toy.train, 8)
    for modality, x in (("image", toy.query.image), ("text", toy.query.text)):
        Z = attended(encoder, x, modality)
        assert Z.shape == (len(x), 12)
        assert (Z[5:7] == attended(encoder, x[5:7], modality)).all()
        part = next(part for part in encoder.modules() if isinstance(part, Attended))
        assert not part.by._forward_hooks


def test_other_models_have_no_attention_to_show(toy):
    none = ADAH(**SMALL, attention="none").fit(toy.train, 8)
    for encoder in (none, SCM().fit(toy.train, 8)):
        assert not [part for part in encoder.modules() if isinstance(part, Attention)]
        with pytest.raises(InputError, match=r"image tower of this model has no attention; .*crossbit fit adah"):
            attended(encoder, toy.query.image, "image")
