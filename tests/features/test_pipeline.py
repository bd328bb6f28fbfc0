"""Specs and pipelines: the grammar, the round trip through a folder, damage refused."""

import json

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.features import EXTRACTORS, Pipeline, extractor_class, featurise
from crossbit.features.matrix import dense


def test_the_table_names_every_extractor_by_its_own_name():
    for name in EXTRACTORS.builtin:
        cls = extractor_class(name)
        assert cls.name == name
        assert cls.__doc__
        assert cls.modalities


def test_a_spec_is_an_extractor_with_options_and_steps(tiny_onnx):
    pipeline = Pipeline.parse(f"onnx(model={tiny_onnx},size=32) | pca3|l2", "image")
    assert (pipeline.extractor.size, pipeline.extractor.model) == (32, tiny_onnx)
    assert [type(step).__name__ for step in pipeline.steps] == ["Pca", "L2"]
    assert Pipeline.parse("onnx", "image", {"model": tiny_onnx, "size": 32}).extractor == pipeline.extractor


@pytest.mark.parametrize(
    ("spec", "modality", "reason"),
    [
        ("vgg", "image", "no feature extractor 'vgg'; there are bow"),
        ("bow", "image", "bow reads text, not image; image has .*hog"),
        ("hog", "text", "hog reads image, not text; text has bow"),
        ("hog(", "image", "cannot read"),
        ("hog(sise=3)", "image", "Hog has no sise; it has"),
        ("hog(size=big)", "image", "must be of type int"),
        ("hog|pca", "image", "there is no step 'pca'"),
        ("hog|", "image", "there is no step ''"),
        ("bow(tokens=lines)", "text", "must be one of 'words', 'spaces'"),
        ("onnx(mean=1/2)", "image", "must be three numbers as in 0.5/0.5/0.5"),
        ("", "image", "cannot read"),
    ],
)
def test_malformed_specs_are_refused(spec, modality, reason):
    with pytest.raises(InputError, match=reason):
        Pipeline.parse(spec, modality)


@pytest.fixture
def fitted(make_corpus, tiny_onnx):
    made = featurise(make_corpus(), f"onnx(model={tiny_onnx},size=32)|centre|pca3|l2", "bow(min_count=1)|l2")
    return made.image, made.text


def test_a_pipeline_survives_its_folder(fitted, tmp_path, pixels):
    raws = {"image": pixels, "text": ["a red dog", "the sky"]}
    for pipeline in fitted:
        pipeline.save(tmp_path / pipeline.modality)
        loaded = Pipeline.load(tmp_path / pipeline.modality)
        assert (loaded.spec, loaded.width, loaded.fingerprint) == (pipeline.spec, pipeline.width, pipeline.fingerprint)
        before, after = pipeline(raws[pipeline.modality]), loaded(raws[pipeline.modality])
        assert dense(before).tobytes() == dense(after).tobytes()


def test_a_saved_pipeline_moves_without_the_model_it_came_from(fitted, tmp_path, pixels):
    fitted[0].save(tmp_path / "a")
    moved = (tmp_path / "a").rename(tmp_path / "b")
    assert Pipeline.load(moved).extractor.model == moved / "model.onnx"
    Pipeline.load(moved).save(moved)  # over itself
    assert Pipeline.load(moved)(pixels).tobytes() == fitted[0](pixels).tobytes()


def test_an_item_alone_is_the_item_among_others(fitted, pixels):
    together = fitted[0](pixels)
    for row in range(12):
        assert fitted[0]([pixels[row]]).tobytes() == together[row : row + 1].tobytes()


def test_an_unfitted_pipeline_is_refused(pixels):
    with pytest.raises(InputError, match="hog is not fitted yet"):
        Pipeline.parse("hog", "image")(pixels)


def edited(folder, **changes):
    state = json.loads((folder / "pipeline.json").read_text())
    (folder / "pipeline.json").write_text(json.dumps(state | changes))


def test_damage_to_a_saved_pipeline_is_refused(fitted, tmp_path):
    def saved(name):
        fitted[0].save(tmp_path / name)
        return tmp_path / name

    (saved("a") / "pipeline.json").write_text("{}")
    edited(saved("b"), width=4)
    (saved("c") / "steps.safetensors").write_bytes(b"damaged")
    with (saved("d") / "model.onnx").open("ab") as file:
        file.write(b"\0")
    arrays = (saved("e") / "steps.safetensors").read_bytes()
    (tmp_path / "e" / "steps.safetensors").write_bytes(arrays[:-1] + bytes([arrays[-1] ^ 1]))
    (saved("f") / "model.onnx").unlink()
    for name, reason in {
        "a": "is not a saved pipeline",
        "b": "does not match its fingerprint",
        "c": "is damaged",
        "d": "is not the one that the model was fitted with",
        "e": "does not match its fingerprint",
    }.items():
        with pytest.raises(InputError, match=reason):
            Pipeline.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Pipeline.load(tmp_path / "f")


def test_a_saved_pipeline_cannot_reach_outside_its_folder(fitted, tmp_path):
    secret = tmp_path / "secret.onnx"
    secret.write_bytes(fitted[0].extractor.model.read_bytes())
    fitted[0].save(tmp_path / "a")
    state = json.loads((tmp_path / "a" / "pipeline.json").read_text())["extractor"]
    edited(tmp_path / "a", extractor=state | {"files": {"model": "../secret.onnx"}})
    with pytest.raises(FileNotFoundError):
        Pipeline.load(tmp_path / "a")


def test_fingerprints_tell_pipelines_apart(fitted):
    image, text = fitted
    assert image.fingerprint != text.fingerprint
    assert image.fit(np.random.default_rng(1).normal(size=(9, 7)).astype(np.float32)).fingerprint != image.fingerprint
