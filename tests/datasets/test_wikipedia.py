"""Wikipedia: the official files, faked and real."""

import numpy as np
import pytest
from scipy.io import savemat

from crossbit.datasets import load
from crossbit.errors import InputError


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    rows = {"I_tr": (3, 4), "I_te": (2, 4), "T_tr": (3, 2), "T_te": (2, 2)}
    savemat(tmp_path / "raw_features.mat", {name: rng.random(shape) for name, shape in rows.items()})
    (tmp_path / "trainset_txt_img_cat.list").write_text("t1\ti1\t2\nt2\ti2\t1\nt3\ti3\t2\n")
    (tmp_path / "testset_txt_img_cat.list").write_text("t4\ti4\t1\nt5\ti5\t2\n")
    (tmp_path / "categories.list").write_text("art\nsport\n")
    return tmp_path


def test_the_files_become_a_corpus(folder):
    corpus = load("wikipedia", folder)
    assert corpus.ids == ("t1", "t2", "t3", "t4", "t5")
    assert corpus.labels.argmax(1).tolist() == [1, 0, 1, 0, 1]
    assert corpus.split.query == ("t4", "t5")
    assert corpus.split.train == corpus.split.database == ("t1", "t2", "t3")
    assert corpus.features["image"].shape == (5, 4)
    assert corpus.features["text"].shape == (5, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("testset_txt_img_cat.list", "t4\ti4\t1\n", "2 rows in the test part, but its list has 1 lines"),
        ("testset_txt_img_cat.list", "t4\ti4\t3\n", "a category of 1 to 2, between tabs, not 't4.ti4.t3'"),
        ("trainset_txt_img_cat.list", "t1 i1 1\n", "between tabs, not 't1 i1 1'"),
        (
            "raw_features.mat",
            "no MATLAB file, but a text of some length" * 9,
            "is no MATLAB file of version 5 to 7.3",
        ),
        ("categories.list", b"art\ncaf\xe9\n", r"categories.list: line 2 is not UTF-8 \(byte 0xe9\)"),
    ],
)
def test_damaged_files_are_refused(folder, name, content, message):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        load("wikipedia", folder)


def test_features_that_are_no_numbers_are_refused(folder):
    savemat(folder / "raw_features.mat", {"I_tr": np.full((3, 4), np.nan), "I_te": np.ones((2, 4))})
    with pytest.raises(InputError, match="3 of 5 rows hold NaN or infinity, the first is row 0"):
        load("wikipedia", folder)


@pytest.mark.data
def test_the_real_files(data_dir):
    corpus = load("wikipedia", data_dir)
    assert len(corpus) == 2866
    assert (len(corpus.split.query), len(corpus.split.train), len(corpus.split.database)) == (693, 2173, 2173)
    assert corpus.ids[0] == "b3150b0c281960b6a6d33407824fd40a-3"
    assert corpus.ids[-1] == "92aec0ba411203aa3a57aec94b108ed6-5.8"
    assert [corpus.classes[row.argmax()] for row in corpus.labels[[0, -1]]] == ["media", "geography"]
    assert corpus.features["image"].shape == (2866, 128)
    assert corpus.features["text"].shape == (2866, 10)
    assert corpus.split.sha256 == "34a88fc11d48658e292da1982284082331fa10e95440202ab05881e9d074cae7"
