"""Checks every annotated shape while the tests run, and holds what several test files share."""

import os
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook

with install_import_hook("crossbit", "beartype.beartype"):
    import crossbit.codes
    import crossbit.data  # noqa: F401


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets; its tests are marked `data` and skipped, aloud, without it."""
    folder = Path(os.environ.get("CROSSBIT_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found: CROSSBIT_DATA={folder} is no folder")
    return folder
