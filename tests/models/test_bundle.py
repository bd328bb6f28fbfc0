"""Bundles: what was saved is what is loaded, and what was changed is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from crossbit.data.pairs import MODALITIES
from crossbit.data.splits import Split
from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin
from crossbit.models.saved import SavedModel


@pytest.fixture(scope="module")
def bundle(tiny_scenes):
    made = featurise(tiny_scenes, "hog|pca16", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    encoder = recipe.fit(made.dataset.train, 12)
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    return Bundle(encoder, made.pipelines, made.dataset.split, origin)


@pytest.fixture
def saved(bundle, tmp_path):
    bundle.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_loaded_bundle_gives_the_same_codes(bundle, saved, tiny_scenes):
    loaded = Bundle.load(saved)
    raws = {"image": list(tiny_scenes.images[:5]), "text": ["a red circle", "two blue squares", ""[:0] or "star"]}
    for modality in MODALITIES:
        ours, theirs = (b.encode(raws[modality], modality) for b in (bundle, loaded))
        assert (ours.packed == theirs.packed).all()
    assert loaded.origin == bundle.origin
    assert loaded.split == bundle.split


def test_no_file_of_a_bundle_is_a_pickle(saved):
    names = {path.suffix for path in saved.rglob("*") if path.is_file()}
    assert names <= {".json", ".safetensors", ".npy"}


def test_saving_again_replaces_the_model(bundle, saved):
    (saved.parent / "model.old").mkdir()
    bundle.save(saved)
    (saved.parent / "model.old").rmdir()
    assert Bundle.load(saved).split == bundle.split
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_folder_that_is_no_model_is_left_alone(bundle, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(InputError, match="exists and is not a model"):
        bundle.save(tmp_path / "letters")
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"
    with pytest.raises(InputError, match="exists and is not a model"):
        bundle.save(tmp_path / "letters" / "dear.txt")


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "bundle.json").unlink(), "has no bundle.json; `crossbit fit` writes one"),
        (lambda f: (f / "bundle.json").write_text("{"), "is damaged.*refit"),
        (lambda f: change(f / "bundle.json", format=99), "format 99, this crossbit .* reads format 1"),
        (lambda f: (f / "weights.safetensors").write_bytes(b"x"), "checksum differs"),
        (lambda f: (f / "weights.safetensors").unlink(), "lacks weights.safetensors; copy the model again or refit it"),
        (lambda f: (f / "split.json").unlink(), "lacks split.json"),
        (lambda f: (f / "text" / "steps.safetensors").unlink(), "lacks text/steps.safetensors"),
        (lambda f: (f / "bundle.json").write_text("[" * 100_000), "is damaged.*Recursion"),
        (lambda f: change(f / "bundle.json", split=3), "is damaged: it does not say split"),
        (lambda f: change(f / "bundle.json", weights_sha256=None), "does not say weights_sha256"),
        (lambda f: change(f / "bundle.json", features={"image": "hog"}), "does not say its split or features"),
        (lambda f: change(f / "bundle.json", encoder={"space": "hamming"}), "does not describe its weights"),
        (
            lambda f: change(f / "bundle.json", features={"image": "onnx", "text": "bow"}),
            r"fitted on onnx, but the saved pipeline is hog\|pca16 [0-9a-f]{64}; restore the folder image/",
        ),
        (lambda f: Split("other", ("a",), ("b",), ("a",)).save(f / "split.json"), "not the split that the model"),
    ],
)
def test_a_damaged_bundle_is_refused(saved, damage, message):
    damage(saved)
    with pytest.raises(InputError, match=message):
        Bundle.load(saved)


def test_a_pipeline_of_the_same_spec_that_learned_elsewhere_is_refused(saved, tiny_scenes):
    ids = tiny_scenes.ids
    other = replace(tiny_scenes, split=Split("other", ids[20:50], ids[:10], ids[20:]))
    featurise(other, "hog|pca16", "bow").image.save(saved / "image")
    with pytest.raises(InputError, match="the image tower was fitted on hog"):
        Bundle.load(saved)


def test_queries_that_trained_the_model_are_refused(bundle):
    train = bundle.split.train
    with pytest.raises(InputError, match=r"1 of the 1 queries of split 'mine' were in this model's training"):
        bundle.refuse_leak(Split("mine", train[1:], train[:1], train[1:]))
    bundle.refuse_leak(bundle.split)


def test_one_item_alone_gets_the_code_it_gets_among_others(bundle, tiny_scenes):
    pictures = [tiny_scenes.images[i] for i in range(7)]
    together = bundle.encode(pictures, "image").packed
    assert (np.concatenate([bundle.encode([p], "image").packed for p in pictures]) == together).all()


def test_of_a_saved_model_only_what_is_used_is_read(tmp_path, tiny_scenes, monkeypatch):
    made = featurise(tiny_scenes, "hog", "bow")
    encoder = Recipe.parse("cca(ridge=0.1)+itq").fit(made.dataset.train, 8)
    bundle = Bundle(encoder, made.pipelines, made.dataset.split, Origin("cca+itq", {}, 0, "scenes"))
    bundle.save(tmp_path / "model")
    (tmp_path / "model" / "image" / "steps.safetensors").write_bytes(b"damaged")
    (tmp_path / "model" / "split.json").write_text("damaged")
    saved = SavedModel(tmp_path / "model")
    features = saved.pipelines["text"](["a red circle"])
    assert (saved.embed(features, "text") == bundle.embed(features, "text")).all()
    assert (saved.dim, saved.captions) == (8, "join")
    for read in (lambda: saved.pipelines["image"], saved.split, lambda: Bundle.load(tmp_path / "model")):
        with pytest.raises(InputError, match=r"damaged|not a split file"):
            read()
