"""The generated pages say what the code says."""

import doctest
import importlib.util
from pathlib import Path

import pytest
import typer

import crossbit
from crossbit.cli import app
from crossbit.datasets import LOADERS
from crossbit.features import EXTRACTORS
from crossbit.methods import METHODS
from crossbit.metrics import KINDS
from crossbit.protocols import PROTOCOLS

DOCS = Path(__file__).parents[2] / "docs"
GENERATORS = DOCS.parent / "tools" / "docs"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, GENERATORS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generate():
    return loaded("generate")


@pytest.fixture(scope="module")
def pages(generate):
    return {name: page() for name, page in generate.PAGES.items()}


GENERATED = [
    *("cli.md", "datasets.md", "decisions/README.md"),
    *("features.md", "measures.md", "methods.md", "protocols.md"),
]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_current(pages, name):
    assert (DOCS / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_check_names_the_pages_that_are_not_current(generate, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    with pytest.raises(SystemExit, match=r"not current: .*cli\.md.*methods\.md.*; run `make docs`"):
        generate.main()
    monkeypatch.setattr("sys.argv", ["generate.py"])
    generate.main()
    assert capsys.readouterr().out.count(".md") == len(GENERATED)
    (tmp_path / "cli.md").write_text("edited by hand")
    assert [*generate.stale()] == [tmp_path / "cli.md"]


REGISTERED = {
    "methods": METHODS.builtin,
    "features": EXTRACTORS.builtin,
    "datasets": LOADERS.builtin,
    "protocols": PROTOCOLS,
}


@pytest.mark.parametrize("page", REGISTERED)
def test_every_registered_name_has_its_section(pages, page):
    for name in REGISTERED[page]:
        assert f"\n## {name}\n" in pages[f"{page}.md"]


def test_every_measure_appears(pages):
    for name in KINDS:
        assert f"| `{name}" in pages["measures.md"]


def test_every_command_and_option_appears(pages):
    def walk(command, name):
        section = pages["cli.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for parameter in command.params:
            for option in parameter.opts:
                assert option in section, f"{name} {option}"
        for word, below in getattr(command, "commands", {}).items():
            walk(below, f"{name} {word}")

    walk(typer.main.get_command(app), "crossbit")


def test_the_reference_shows_every_public_name():
    pages = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    for name in set(crossbit.__all__) - {"__version__"}:
        assert f"::: crossbit.{name}\n" in pages
        assert f"`{name}`" in pages


def test_a_field_is_described_by_its_comment_or_by_the_string_below(generate, monkeypatch):
    source = '''
class Example:
    """Says nothing about fields."""

    eta: float = 0.3  # ASSUMED (CAGAN): share of S_C
    seed: int = 0
    """Seed of the split."""
    plain: int = 1
    wide: tuple[
        int, int
    ] = (1, 2)  #: a pair
'''
    monkeypatch.setattr(generate.inspect, "getsource", lambda cls: source)
    notes = generate.field_notes(object)
    assert notes == {
        "eta": "ASSUMED (CAGAN): share of S_C",
        "seed": "Seed of the split.",
        "plain": "",
        "wide": "a pair",
    }


def test_a_table_survives_bars_and_line_ends(generate):
    assert generate.table([{"spec": "a|b\nc"}]) == "| spec |\n| --- |\n| a\\|b c |"


@pytest.mark.parametrize(("name", "needs"), [("docstrings", "griffe"), ("hooks", "mkdocs")])
def test_the_site_keeps_its_examples(name, needs):
    pytest.importorskip(needs, reason="the site's packages are those of the group dev")
    failed, tried = doctest.testmod(loaded(name))
    assert (failed, tried > 0) == (0, True)
