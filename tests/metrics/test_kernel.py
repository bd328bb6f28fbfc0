"""The compiled loops: imported when they are needed, and compiled where numba finds no folder to cache them in."""

import os
import subprocess
import sys

PROGRAM = """
from numba.core import caching
caching.CacheImpl._locator_classes = caching.CacheImpl._locator_classes[:1]  # as where nothing else is writable
import numpy as np
from crossbit.metrics.kernel import shared
assert type(shared._cache).__name__ == "NullCache"
print(shared((np.uint64(0b1011),), np.array([[0b0110, 0b0011]], np.uint64), 1))
"""


def test_without_a_place_to_cache_the_loops_are_compiled_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache")}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stdout) == (0, "2\n"), ended.stderr


def test_metrics_are_imported_without_what_few_evaluations_need():
    code = "import sys, crossbit.metrics; print(*sorted({'numba', 'scipy', 'torch', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
