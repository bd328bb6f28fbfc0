"""Warnings on stderr start with `warning:` and appear once per run."""

import logging
import subprocess
import sys
import warnings

import pytest

from crossbit.cli.warnings import shown_once

logger = logging.getLogger("crossbit.evaluation.setup")


def test_a_warning_is_shown_once_per_run_with_its_control_characters_visible(capsys):
    for _ in range(2):
        with shown_once():
            logger.warning("the name %r is odd", "a")
            logger.warning("the name %r is odd", "a")
            logger.warning("red\x1b[31m")
    assert capsys.readouterr().err == 2 * "warning: the name 'a' is odd\nwarning: red\\x1b[31m\n"


def test_after_a_run_the_library_is_silent_again(capsys):
    with shown_once():
        pass
    logger.warning("nobody listens")
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("default")
def test_warnings_of_other_packages_look_alike(capsys):
    with shown_once():
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
        warnings.warn("this is old", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: this is old\n"


def test_an_error_is_shown_with_its_traceback(capsys):
    with shown_once():
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError:
            logger.exception("GET /")
    shown = capsys.readouterr().err
    assert shown.startswith("error: GET /\nTraceback")
    assert shown.endswith("ZeroDivisionError: by zero\n")


def test_the_doubts_of_a_split_are_told_once(tmp_path):
    scenes = "scenes(train=40,database=40,query=10)"
    command = [sys.executable, "-m", "crossbit", "compare", "cca+sign,cca+itq", "-d", scenes, "-b", "8"]
    ended = subprocess.run(
        [*command, "--ledger", tmp_path / "ledger.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = [line for line in ended.stderr.splitlines() if "database" in line]
    assert len(told) == 1
    assert told[0].startswith("warning: ")
