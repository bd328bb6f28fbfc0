"""The core: without the extras, codes are scored and a collection is searched; what needs an extra names it."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from crossbit.collection import Collection
from crossbit.collection.ingest.sources import dataset_of
from crossbit.errors import EXTRAS
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin

ROOT = Path(__file__).parents[2]
#: Runs the command line where the modules of the extras cannot be imported.
CORE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
blocked = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocked())
sys.argv = ["crossbit", *sys.argv[2:]]
from crossbit.cli import main
main()
"""
#: What typer imports where it is there; it is no sign of the server.
SHARED = {"pydantic"}


def core(*words):
    """Return the status, stdout and stderr of a command in an interpreter without the extras."""
    blocked = ",".join(sorted(EXTRAS.keys() - SHARED))
    command = [sys.executable, "-c", CORE, blocked, *map(str, words)]
    ended = subprocess.run(command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def folder(tiny_scenes, tmp_path_factory):
    """Return the folder of a small collection, whose model lies in it."""
    fitted = featurise(tiny_scenes, "hog|pca16", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    folder = tmp_path_factory.mktemp("core")
    bundle = Bundle(recipe.fit(fitted.dataset.train, 16), fitted.pipelines, fitted.dataset.split, origin)
    bundle.save(folder / "model")
    with Collection.create(folder / "shelf", folder / "model", vectors=True) as collection:
        collection.add(list(dataset_of(tiny_scenes)))
    return folder / "shelf"


def test_codes_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    for side, rows in {"query": 20, "database": 300}.items():
        np.save(tmp_path / f"{side}-codes.npy", rng.integers(0, 2, (rows, 32), np.int8))
        np.save(tmp_path / f"{side}-labels.npy", rng.integers(0, 5, rows))
    files = [
        word
        for name in ("query-codes", "database-codes", "query-labels", "database-labels")
        for word in (f"--{name}", tmp_path / f"{name}.npy")
    ]
    status, out, err = core("evaluate", "codes", *files)
    assert (status, "MAP" in out) == (0, True), err


@pytest.mark.parametrize(
    "words",
    [
        ("search", "COLLECTION", "--like", "000001"),
        ("search", "COLLECTION", "--like", "000001", "--in", "text", "--radius", "4"),
        ("index", "stats", "COLLECTION"),
        ("index", "verify", "COLLECTION"),
        ("index", "duplicates", "COLLECTION"),
        ("index", "calibrate", "COLLECTION"),
        ("tune", "COLLECTION"),
        ("datasets", "list"),
        ("protocols", "list"),
        ("features", "list"),
        ("features", "show", "hog"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_a_command_does_without_the_extras(folder, words):
    status, out, err = core(*(folder if word == "COLLECTION" else word for word in words))
    assert (status, bool(out), "Traceback" in err) == (0, True, False), err


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("train", ("search", "COLLECTION", "--text", "a red circle")),
        ("train", ("methods", "list")),
        ("train", ("fit", "cca+itq", "--dataset", "scenes", "--bits", "16", "--out", "model")),
        ("train", ("demo",)),
        ("tables", ("index", "export", "COLLECTION", "items.parquet")),
        ("serve", ("serve", "COLLECTION")),
    ],
)
def test_a_command_that_needs_an_extra_names_it(folder, tmp_path, monkeypatch, extra, words):
    monkeypatch.chdir(tmp_path)
    status, _, err = core(*(folder if word == "COLLECTION" else word for word in words))
    assert status == 2
    assert err.splitlines()[-1].endswith(f"needs: pip install 'crossbit[{extra}]'"), err
    assert "Traceback" not in err


def test_every_extra_of_the_table_is_in_pyproject_and_brings_its_module():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) == extras.keys() - {"all"}
    packages = packages_distributions()
    for module, extra in EXTRAS.items():
        named = {line.partition(">")[0] for line in extras[extra]}
        brought = module in {"starlette", "pydantic", "open_clip"}  # by fastapi; not installed here
        assert brought or any(
            package.lower().replace("_", "-") in {name.lower() for name in named} for package in packages[module]
        ), module
