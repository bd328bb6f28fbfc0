"""The contract of every method in METHODS, the documentation in its file, and what it refuses."""

import inspect
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest

import crossbit.methods
from crossbit.data import rows
from crossbit.data.pairs import MODALITIES, Dataset, Paired
from crossbit.errors import InputError
from crossbit.methods import METHODS, method
from crossbit.methods.recipe import Recipe
from crossbit.testing import check_method

#: Parameters with which a method fits the toy dataset in a second; nothing else may differ for a test.
RECIPES = {
    "adah": "adah(epochs=8,hidden=64,text_hidden=64,width=64,lr=0.003,batch=64)",
    "cca": "cca(ridge=0.01)",
    "cfrh": "cfrh(epochs=20,hidden=64,decoder_hidden=64)",
    "clip": "clip",
    "dcmh": "dcmh(epochs=40,text_hidden=64,batch=32)",
    "dgcpn": "dgcpn(epochs=3,hidden=64)",
    "djsrh": "djsrh(epochs=20,hidden=64)",
    "infonce": "infonce(epochs=15,lr=0.01,chunk=100)",
    "jdsh": "jdsh(epochs=20,hidden=64)",
    "lcmh": "lcmh",
    "mesdch": "mesdch(epochs=6,hidden=64,text_hidden=64,width=32,batch=32)",
    "mfsr": "mfsr(d=64,epochs=15,lr=0.005,batch=64,warm_up=2)",
    "scm": "scm",
    "ssah": "ssah(epochs=2,hidden=64,width=32,batch=32,passes=3,label_passes=6,lr_image=0.01,lr_text=0.01)",
    "ucch": "ucch(epochs=8,hidden=256,batch=64,K=512)",
    "ugach": "ugach(hidden=256,pretraining=3,rounds=2)",
    "vsepp": "vsepp(epochs=20,lr=0.01,warm_up=2)",
}
BITS = 16


def same_width(data: Dataset) -> Dataset:
    """Return the data as zero-shot CLIP's would be: both modalities in one space, here the 8 class scores."""

    def common(pairs: Paired) -> Paired:
        towers = [np.linalg.lstsq(data.train.of(m), data.train.labels.astype(float), rcond=None)[0] for m in MODALITIES]
        image, text = (pairs.of(m) @ W for m, W in zip(MODALITIES, towers, strict=True))
        return Paired(image.astype(np.float32), text.astype(np.float32), pairs.labels)

    return Dataset(data.name, common(data.train), common(data.query), common(data.database), data.split)


@pytest.mark.parametrize("name", METHODS.builtin)
def test_keeps_the_contract(name, toy):
    check_method(Recipe.parse(RECIPES[name]).method, bits=BITS, data=same_width(toy) if name == "clip" else toy)


@pytest.mark.parametrize("name", METHODS.builtin)
def test_learns_the_same_from_files_that_it_reads_in_blocks(name, toy, tmp_path, monkeypatch):
    train = (same_width(toy) if name == "clip" else toy).train[:200]
    for modality in MODALITIES:
        np.save(tmp_path / f"{modality}.npy", train.of(modality))
    monkeypatch.setattr(rows, "COPIED", 0)
    monkeypatch.setattr(rows, "WHOLE", 1000)
    monkeypatch.setattr(rows, "BLOCK", 1000)
    image, text = (np.load(tmp_path / f"{modality}.npy", mmap_mode="r") for modality in MODALITIES)
    filed = Paired(image, text, train.labels, train.item)
    assert isinstance(filed.image, rows.Rows)
    recipe = Recipe.parse(RECIPES[name])
    one, other = (recipe.fit(pairs, BITS // 2, seed=1) for pairs in (train, filed))
    for modality, x in (("image", filed.image), ("text", filed.text)):
        assert one.embed(train.of(modality), modality).tobytes() == other.embed(x, modality).tobytes()


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


@pytest.mark.parametrize("name", ["cca", "cfrh", "dgcpn", "lcmh", "scm"])
def test_what_compares_features_refuses_pixels_and_the_ids_of_words(toy, name):
    few = toy.train[:100]
    pixels = Paired(np.zeros((100, 8, 8, 3), np.uint8), few.text, few.labels)
    words = Paired(few.image, np.ones((100, 7), np.int32), few.labels)
    with pytest.raises(InputError, match="compares features, not pixels; take some, as in"):
        Recipe.parse(name).fit(pixels, 4)
    with pytest.raises(InputError, match=r"compares features, not items of shape \(7,\) and type int32"):
        Recipe.parse(name).fit(words, 4)
