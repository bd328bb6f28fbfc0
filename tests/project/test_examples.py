"""Every example runs as it stands, offline, and prints a result."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
PRINTED = {
    "compare_and_plot": r"scm +0\.\d+ .*\nfigure written to comparison\.png\n",
    "new_method": r"interbattery\(power=0\)\+itq, and its difference from cca\+itq\n",
    "own_arrays": r"classes of its 5 nearest images: \[8, 8, 8, 8, 8\]\n",
    "own_photos": r"a red circle: red-circle-\d\d\.png, red-circle-",
    "serve_collection": r"query: a purple circle\n1 \d+ .*(violet|purple) circle.*\n2 \d+ .*\n3 \d+ .*\nstopped\n",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_runs(script, tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", str(script)]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    assert re.search(PRINTED[script.stem], ended.stdout), ended.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_is_short_and_listed(script):
    source = script.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    assert ast.get_docstring(ast.parse(source))
    assert f"]({script.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
