"""Pixels as features: the central square in bytes, kept like any other features, and trained on without steps."""

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.features import Pipeline, extraction, featurise
from crossbit.features.extraction import extract
from crossbit.features.extractors.pixels import Pixels
from crossbit.features.raw import centre_square, open_picture


def test_a_picture_becomes_its_central_square_in_bytes(pixels):
    rows = Pixels(size=32)(pixels)
    assert (rows.shape, rows.dtype) == ((12, 32, 32, 3), np.uint8)
    assert (rows[3] == centre_square(open_picture(pixels[3]), 32, 32)).all()
    assert Pixels()(pixels[:1]).shape == (1, 128, 128, 3)


def test_what_lies_beside_the_square_is_cut_off():
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 16:32] = (10, 200, 30)
    assert (Pixels(size=16)([wide]) == (10, 200, 30)).all()


@pytest.mark.parametrize("size", [7, 0, -1, 1025])
def test_a_size_that_makes_no_picture_is_refused(size):
    with pytest.raises(InputError, match=f"8 to 1024 pixels, not size={size}"):
        Pixels(size=size)


@pytest.mark.parametrize("spec", ["pixels|pca4", "pixels(size=32) | l2"])
def test_no_step_may_follow(spec):
    with pytest.raises(InputError, match=r"gives no vectors, and no step may follow it; write pixels"):
        Pipeline.parse(spec, "image")


def test_they_are_kept_on_disk_as_bytes(pixels, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "SHARD", 5)
    names = [f"p{n}" for n in range(12)]
    first = extract(Pixels(size=16), pixels, names, cache=tmp_path)
    again = extract(Pixels(size=16), pixels, names, cache=tmp_path)
    assert (first.computed, again.computed) == (12, 0)
    assert again.features.dtype == np.uint8
    assert (again.features == first.features).all()


def test_a_corpus_becomes_pairs_of_pixels_and_texts(make_corpus, pixels, tmp_path):
    made = featurise(make_corpus(), "pixels(size=16)", "bow(min_count=1)")
    assert made.dataset.train.image.shape == (6, 16, 16, 3)
    assert (made.dataset.train.image == Pixels(size=16)(pixels[:6])).all()
    made.image.save(tmp_path)
    loaded = Pipeline.load(tmp_path)
    assert loaded.fingerprint == made.image.fingerprint
    assert (loaded(pixels) == made.image(pixels)).all()
