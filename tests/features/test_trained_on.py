"""The record of what a model was trained on: by content, in whatever form a picture or a text comes again."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from crossbit import fit, load_model
from crossbit.errors import InputError
from crossbit.features.raw import content_of
from crossbit.features.trained_on import TrainedOn, text_key


def key(text):
    return hashlib.sha256(text.encode()).digest()


def test_a_fitted_model_knows_its_training_pictures_and_texts_and_no_others(tiny_scenes, tmp_path):
    fit("cca(ridge=0.1)+itq", tiny_scenes, 8, features={"image": "hog|pca16"}).save(tmp_path / "model")
    known = load_model(tmp_path / "model").trained_on
    train = {*tiny_scenes.rows(tiny_scenes.split.train).tolist()}
    pictures = [bytes.fromhex(content_of(tiny_scenes.images[row])) for row in range(len(tiny_scenes))]
    assert known.has("image", pictures).tolist() == [row in train for row in range(len(tiny_scenes))]
    texts = [text_key(tiny_scenes.texts[row][0]) for row in sorted(train)]
    assert known.has("text", texts).all()
    assert known.has("text", [text_key("no such text"), key("neither")]).tolist() == [False, False]


def test_the_same_text_is_known_whatever_its_white_space_and_form():
    known = TrainedOn.of(None, [("a  café\n",)], np.array([0]))
    assert known.has("text", [text_key("a cafe\u0301"), text_key("a cafe")]).tolist() == [True, False]
    assert not known.has("image", [key("x")]).any()
    assert "image" not in known.hashes


def test_a_picture_is_its_file_and_one_that_is_gone_has_trained_nothing(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    known = TrainedOn.of([tmp_path / "a.png", tmp_path / "gone.png"], None, np.array([0, 1]))
    assert len(known.hashes["image"]) == 1
    assert known.has("image", [bytes.fromhex(content_of(tmp_path / "a.png"))]).all()


def test_what_was_saved_is_loaded_and_what_has_changed_is_refused(tmp_path):
    stated = TrainedOn.of(None, [("red",), ("blue",)], np.array([0, 1])).save(tmp_path)
    assert len(TrainedOn.load(tmp_path, stated).hashes["text"]) == 2
    assert TrainedOn.load(tmp_path, {}).hashes == {}
    assert TrainedOn().save(tmp_path) == {}
    path = tmp_path / "trained_on" / "text.npy"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="is missing or has changed; copy the model again or refit it"):
        TrainedOn.load(tmp_path, stated)
    with pytest.raises(InputError, match=r"cannot be read as \.npy"):
        TrainedOn.load(tmp_path, stated_again(path))
    np.save(path, np.zeros((2, 2)))
    with pytest.raises(InputError, match="does not hold hashes"):
        TrainedOn.load(tmp_path, stated_again(path))


def stated_again(path):
    return {"trained_on": {"text": hashlib.sha256(path.read_bytes()).hexdigest()}}
