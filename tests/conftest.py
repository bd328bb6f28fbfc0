"""Checks every annotated shape while the tests run, and holds what several test files share."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

with install_import_hook("crossbit", "beartype.beartype"):
    import crossbit.methods  # noqa: F401
    from crossbit.data.corpus import Corpus
    from crossbit.data.pairs import Dataset

torch.set_num_threads(1)  # several test processes share the cores, and the networks are tiny


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real datasets; its tests are marked `data` and skipped, aloud, without it."""
    folder = Path(os.environ.get("CROSSBIT_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found: CROSSBIT_DATA={folder} is no folder")
    return folder


@pytest.fixture(scope="session")
def toy() -> Dataset:
    """Eight classes, two noisy linear views: any working method beats chance on it."""
    from crossbit.testing.methods import toy_dataset

    return toy_dataset()


@pytest.fixture(scope="session")
def tiny_scenes() -> Corpus:
    """Sixty generated scenes, split 40 + 20: real pictures and captions, encoded in a second."""
    from crossbit.datasets import load

    return load("scenes", query=20, train=30, database=40)


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory) -> Path:
    """The folder of a tiny random CLIP."""
    from helpers import tiny_clip

    return tiny_clip.write(tmp_path_factory.mktemp("clip"))


class Ended(NamedTuple):
    """What a command left: its status, stdout and stderr."""

    status: int
    out: str
    err: str


@pytest.fixture
def crossbit_cli(monkeypatch, capsys):
    """Return a function that runs the command line in this process."""
    from crossbit.cli import main

    def run(*words) -> Ended:
        monkeypatch.setattr(sys, "argv", ["crossbit", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code or 0, *capsys.readouterr())

    return run
