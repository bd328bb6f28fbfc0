"""Benchmarks: their habit (turns, ratios, one table, one page), and that the quick search benchmark runs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return __import__("_bench")


@pytest.fixture
def page(bench):
    return __import__("report")


def test_contestants_take_turns_after_one_untimed_call(bench):
    calls = []
    seconds = bench.in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert "".join(calls) == "abababab"
    assert [len(values) for values in seconds.values()] == [3, 3]


def test_the_clock_runs_while_a_contestant_does(bench):
    seconds = bench.in_turns({"sleep": lambda: time.sleep(0.01), "nothing": lambda: None}, repeats=2)
    assert min(seconds["sleep"]) >= 0.01
    assert min(seconds["nothing"]) < 0.01  # the others may have been interrupted


def test_a_ratio_is_the_median_of_the_ratios_round_by_round(bench):
    seconds = {"ours": [1.0, 2.0, 30.0], "theirs": [3.0, 10.0, 60.0]}
    assert bench.times_faster(seconds, "ours", "theirs") == 3
    ours, theirs = bench.against(seconds, "theirs")
    assert ours == {
        "what": "ours",
        "median ms": 2000,
        "fastest ms": 1000,
        "slowest ms": 30_000,
        "times as fast as theirs": 3,
    }
    assert theirs["times as fast as theirs"] == 1


def test_a_table_is_markdown_with_numbers_flush_right(bench):
    rows = [{"what": "a", "ms": 0.012345, "n": 7}, {"what": "long name", "ms": 123456.7, "n": 10}]
    assert bench.markdown(rows).splitlines() == [
        "| what      |      ms |   n |",
        "| --------- | ------: | --: |",
        "| a         |  0.0123 |   7 |",
        "| long name | 123,457 |  10 |",
    ]


def test_the_page_names_the_machine_and_holds_every_table(page):
    document = {"about": "Ours against theirs.\n\nHow it was done.", "tables": {"a title": [{"what": "x", "ms": 1.0}]}}
    text = page.page({"search": document}, quick=True)
    assert "`python benchmarks/report.py --quick`" in text
    assert "- cores: " in text
    assert (
        "## Ours against theirs\n\n`python benchmarks/search.py`\n\nHow it was done.\n\n### a title\n\n| what |" in text
    )


def test_one_section_is_written_anew_and_the_others_stay(page):
    def document(ms):
        return {"about": f"Takes {ms}.\n\nDetails.", "tables": {"a title": [{"what": "x", "ms": ms}]}}

    whole = page.page({"index": document(1), "search": document(2)}, quick=False)
    assert page.replaced(whole, "search", document(2)) == whole
    changed = page.replaced(page.replaced(whole, "search", document(3)), "features", document(4))
    assert changed == page.page({"features": document(4), "index": document(1), "search": document(3)}, quick=False)


def test_every_script_but_the_page_and_the_habit_is_a_benchmark(page):
    names = {script.stem for script in page.scripts()}
    assert "index" in names
    assert not names & {"report", "_bench"}


@pytest.mark.slow
def test_the_search_benchmark_runs_quickly(page):
    document = page.run(FOLDER / "index.py", quick=True)
    assert document["quick"]
    assert {"cores", "processor", "Python", "numpy", "faiss-cpu"} <= set(document["machine"])
    for rows in document["tables"].values():
        assert all(row["recall"] == 1 for row in rows if row["what"] != "ours: ivf")
        assert all(row["recall"] >= 0.9 for row in rows)
    printed = subprocess.run(
        [sys.executable, FOLDER / "index.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "--quick" in printed.stdout
    assert json.dumps(document)
