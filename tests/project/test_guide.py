"""The README and the pages of the guide run as they are written, in a folder of their own.

A `console` block is commands, each after `$ `, and below it what it prints: any number stands for any other,
and `...` for anything. A `python` block is run; its names live to the end of the page. A block with a path after
its language is written to that file, and a `diff` with a path adds its + lines below the line before them.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from crossbit.cli import app, main

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
RUN = ("first-steps", "own-data", "arrays", "train", "explain", "collection", "serve", "plugins")


class Block(NamedTuple):
    language: str
    path: str
    text: str


def blocks(page: str) -> list[Block]:
    found = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [Block(*match) for match in found]


def commands(text: str) -> list[tuple[str, str]]:
    """Return each command of a console block with what it should print."""
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"output without a command: {parts[0]}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def assert_prints(command: str, wanted: str, got: str) -> None:
    parts = [re.escape(part) for part in re.split(r" ?\.\.\. ?", plain(wanted))]
    assert re.fullmatch(".*".join(parts), plain(got)), f"$ {command}\n{got}\ninstead of\n{wanted}"


def plain(text: str) -> str:
    """Return the words of a text: numbers are all 0; rules and white space are gone."""
    return " ".join(re.sub(r"\d+(\.\d+)?", "0", re.sub(r"─+", " ", text)).split())


def write(block: Block) -> None:
    path = Path(block.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if block.language != "diff":
        path.write_text(block.text, encoding="utf-8")
        return
    context, added = (
        "".join(line[1:] for line in block.text.splitlines(keepends=True) if line[0] == sign) for sign in " +"
    )
    text = path.read_text(encoding="utf-8")
    assert text.count(context) == 1, f"{block.path} does not hold {context!r} once"
    path.write_text(text.replace(context, context + added), encoding="utf-8")


def follow(page: Path, run) -> None:
    """Do what a page says."""
    names = {}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.path:
            write(block)
        elif block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)
        elif block.language == "console":
            for command, wanted in commands(block.text):
                assert_prints(command, wanted, run(command))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CROSSBIT_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *(GUIDE / f"{name}.md" for name in RUN)],
    ids=lambda page: page.name,
)
def test_a_page_runs(page, folder, monkeypatch, capsys):
    def run(command: str) -> str:
        program, *words = shlex.split(command)
        assert program == "crossbit"
        monkeypatch.setattr(sys, "argv", ["crossbit", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert end.value.code in (0, None), printed.err
        return printed.out

    follow(page, run)


@pytest.mark.slow
def test_the_five_steps_add_a_method(folder):
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "pyproject.toml", folder)
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    programs = {"crossbit": [sys.executable, "-m", "crossbit"], "python": [sys.executable]}

    def run(command: str) -> str:
        program, *words = shlex.split(command)
        ended = subprocess.run([*programs[program], *words], env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    follow(GUIDE / "add-a-method.md", run)


def test_every_page_of_the_guide_is_run():
    pages = {path.stem: blocks(path.read_text(encoding="utf-8")) for path in GUIDE.glob("*.md")}
    assert pages.keys() == {*RUN, "add-a-method"}
    for found in pages.values():
        assert any(block.language in ("console", "python") and not block.path for block in found)


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda page: page.name
)
def test_links_within_the_repository_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (page.parent / (target.partition("#")[0] or page.name)).exists()]
    assert missing == []


def test_the_commands_of_the_readme_can_be_given():
    lines = re.findall(r"^    crossbit (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        command, words = typer.main.get_command(app), shlex.split(line)
        while below := getattr(command, "commands", None):
            command = below[words[0] if words[0] in below else "model"]
            words = words[words[0] in below :]
        command.make_context(line, words)


def test_a_wrong_output_would_be_found():
    assert_prints("x", "...\n task value\n a 0.5\n", "Title\n task value\n ──── ────\n a 0.7331\n")
    with pytest.raises(AssertionError, match="instead of"):
        assert_prints("x", "a 0.5\n", "b 0.5\n")
