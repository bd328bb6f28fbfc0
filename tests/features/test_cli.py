"""`crossbit features` and `crossbit extract`."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.sparse import load_npz
from typer.testing import CliRunner

from crossbit.cli import app
from crossbit.data.splits import Split
from crossbit.errors import InputError
from crossbit.features import EXTRACTORS, Pipeline, extractor_class
from crossbit.features.export import every_pair


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_every_extractor_is_listed_and_shown():
    assert [row["extractor"] for row in json.loads(run("features", "list", "--json"))] == list(EXTRACTORS)
    assert "bow" in run("features", "list")
    for name in EXTRACTORS.builtin:
        shown = json.loads(run("features", "show", name, "--json"))
        fields = {field.name for field in dataclasses.fields(extractor_class(name))} - {"modality"}
        assert shown["options"].keys() == fields
        assert all(f"  {field} = " in run("features", "show", name) for field in fields)
    with pytest.raises(InputError, match="no feature extractor 'vgg'"):
        run("features", "show", "vgg")


@pytest.fixture
def toy(make_corpus, monkeypatch):
    corpus = make_corpus()
    monkeypatch.setattr("crossbit.evaluation.setup.load", lambda name, data_dir=None, **_: corpus)
    return corpus


def test_extract_writes_what_other_tools_read(toy, tmp_path, pixels):
    out, cache = tmp_path / "out", tmp_path / "cache"
    spec = "image=hog|pca3,text=bow(min_count=1)"
    facts = json.loads(run("extract", "-d", "toy", "-f", spec, "-o", out, "--cache", cache, "--json"))
    assert (facts["rows"], facts["items"], facts["failures"]) == (12, 12, [])
    assert json.loads((out / "ids.json").read_text()) == list(toy.ids)
    assert Split.load(out / "split.json") == toy.split
    assert (np.load(out / "labels.npy") == toy.labels).all()
    image, text = (Pipeline.load(out / "pipelines" / modality) for modality in ("image", "text"))
    assert np.load(out / "image.npy").tobytes() == image(pixels).tobytes()
    assert (load_npz(out / "text.npz") != text([" ".join(t) for t in toy.texts])).nnz == 0
    assert facts["text"] == {"file": "text.npz", "width": text.width, "spec": "bow(min_count=1)"}


def test_extract_again_leaves_no_file_of_another_extractor(toy, tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    run("extract", "-d", "toy", "-f", "image=hog,text=bow(min_count=1)", "-o", out, "--cache", cache)
    printed = run("extract", "-d", "toy", "-f", "image=hog,text=bow(min_count=1)|centre", "-o", out, "--cache", cache)
    assert "12 items of split toy, 0 skipped" in printed
    assert (out / "text.npy").exists()
    assert not (out / "text.npz").exists()


def test_extract_refuses_a_folder_of_something_else(toy, tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    words = ("extract", "-d", "toy", "-o", out, "--cache", cache)
    out.mkdir()
    run(*words)
    (out / "note.txt").write_text("mine")
    for folder, name in ((out, "note.txt"), (tmp_path / "model", "bundle.json"), (tmp_path / "own", "split.json")):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with pytest.raises(InputError, match=f"{folder.name} exists and is not a folder of extracted features; choose"):
            run(*words[:4], folder, "--cache", cache)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match=r"note\.txt exists and is not"):
        run(*words[:4], out / "note.txt", "--cache", cache)


def test_a_failed_extract_keeps_the_earlier_one(toy, tmp_path, monkeypatch):
    words = ("extract", "-d", "toy", "-o", tmp_path / "out", "--cache", tmp_path / "cache")
    run(*words)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def failing(self, folder):
        raise RuntimeError("killed")

    monkeypatch.setattr(Pipeline, "save", failing)
    with pytest.raises(RuntimeError, match="killed"):
        run(*words, "-f", "image=pixels(size=8),text=bow")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out"]


def test_extract_counts_and_names_what_it_leaves_out(toy, tmp_path):
    toy.images[4].write_bytes(b"")
    words = ("extract", "-d", "toy", "-o", tmp_path / "out", "--cache", tmp_path / "cache")
    with pytest.raises(InputError, match="the image of i4 cannot be used"):
        run(*words)
    facts = json.loads(run(*words, "--on-error", "skip", "--json"))
    assert facts["failures"] == [{"id": "i4", "modality": "image", "reason": "the file is empty (0 bytes)"}]
    assert (facts["items"], facts["split"]) == (11, "toy-without-1")


def test_every_caption_becomes_a_row(toy, tmp_path):
    words = ("extract", "-d", "toy", "-o", tmp_path / "out", "--cache", tmp_path / "cache", "--captions", "each")
    assert json.loads(run(*words, "--json"))["rows"] == 24
    assert json.loads((tmp_path / "out" / "ids.json").read_text())[:4] == ["i0", "i0", "i1", "i1"]


def test_pairs_in_several_parts_count_once(make_corpus):
    from crossbit.features import featurise

    made = featurise(make_corpus(), "hog", "bow(min_count=1)", captions="each")
    assert every_pair(made.dataset).item.tolist() == [n for n in range(12) for _ in range(2)]
