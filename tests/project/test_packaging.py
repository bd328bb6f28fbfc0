"""The package as others get it: lower bounds, the wheel's types, and systems on which it refuses to start."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Not tested at the lowest version: constraints-min.txt says which torch is; OpenCLIP needs a torchvision that fits.
OTHERWISE = {"torch", "open-clip-torch"}

RIGHT = """
from pathlib import Path

import numpy as np

import crossbit


def learn(folder: str) -> float:
    model = crossbit.fit("cca+itq", "scenes", bits=64)
    model.save(Path(folder))
    return crossbit.evaluate(crossbit.load_model(folder), "scenes").mean("MAP", "image->text")


def nearest(signs: np.ndarray) -> int:
    codes = crossbit.Codes.from_signs(signs)
    return int(crossbit.hamming(codes, codes).min())


def find(folder: str) -> list[str]:
    with crossbit.Collection(Path(folder)) as collection:
        return [hit.item.id for hit in collection.search(crossbit.text("red shoes")).hits]


def chosen() -> tuple[crossbit.Recipe, crossbit.Measure]:
    return crossbit.Recipe.parse("cca+itq"), crossbit.Measure.parse("MAP@50")
"""
WRONG = """
import crossbit

crossbit.fit(64, "scenes")
crossbit.load_model(1).nothing
crossbit.no_such_name
"""


def requirements():
    """Return every direct dependency and its lower bound, extras included."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return dict(line.split(">=") for lines in lists for line in lines if not line.startswith("crossbit["))


def test_the_lowest_versions_are_those_of_pyproject():
    lines = (ROOT / "constraints-min.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert lowest.keys() == requirements().keys() - {"open-clip-torch"}
    assert {name: lowest[name] for name in lowest.keys() - OTHERWISE} == {
        name: bound for name, bound in requirements().items() if name not in OTHERWISE
    }


def test_windows_is_refused_in_words():
    program = "import logging, importlib, sys; sys.platform = 'win32'; import crossbit"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "ImportError: crossbit does not run on Windows" in ended.stderr


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return a folder with an environment that has the built wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv").glob("lib/*/site-packages")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(dependencies))
    return folder


def checked(folder, source):
    """Return what mypy's strict check says of a program that uses the installed wheel."""
    (folder / "consumer.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", "venv/bin/python", "consumer.py"]
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MYPYPATH"}}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_wheel_is_typed(elsewhere):
    assert "Success: no issues found" in checked(elsewhere, RIGHT)


@pytest.mark.slow
def test_mypy_sees_a_wrong_use_of_the_wheel(elsewhere):
    found = [line.partition("[")[2] for line in checked(elsewhere, WRONG).splitlines() if "error:" in line]
    assert found == ["arg-type]", "attr-defined]", "arg-type]", "attr-defined]"]
