"""VSE++: its objective by hand, what each choice changes, captions of one image, collapse, sentences and pixels."""

import numpy as np
import pytest
import torch

from crossbit.data.pairs import Dataset, Paired
from crossbit.evaluation.scoring import score
from crossbit.features import featurise
from crossbit.methods.vsepp import VSEPP, projection
from crossbit.metrics import parse_all
from crossbit.models.bundle import Bundle, Origin
from crossbit.models.encoder import DualEncoder
from crossbit.nn.layers import SparseLinear
from crossbit.nn.towers import config
from crossbit.training.run import Training

S = torch.tensor([[0.9, 0.8, 0.1], [0.5, 0.6, 0.7], [0.85, 0.3, 0.4]])
ITEM = torch.tensor([4, 9, 9])
MH, SH = 0.1 + 0.3 + 0.65 + 0.15 + 0.4 + 0.5, 0.1 + 0.1 + 0.3 + 0.65 + 0.1 + 0.15 + 0.4 + 0.5


@pytest.mark.parametrize(
    ("options", "epoch", "expected"),
    [
        ({}, 0, 0.1 + 0.1 + 0.65 + 0.15 + 0.4),
        ({"siblings": "negative"}, 0, MH),
        ({"siblings": "negative", "over": "all"}, 0, SH),
        ({"siblings": "negative", "warm_up": 1}, 0, SH),
        ({"siblings": "negative", "warm_up": 1}, 1, MH),
        ({"siblings": "negative", "alpha": 0.0}, 0, 0.1 + 0.45 + 0.2 + 0.3),
    ],
)
def test_the_objective_by_hand(options, epoch, expected):
    assert float(VSEPP(**options).objective(S, ITEM, epoch)) == pytest.approx(expected)


def test_images_pass_a_layer_between_unit_lengths(rng):
    features, pixels = rng.random((4, 6), np.float32) * 9, rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
    f = projection(features, 5)
    assert [part["kind"] for part in config(f)["parts"]] == ["normalise", "linear", "normalise"]
    assert f[1].weight.abs().max() <= (6 / (6 + 5)) ** 0.5
    assert not f[1].bias.any()
    x = torch.from_numpy(features)
    torch.testing.assert_close(f(x), f(3 * x))
    torch.testing.assert_close(f(x).norm(dim=1), torch.ones(4))
    trunk = projection(pixels, 5)
    assert config(trunk)["parts"][0]["kind"] == "pixels"
    assert trunk(torch.from_numpy(pixels)).norm(dim=1).tolist() == pytest.approx([1] * 4)


def test_sparse_texts_pass_a_sparse_layer():
    from scipy.sparse import csr_array

    g = projection(csr_array(np.eye(3, dtype=np.float32)), 5)
    assert type(g[0]) is SparseLinear


def test_the_rate_falls_every_few_epochs(toy, monkeypatch):
    rates, step = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self, *a: rates.append(self.param_groups[0]["lr"]) or step(self, *a)
    )
    VSEPP(epochs=5, lr_update=2, lr=0.1, batch=512).fit(toy.train, 8)
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


@pytest.fixture(scope="module")
def scenes():
    """Generated scenes, their captions word by word, the queries searching each other."""
    from crossbit.datasets import load

    corpus = load("scenes", train=60, database=60, query=20, task="captions")
    return featurise(corpus, "hog", "words(min_count=2,longest=24)", captions="each")


@pytest.mark.parametrize("change", [{"over": "all"}, {"siblings": "negative"}, {"warm_up": 1}, {"layers": 2}])
def test_every_choice_changes_the_towers(change, scenes):
    train = scenes.dataset.train[:60]
    one, other = (VSEPP(width=8, epochs=1, batch=30, **more).fit(train, 8) for more in ({}, change))
    assert (one.embed(train.text, "text") != other.embed(train.text, "text")).any()


def test_it_learns_from_sentences_and_is_saved_with_its_words(scenes, tmp_path):
    data = scenes.dataset
    encoder = VSEPP(width=16, epochs=12, batch=50, lr=5e-3, warm_up=2).fit(data.train, 32)
    assert (encoder.space, encoder.dim) == ("cosine", 32)
    found = score(encoder, Dataset("seen", data.train, data.train, data.train, data.split), parse_all(["R@10"]))
    assert found["image->text"].mean("R@10") > 2 * 10 * 5 / 300
    assert found["text->image"].mean("R@10") > 2 * 10 / 60
    Bundle(encoder, scenes.pipelines, data.split, Origin("vsepp", {}, 0, "scenes")).save(tmp_path / "m")
    again = Bundle.load(tmp_path / "m")
    said = ["a red circle", "two blue squares and a star"]
    rows = again.pipelines["text"](said)
    assert (again.encoder.embed(rows, "text") == encoder.embed(scenes.text(said), "text")).all()


def test_a_collapsed_model_scores_chance(scenes):
    """All embeddings alike: ties count by their expectation, so recalls are those of guessing, never 100 %."""
    data = scenes.dataset

    class Constant(torch.nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 4)

    found = score(DualEncoder(Constant(), Constant(), "cosine", 4), data, parse_all(["R@1", "R@5", "R@1(ties=worst)"]))
    texts = found["text->image"]
    assert texts.mean("R@1") == pytest.approx(1 / 20)
    assert texts.mean("R@5") == pytest.approx(5 / 20)
    assert texts.mean("R@1(ties=worst)") == 0
    assert found["image->text"].mean("R@1") == pytest.approx(5 / 100)


def test_the_log_tells_of_a_collapse(rng):
    """Without a step to take, alike pairs stay alike: the loss is 2 m alpha and nothing deviates."""
    same = Paired(np.ones((16, 3), np.float32), np.ones((16, 2), np.float32))
    told = []
    log = Training(lambda done, total, values: told.append(values))
    VSEPP(epochs=1, batch=16, lr=0.0).fit(same, 4, training=log)
    assert told[0]["loss"] == pytest.approx(2 * 16 * 0.2, rel=1e-5)
    assert (told[0]["sd_v"], told[0]["sd_l"]) == pytest.approx((0, 0), abs=1e-6)


def test_the_snapshot_is_the_best_by_rsum_of_held_pairs(scenes, monkeypatch):
    """A patience of as many epochs trains to the end and returns the best of them, by its rsum on a held part."""
    from crossbit.methods.recipe import Recipe

    values = iter([0.2, 0.6, 0.4, 0.1])
    monkeypatch.setattr("crossbit.training.run.held_out_recall", lambda encoder, held: next(values))
    seen = {}
    how = Training(watch=lambda epoch, encoder: seen.setdefault(epoch, encoder), patience=4)
    recipe = Recipe.parse("vsepp(epochs=4,width=8,batch=50)")
    best = recipe.fit(scenes.dataset.train, 8, training=how)
    assert [*seen] == [1, 2, 3, 4]
    text = scenes.dataset.query.text
    assert (best.embed(text, "text") == seen[2].embed(text, "text")).all()
    assert (best.embed(text, "text") != seen[4].embed(text, "text")).any()


def test_a_batch_of_one_pair_and_half_precision_are_no_trouble(scenes):
    """Seven pairs in batches of three leave one alone; sentences are read in bfloat16 and nearly agree."""
    train, told = scenes.dataset.train[:7], {}
    for precision in ("float32", "bfloat16"):
        how = Training(lambda done, total, values, p=precision: told.setdefault(p, values), precision=precision)
        encoder = VSEPP(width=8, epochs=1, batch=3).fit(train, 8, training=how)
        assert np.isfinite(encoder.embed(train.text, "text")).all()
    assert told["bfloat16"]["sd_l"] == pytest.approx(told["float32"]["sd_l"], rel=0.1)
