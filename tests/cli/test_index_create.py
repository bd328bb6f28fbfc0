"""`crossbit index create` of features: what none of can be used is refused, and nothing is left behind."""

import numpy as np
import pytest
from typer.testing import CliRunner

from crossbit import cli
from crossbit.errors import InputError

NAMES = "arrays(image=x.npy,text=t.npy,labels=y.npy)"


def run(*words):
    result = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    np.save(tmp_path / "y.npy", np.arange(30) % 3)
    for name, width in (("x", 12), ("t", 9)):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(30, width)))
    run("fit", "cca+itq", "-d", NAMES, "-b", "4", "-o", str(tmp_path / "model"), "--data-dir", str(tmp_path))
    return tmp_path


def create(folder):
    made = str(folder / "items")
    return run("index", "create", made, "-m", str(folder / "model"), "-d", NAMES, "--data-dir", str(folder))


def test_features_of_another_width_are_refused_before_anything_is_written(folder):
    np.save(folder / "x.npy", np.ones((30, 20)))
    with pytest.raises(InputError, match="its image features have 20 columns, and the model was fitted on 12"):
        create(folder)
    assert not (folder / "items").exists()


def test_a_dataset_without_a_usable_item_makes_no_collection(folder, monkeypatch):
    monkeypatch.setattr("crossbit.cli.index.items.refuse_widths", lambda *_: None)
    whole = np.load(folder / "x.npy")
    np.save(folder / "x.npy", np.ones((30, 20)))
    with pytest.raises(InputError, match="no item can be used; the first, 000000: image: precomputed image features"):
        create(folder)
    assert not (folder / "items").exists()
    np.save(folder / "x.npy", whole)
    assert "30 items" in create(folder)
    with pytest.raises(InputError, match="is a collection already"):
        create(folder)
    assert (folder / "items" / "items.db").exists()


def test_a_comparison_of_which_no_run_is_possible_is_an_error(folder, monkeypatch):
    monkeypatch.setattr("crossbit.evaluation.comparison.compare", lambda *_, **__: iter([InputError("too long")]))
    words = ("compare", "cca+itq", "-d", NAMES, "-b", "64", "--data-dir", str(folder))
    with pytest.raises(InputError, match="no run is possible"):
        run(*words, "--ledger", str(folder / "runs" / "c.jsonl"))
