"""InfoNCE: rate, temperature and decay, captions of one image, chunks, towers of every kind, on from a CLIP."""

import math

import numpy as np
import pytest
import torch

from crossbit.data.pairs import Dataset, Paired
from crossbit.errors import InputError
from crossbit.evaluation.scoring import score
from crossbit.features import featurise
from crossbit.methods.infonce import InfoNCE, Scale
from crossbit.metrics import parse_all
from crossbit.models.bundle import Bundle, Origin
from crossbit.nn.towers import config, mlp
from crossbit.training.run import Training


@pytest.fixture(scope="module")
def scenes():
    """Generated scenes, their captions word by word, the queries searching each other."""
    from crossbit.datasets import load

    corpus = load("scenes", train=60, database=60, query=20, task="captions")
    return corpus, featurise(corpus, "hog", "words(min_count=2,longest=24)", captions="each")


def losses_of(method, train, **how):
    told = []
    method.fit(train, 8, training=Training(lambda done, total, values: told.append(values), **how))
    return told


def test_the_rate_rises_and_then_falls_as_a_cosine():
    method = InfoNCE(lr=1.0, warm_up=0.2)
    rates = [method.rate(step, 10) for step in range(10)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[6] == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[9] < 0.05
    assert [InfoNCE(lr=1.0, warm_up=0.0).rate(step, 2) for step in range(2)] == pytest.approx([1, 0.5])


def test_matrices_shrink_and_vectors_do_not():
    network = torch.nn.ModuleList([mlp(3, 4, 2), Scale(0.07, 100.0)])
    matrices, others = InfoNCE(weight_decay=0.3).optimiser(network).param_groups
    assert ([p.ndim for p in matrices["params"]], matrices["weight_decay"]) == ([2, 2], 0.3)
    assert ([p.ndim for p in others["params"]], others["weight_decay"]) == ([1, 1, 0], 0.0)


def test_the_scale_starts_at_one_over_the_temperature_and_is_clamped(toy):
    told = losses_of(InfoNCE(epochs=3, lr=0.0), toy.train)
    assert [values["scale"] for values in told] == pytest.approx([1 / 0.07] * 3, rel=1e-5)
    told = losses_of(InfoNCE(epochs=2, lr=0.0, most=5.0), toy.train)
    assert [values["scale"] for values in told] == pytest.approx([5.0] * 2, rel=1e-5)
    assert losses_of(InfoNCE(epochs=1, lr=0.1), toy.train)[0]["scale"] != pytest.approx(1 / 0.07, rel=1e-3)


def test_a_collapsed_model_is_at_the_loss_of_guessing():
    same = Paired(np.ones((16, 3), np.float32), np.ones((16, 2), np.float32))
    assert losses_of(InfoNCE(epochs=1, batch=16, lr=0.0), same)[0]["loss"] == pytest.approx(math.log(16), rel=1e-5)


@pytest.mark.parametrize(
    ("siblings", "expected"), [("masked", math.log(4)), ("negative", math.log(8)), ("positive", math.log(8))]
)
def test_captions_of_one_image(siblings, expected):
    """Five captions of one image and three of others, all alike: the masked ones choose among 4, the others among 8."""
    item = np.array([0, 0, 0, 0, 0, 1, 2, 3])
    same = Paired(np.ones((8, 3), np.float32), np.ones((8, 2), np.float32), item=item)
    loss = losses_of(InfoNCE(epochs=1, batch=8, lr=0.0, siblings=siblings), same)[0]["loss"]
    mean = (5 * math.log(4) + 3 * math.log(8)) / 8 if siblings == "masked" else expected
    assert loss == pytest.approx(mean, rel=1e-5)


def test_chunks_train_the_same_towers(scenes):
    """Same batches, same gradients: after some steps the weights have drifted apart by rounding alone."""
    train = scenes[1].dataset.train
    small = {"width": 8, "hidden": 12, "epochs": 2, "batch": 100}
    whole, chunked = (InfoNCE(**small, chunk=chunk).fit(train, 8) for chunk in (0, 16))
    for a, b in zip(whole.state_dict().values(), chunked.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)


def test_towers_suit_their_items(scenes):
    corpus, hog = scenes
    pixels = np.stack([corpus.images[row] for row in hog.dataset.train.item[:20]])
    words = hog.dataset.train[:20]
    raw = Paired(pixels, words.text, item=words.item, vocabulary=words.vocabulary)
    made = InfoNCE(width=8, hidden=12, epochs=1, batch=10, chunk=4).fit(raw, 8)
    assert config(made.image)["parts"][0]["kind"] == "pixels"
    assert [part["kind"] for part in config(made.text)["parts"]] == ["sentence", "linear", "normalise"]
    assert config(made.text)["parts"][0]["directions"] == 2


def test_it_learns_from_sentences(scenes):
    data = scenes[1].dataset
    encoder = InfoNCE(width=16, hidden=32, epochs=30, batch=50, lr=1e-2).fit(data.train, 32)
    found = score(encoder, Dataset("seen", data.train, data.train, data.train, data.split), parse_all(["R@10"]))
    assert found["image->text"].mean("R@10") > 2 * 10 * 5 / 300
    assert found["text->image"].mean("R@10") > 2 * 10 / 60


@pytest.fixture(scope="module")
def clip_inputs(scenes, tiny_clip):
    return featurise(scenes[0], *[f"clip(model={tiny_clip},inputs=true)"] * 2, captions="each")


def test_a_pretrained_clip_is_trained_on_and_saved_without_its_files(clip_inputs, tiny_clip, tmp_path):
    data = clip_inputs.dataset
    told = []
    method = InfoNCE(model=str(tiny_clip), epochs=8, batch=60, chunk=20, lr=1e-2)
    before = InfoNCE(model=str(tiny_clip), epochs=0).fit(data.train, 64)
    after = method.fit(data.train, 64, training=Training(lambda done, total, values: told.append(values["loss"])))
    assert (after.space, after.dim) == ("cosine", 12)
    assert told[-1] < told[0] - 0.02
    text = data.query.text
    assert (before.embed(text, "text") != after.embed(text, "text")).any()
    Bundle(after, clip_inputs.pipelines, data.split, Origin("infonce", {}, 0, "scenes")).save(tmp_path / "m")
    files = {file.suffix for file in (tmp_path / "m").rglob("*") if file.is_file()}
    assert files == {".json", ".safetensors"}
    again = Bundle.load(tmp_path / "m").encoder
    assert (again.embed(text, "text") == after.embed(text, "text")).all()
    assert (again.embed(data.query.image, "image") == after.embed(data.query.image, "image")).all()


def test_before_its_first_step_it_is_zero_shot_clip(clip_inputs, scenes, tiny_clip):
    start = InfoNCE(model=str(tiny_clip), epochs=0).fit(clip_inputs.dataset.train, 64)
    zero = featurise(scenes[0], *[f"clip(model={tiny_clip})"] * 2, captions="each").dataset.query
    for modality in ("image", "text"):
        found = start.embed(clip_inputs.dataset.query.of(modality), modality)
        np.testing.assert_allclose(found, zero.of(modality), atol=1e-5)


def test_a_pretrained_model_takes_its_own_inputs(scenes, tiny_clip):
    with pytest.raises(InputError, match=r"--features 'clip\(model=.*,inputs=true\)'"):
        InfoNCE(model=str(tiny_clip)).fit(scenes[1].dataset.train, 8)
