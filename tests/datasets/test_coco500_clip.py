"""500 pairs of COCO in CLIP's space, faked and real, and what zero-shot retrieval scores on them."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from crossbit.datasets import load
from crossbit.errors import InputError

SCRIPT = Path(__file__).parents[2] / "tools" / "docs" / "zero_shot.py"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    image, text = (rng.normal(size=(12, 4)).astype(np.float32) + 2 for _ in range(2))
    labels = rng.random((12, 3)) < 0.5
    labels[:, 0] |= ~labels.any(axis=1)
    labels[5] = False
    captions = np.array([f"a picture {n}" for n in range(12)])
    (tmp_path / "coco500_clip").mkdir()
    path = tmp_path / "coco500_clip" / "coco500_clip_vitb16.npz"
    np.savez(path, image=image, text=text, labels=labels, image_id=np.arange(100, 112), caption=captions)
    return tmp_path


def test_the_three_tasks(folder):
    corpus = load("coco500-clip", folder, query=3)
    assert corpus.ids[0] == "100"
    assert corpus.texts[2] == ("a picture 2",)
    assert [len(p) for p in (corpus.split.query, corpus.split.train, corpus.split.database)] == [3, 8, 8]
    assert "105" not in {*corpus.split.query, *corpus.split.database}
    assert load("coco500-clip", folder, task="captions", query=4).split.instance
    zero = load("coco500-clip", folder, task="zero-shot").split
    assert (zero.train, len(zero.query), zero.instance) == (("105",), 11, True)


def test_centring_is_over_all_pairs(folder):
    plain, centred = (load("coco500-clip", folder, query=3, centred=c).features["text"] for c in (False, True))
    off = plain - plain.mean(0)
    assert np.allclose(centred, off / np.linalg.norm(off, axis=1)[:, None])


def test_zero_shot_needs_a_pair_without_a_class(folder):
    path = folder / "coco500_clip" / "coco500_clip_vitb16.npz"
    arrays = {**np.load(path)}
    arrays["labels"][5] = True
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="every pair has a class, and zero-shot needs one without"):
        load("coco500-clip", folder, task="zero-shot")


@pytest.mark.data
def test_zero_shot_scores_of_the_real_embeddings(data_dir, crossbit_cli):
    rows = runpy.run_path(str(SCRIPT))["rows"](data_dir)
    assert [round(row["MAP"], 4) for row in rows] == [0.7305, 0.7398, 0.7470, 0.7438]
    recalls = [[round(row[f"R@{k}"], 3) for k in (1, 5, 10)] for row in rows[:2]]
    # by dot product R@5 of texts is 0.764: the rows are of unit length up to 1e-3, which turns one near tie
    assert recalls == [[0.552, 0.808, 0.892], [0.506, 0.766, 0.862]]
    for options, wanted in (("", [0.7305, 0.7398]), (",centred=true", [0.7470, 0.7438])):
        dataset = f"coco500-clip(task=zero-shot{options})"
        words = ("compare", "clip", "--dataset", dataset, "--data-dir", data_dir, "--bits", "512", "--measure", "MAP")
        found = json.loads(crossbit_cli(*words, "--json").out)["results"]
        assert [round(row["value"], 4) for row in found] == wanted
