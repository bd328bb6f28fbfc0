"""`crossbit datasets`: the list, and what is shown of one."""

import json

import pytest
from typer.testing import CliRunner

from crossbit.cli.datasets import app
from crossbit.datasets import LOADERS, describe
from crossbit.errors import InputError


def run(*arguments):
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_holds_every_dataset():
    assert [row["dataset"] for row in json.loads(run("list", "--json"))] == list(LOADERS)
    assert "MIRFLICKR-25K" in run("list")


@pytest.mark.parametrize("name", LOADERS.builtin)
def test_every_dataset_can_be_shown(name):
    shown, info = run("show", name), describe(name)
    for part in (info.citation, info.terms, *info.sources, *info.layout.splitlines(), "Options:", "Found:"):
        assert part in shown


def test_what_was_found_is_told(tmp_path):
    (tmp_path / "captions.csv").write_text("image,text\n" + "".join(f"{n}.png,one\n{n}.png,two\n" for n in range(4)))
    for n in range(4):
        (tmp_path / f"{n}.png").touch()
    found = json.loads(run("show", "folder(query=2)", "--data-dir", str(tmp_path), "--json"))["found"]
    assert (found["pairs"], found["texts"], found["classes"], found["query"], found["train"]) == (4, 8, 0, 2, 2)
    assert found["instance"]
    assert len(found["sha256"]) == 64


def test_what_is_missing_is_told(tmp_path):
    shown = json.loads(run("show", "wikipedia", "--data-dir", str(tmp_path), "--json"))
    assert f"categories.list is not in {tmp_path}" in shown["found"]["nothing"]


def test_unknown_names_and_options_are_refused():
    with pytest.raises(InputError, match="no dataset 'imagenet'"):
        run("show", "imagenet")
    with pytest.raises(InputError, match="Coco has no anotations; it has annotations, missing"):
        run("show", "coco(anotations=official)")
