"""`crossbit evaluate codes`: another code base's output scored in one line, without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.metrics import evaluate
from crossbit.metrics.conventions import CONVENTIONS

RUN = "import sys; from crossbit.cli import main\ntry: main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("codes")
    arrays = {
        "query-codes": np.sign(rng.normal(size=(30, 16))),
        "database-codes": rng.random((90, 16)) < 0.5,
        "query-labels": rng.integers(1, 4, 30),
        "database-labels": rng.integers(1, 4, 90),
    }
    words = []
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        words += [f"--{name}", str(folder / f"{name}.npy")]
    hot = [arrays[f"{side}-labels"][:, None] == [1, 2, 3] for side in ("query", "database")]
    codes = Codes.from_signs(arrays["query-codes"]), Codes.from_bits(arrays["database-codes"])
    return words, codes, hot


def run(*words):
    return subprocess.run([sys.executable, "-c", RUN, "evaluate", "codes", *words], capture_output=True, text=True)


def test_scores_as_json_without_torch(saved):
    words, codes, labels = saved
    ended = run(*words, "-m", "MAP", "-m", "MAP@5(over=hits)", "--task", "image->text", "--json")
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    means = evaluate(*codes, *labels, ["MAP", "MAP@5(over=hits)"]).means()
    assert {row["metric"]: row["value"] for row in rows} == pytest.approx(means)
    assert {row["task"] for row in rows} == {"image->text"}
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert ended.stderr.splitlines() == [
        "queries: 30 codes of 16 bits, given as -1/+1",
        "database: 90 codes of 16 bits, given as bool",
        "labels: class numbers, 3 classes",
        "evaluating: 30/30",
        "queries without a relevant item: 0 of 30",
        "False",
    ]


def test_all_conventions_side_by_side(saved):
    words, codes, labels = saved
    rows = json.loads(run(*words, "--conventions", "all", "--json").stdout)
    assert [row["convention"] for row in rows] == list(CONVENTIONS)
    for row in rows:
        convention = CONVENTIONS[row["convention"]]
        assert row["value"] == pytest.approx(convention.value(evaluate(*codes, *labels, [row["metric"]])))


def test_tables_for_people(saved):
    ended = run(*saved[0], "-m", "MAP", "--conventions", "dcmh,ucch")
    assert "query->database" in ended.stdout
    assert "dcmh" in ended.stdout


def test_a_measure_that_no_query_counts_for_has_no_interval(saved, tmp_path):
    np.save(tmp_path / "alone.npy", np.full(30, 9))
    words = [*saved[0], "--query-labels", str(tmp_path / "alone.npy"), "-m", "MAP", "-m", "MAP(unanswerable=zero)"]
    rows = json.loads(run(*words, "--json").stdout)
    assert [(row["value"], row["low"], row["high"]) for row in rows] == [(None, None, None), (0, 0, 0)]
    assert "–" in run(*words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--conventions", "mine"], "no convention 'mine'; there are acmr, calc-map-k-50, cfrh-5000, crossbit"),
        (["-m", "mAP"], "no measure 'mAP'"),
        (["--bits", "64"], "64-bit codes have 64 columns"),
    ],
)
def test_bad_options_end_with_a_message(saved, words, message):
    ended = run(*saved[0], *words)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_column_of_0_and_1_needs_a_form(saved, tmp_path):
    words = [*saved[0], "-m", "MAP", "--json"]
    for side, n in {"query": 30, "database": 90}.items():
        np.save(tmp_path / f"{side}.npy", np.arange(n)[:, None] % 2)
        words += [f"--{side}-labels", str(tmp_path / f"{side}.npy")]
    refused = run(*words)
    assert refused.returncode == 2
    assert "or numbers of two classes; choose --label-form flags or --label-form numbers" in refused.stderr
    said = {form: run(*words, "--label-form", form).stderr for form in ("flags", "numbers")}
    assert "labels: flags of one class\n" in said["flags"]
    assert "queries without a relevant item: 15 of 30" in said["flags"]
    assert "labels: class numbers, 2 classes\n" in said["numbers"]
    assert "queries without a relevant item: 0 of 30" in said["numbers"]
