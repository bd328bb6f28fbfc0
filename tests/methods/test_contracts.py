"""What every method promises. A new method is tested by appearing in METHODS."""

import contextlib
import inspect
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest

import crossbit.methods
from crossbit.codes import Codes, hamming
from crossbit.data.pairs import CROSSINGS, MODALITIES, Dataset, Paired
from crossbit.errors import InputError
from crossbit.methods import METHODS, method
from crossbit.methods.recipe import Recipe
from crossbit.models.encoder import DualEncoder
from crossbit.training.run import Training

#: How a method gets bits on the toy set, and what makes its fit take a second; nothing else may differ for a test.
RECIPES = {
    "adah": "adah(epochs=8,hidden=64,text_hidden=64,width=64,lr=0.003,batch=64)",
    "cca": "cca(ridge=0.01)+itq",
    "cfrh": "cfrh(epochs=20,hidden=64,decoder_hidden=64)",
    "clip": "clip+itq",
    "dcmh": "dcmh(epochs=40,text_hidden=64,batch=32)",
    "dgcpn": "dgcpn(epochs=3,hidden=64)",
    "djsrh": "djsrh(epochs=20,hidden=64)",
    "infonce": "infonce(epochs=15,lr=0.01,chunk=100)+itq",
    "jdsh": "jdsh(epochs=20,hidden=64)",
    "lcmh": "lcmh",
    "mesdch": "mesdch(epochs=6,hidden=64,text_hidden=64,width=32,batch=32)",
    "mfsr": "mfsr(d=64,epochs=15,lr=0.005,batch=64,warm_up=2)+itq",
    "scm": "scm",
    "ssah": "ssah(epochs=2,hidden=64,width=32,batch=32,passes=3,label_passes=6,lr_image=0.01,lr_text=0.01)",
    "ucch": "ucch(epochs=8,hidden=256,batch=64,K=512)",
    "ugach": "ugach(hidden=256,pretraining=3,rounds=2)",
    "vsepp": "vsepp(epochs=20,lr=0.01,warm_up=2)+itq",
}
BITS = 16


def same_width(data: Dataset) -> Dataset:
    """Return the data as zero-shot CLIP's would be: both modalities in one space, here the 8 class scores."""

    def common(pairs: Paired) -> Paired:
        towers = [np.linalg.lstsq(data.train.of(m), data.train.labels.astype(float), rcond=None)[0] for m in MODALITIES]
        image, text = (pairs.of(m) @ W for m, W in zip(MODALITIES, towers, strict=True))
        return Paired(image.astype(np.float32), text.astype(np.float32), pairs.labels)

    return Dataset(data.name, common(data.train), common(data.query), common(data.database), data.split)


@pytest.fixture(scope="module", params=METHODS.builtin)
def case(request, toy):
    data = same_width(toy) if request.param == "clip" else toy
    recipe = Recipe.parse(RECIPES[request.param])
    return recipe, recipe.fit(data.train, BITS, seed=1), data


def test_codes_have_the_length_asked_for(case):
    _, encoder, data = case
    for modality in MODALITIES:
        codes = encoder.encode(data.query.of(modality), modality)
        assert isinstance(codes, Codes)
        assert (len(codes), codes.bits) == (len(data.query), BITS)


def test_the_same_seed_gives_the_same_bytes(case):
    recipe, encoder, data = case
    again = recipe.fit(data.train, BITS, seed=1)
    for (name, a), (_, b) in zip(encoder.state_dict().items(), again.state_dict().items(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes(), name


def test_a_code_does_not_depend_on_its_neighbours(case):
    _, encoder, data = case
    for modality in MODALITIES:
        x = data.query.of(modality)
        alone = np.concatenate([encoder.embed(x[i : i + 1], modality) for i in range(len(x))])
        assert alone.tobytes() == encoder.embed(x, modality).tobytes()


def test_beats_chance_in_both_directions(case):
    _, encoder, data = case
    relevant = data.query.labels @ data.database.labels.T
    for source, target in CROSSINGS:
        distance = hamming(
            encoder.encode(data.query.of(source), source), encoder.encode(data.database.of(target), target)
        )
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :10]
        precision = np.take_along_axis(relevant, nearest, 1).mean()
        assert precision > relevant.mean() + 0.2, f"{source}->{target}"


def test_training_leaves_its_data_alone(case):
    recipe, _, data = case
    before = [a.copy() for a in (data.train.image, data.train.text, data.train.labels)]
    recipe.fit(data.train, BITS)
    for a, b in zip(before, (data.train.image, data.train.text, data.train.labels), strict=True):
        assert (a == b).all()


def test_an_unsupervised_method_runs_without_labels(case):
    recipe, _, data = case
    if not recipe.method.supervised:
        recipe.fit(data.train.unlabelled(), BITS)
        return
    with pytest.raises(ValueError, match="carry no labels"):
        recipe.fit(data.train.unlabelled(), BITS)


def test_the_architecture_and_the_weights_rebuild_the_encoder(case):
    _, encoder, data = case
    again = DualEncoder.build(encoder.config())
    again.load_state_dict(encoder.state_dict())
    for modality in MODALITIES:
        x = data.query.of(modality)
        assert (again.embed(x, modality) == encoder.embed(x, modality)).all()


@pytest.mark.parametrize("name", METHODS.builtin)
def test_documents_itself(name):
    cls = method(name)
    text = " ".join((inspect.getmodule(cls).__doc__ or "").split())
    assert str(cls.source.year) in text
    assert cls.source.title in text
    assert cls.source.url.startswith("https://")
    assert isinstance(cls.supervised, bool)
    with pytest.raises(FrozenInstanceError):
        setattr(cls(), (fields(cls) or [type("F", (), {"name": "x"})])[0].name, 0)


SHARED = {"__init__", "base", "fitting", "recipe"}


def test_one_file_one_paper():
    files = [p for p in Path(crossbit.methods.__file__).parent.glob("*.py") if p.stem not in SHARED]
    papers = {p.stem for p in files if not p.stem.endswith("_net")}
    assert papers == {target.split(":")[0] for target in METHODS.builtin.values()} == set(METHODS.builtin)
    assert {p.stem.removesuffix("_net") for p in files} == papers
    for p in files:
        assert len(p.read_text().splitlines()) <= 200, f"{p.name} has outgrown one sitting"


class Stopped(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_an_interrupted_fit_goes_on_to_the_same_bytes(case, tmp_path):
    """Networks keep their state on disk; a closed form has nothing to keep and is fitted again."""
    recipe, encoder, data = case
    epochs = []

    def die(epoch, _):
        epochs.append(epoch)
        if epoch == 2:
            raise Stopped

    with contextlib.suppress(Stopped):
        recipe.fit(data.train, BITS, seed=1, training=Training(folder=tmp_path, interval=0.0, watch=die))
    epochs.clear()
    resumed = recipe.fit(
        data.train, BITS, seed=1, training=Training(folder=tmp_path, watch=lambda epoch, _: epochs.append(epoch))
    )
    assert not epochs or epochs[0] == 2
    for (name, a), (_, b) in zip(encoder.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes(), name


@pytest.mark.parametrize("name", ["cca", "cfrh", "dgcpn", "lcmh", "scm"])
def test_what_compares_features_refuses_pixels_and_the_ids_of_words(toy, name):
    few = toy.train[:100]
    pixels = Paired(np.zeros((100, 8, 8, 3), np.uint8), few.text, few.labels)
    words = Paired(few.image, np.ones((100, 7), np.int32), few.labels)
    with pytest.raises(InputError, match="compares features, not pixels; take some, as in"):
        Recipe.parse(name).fit(pixels, 4)
    with pytest.raises(InputError, match=r"compares features, not items of shape \(7,\) and type int32"):
        Recipe.parse(name).fit(words, 4)
