"""`crossbit datasets`: the list, and what is shown of one."""

import json

import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from crossbit.cli.datasets import app
from crossbit.datasets import LOADERS, describe, load
from crossbit.errors import InputError
from crossbit.spec import parse_call


def run(*arguments):
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_holds_every_dataset():
    assert [row["dataset"] for row in json.loads(run("list", "--json"))] == list(LOADERS)
    assert "MIRFLICKR-25K" in run("list")


@pytest.mark.parametrize("name", LOADERS.builtin)
def test_every_dataset_can_be_shown(name):
    shown, info = run("show", name), describe(name)
    for part in (info.citation, info.terms, *info.sources, *info.layout.splitlines(), "Options:", "Found:"):
        assert part in shown


def test_what_was_found_is_told(tmp_path):
    (tmp_path / "captions.csv").write_text("image,text\n" + "".join(f"{n}.png,one\n{n}.png,two\n" for n in range(4)))
    for n in range(4):
        (tmp_path / f"{n}.png").touch()
    found = json.loads(run("show", "folder(query=2)", "--data-dir", str(tmp_path), "--json"))["found"]
    assert (found["pairs"], found["texts"], found["classes"], found["query"], found["train"]) == (4, 8, 0, 2, 2)
    assert found["instance"]
    assert len(found["sha256"]) == 64


def test_what_is_missing_is_told(tmp_path):
    shown = json.loads(run("show", "wikipedia", "--data-dir", str(tmp_path), "--json"))
    assert f"categories.list is not in {tmp_path}" in shown["found"]["nothing"]


def test_the_arrays_of_a_file_are_shown_with_the_dataset_to_try(tmp_path):
    split = {"train": np.arange(1, 41), "test": np.arange(41, 51)}
    data = {"X1": np.ones((50, 4)), "X2": np.ones((50, 3)), "Y": np.arange(50) % 3, "split": split}
    savemat(tmp_path / "wiki.mat", {"data": data, "names": np.array(["a", "b"], object)})
    shown = json.loads(run("show", "arrays", "--file", str(tmp_path / "wiki.mat"), "--json"))
    guesses = {row["array"]: row["guess"] for row in shown["arrays"]}
    named = {"data.X1": "image", "data.X2": "text", "data.Y": "labels", "names": "ids"}
    assert guesses == named | {"data.split.train": "index", "data.split.test": "index"}
    call = parse_call(shown["try"])
    assert call.options["query"] == "data.split.test"
    corpus = load(call.name, **call.options)
    assert [len(part) for part in (corpus.split.train, corpus.split.query)] == [40, 10]
    text = run("show", "arrays", "--file", str(tmp_path / "wiki.mat"))
    assert "50 x 4" in text
    assert f"Try: --dataset '{shown['try']}'" in text
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    assert "3 x 2" in run("show", "arrays", "--file", str(tmp_path / "x.npy"))
    with pytest.raises(InputError, match="--file shows arrays, not coco: crossbit datasets show arrays --file"):
        run("show", "coco", "--file", str(tmp_path / "x.npy"))


def test_only_parts_of_one_thing_are_suggested_as_blocks(tmp_path):
    x = np.ones((6, 4))
    names = {"image": x, "image_norm": x, "text_tr": x, "text_te": x, "lab": x, "labels": x}
    savemat(tmp_path / "a.mat", names | {"test_idx": np.arange(3), "test": np.arange(3)})
    shown = json.loads(run("show", "arrays", "--file", str(tmp_path / "a.mat"), "--json"))
    wanted = {"image": "image", "text": "text_tr+text_te", "labels": "lab", "query": "test_idx"}
    assert parse_call(shown["try"]).options == {"file": str(tmp_path / "a.mat"), **wanted}


def test_a_file_is_shown_from_the_data_folder_or_from_here(tmp_path, monkeypatch):
    (tmp_path / "data" / "arrays").mkdir(parents=True)
    np.save(tmp_path / "data" / "arrays" / "x.npy", np.ones((3, 2)))
    np.save(tmp_path / "y.npy", np.ones((5, 2)))
    monkeypatch.chdir(tmp_path)
    assert "3 x 2" in run("show", "arrays", "--data-dir", "data", "--file", "x.npy")
    assert "5 x 2" in run("show", "arrays", "--data-dir", "data", "--file", "y.npy")
    with pytest.raises(InputError, match=r"there is no file data/arrays/z\.npy, nor z\.npy here"):
        run("show", "arrays", "--data-dir", "data", "--file", "z.npy")


def test_unknown_names_and_options_are_refused():
    with pytest.raises(InputError, match="no dataset 'imagenet'"):
        run("show", "imagenet")
    with pytest.raises(InputError, match="Coco has no anotations; it has annotations, missing"):
        run("show", "coco(anotations=official)")
