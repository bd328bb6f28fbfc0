"""The plug-in, installed: its names are found, it keeps crossbit's contracts, and its models can be opened again."""

import json
import subprocess
import sys

import numpy as np
import pytest
from crossbit_plugin.extractor import Colours
from crossbit_plugin.index import Selection
from crossbit_plugin.method import TwoStep

import crossbit
from crossbit.indexes import build
from crossbit.methods import METHODS
from crossbit.testing import check_extractor, check_index, check_method

FLAGS = "plugin-flags(size=120)"


def command(*words):
    return subprocess.run([sys.executable, "-m", "crossbit", *words], capture_output=True, text=True, check=False)


def test_the_method_keeps_the_contract():
    check_method(TwoStep())


def test_the_extractor_keeps_the_contract():
    rng = np.random.default_rng(0)
    check_extractor(Colours(), [rng.integers(0, 256, (20, 30, 3)).astype(np.uint8) for _ in range(5)])


def test_the_index_keeps_the_contract():
    check_index(Selection)
    assert isinstance(build("plugin-selection", crossbit.Codes.from_bits(np.eye(8, dtype=bool))), Selection)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("methods", "plugin-method"), ("features", "plugin-colours"), ("datasets", "plugin-flags")],
)
def test_names_are_listed(kind, name):
    assert name in command(kind, "list", "--json").stdout


def test_the_package_of_a_name_is_known():
    assert METHODS.distribution("plugin-method") == "crossbit-plugin"
    assert METHODS["plugin-method"] is TwoStep


def test_it_is_compared_by_name(tmp_path):
    ledger = ("--ledger", str(tmp_path / "runs.jsonl"))
    ended = command("compare", "plugin-method,cca+itq", "--dataset", "scenes(train=60,database=80,query=20)",
                    "--bits", "8", *ledger, "--json")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)["results"]
    assert {result["method"] for result in results} == {"plugin-method", "cca+itq"}


def test_a_model_of_it_is_saved_and_opened(tmp_path):
    model = crossbit.fit("plugin-method", FLAGS, bits=16, features={"image": "plugin-colours"})
    model.save(tmp_path / "model")
    found = crossbit.evaluate(tmp_path / "model", FLAGS, ["MAP"])
    assert found.mean("MAP", "text->image") > 0.8


def test_a_model_without_the_package_says_what_to_install(tmp_path):
    crossbit.fit("plugin-method", FLAGS, bits=16, features={"image": "plugin-colours"}).save(tmp_path / "model")
    program = (
        "import importlib.metadata as m; found = m.entry_points;"
        "m.entry_points = lambda **how: [p for p in found(**how) if p.dist.name != 'crossbit-plugin'];"
        f"import crossbit; crossbit.load_model({str(tmp_path / 'model')!r})"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install crossbit-plugin" in ended.stderr.splitlines()[-1]
