"""Writes the pages that follow from the code: methods, features, datasets, measures, protocols, commands, decisions.

With `--check` nothing is written; the exit status tells whether every page is current.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import typer

from crossbit.cli import app
from crossbit.datasets import LOADERS, loader_class
from crossbit.features import EXTRACTORS, extractor_class
from crossbit.features import steps as feature_steps
from crossbit.methods import METHODS, method
from crossbit.methods.base import Method
from crossbit.metrics import KINDS, Kind, Measure
from crossbit.metrics.conventions import CONVENTIONS
from crossbit.protocols import PROTOCOLS, Protocol

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
DECISIONS = DOCS / "decisions"
WIDTH = 100


def methods_page() -> str:
    """Return docs/methods.md: a table of the methods, then the paper, idea and parameters of each."""
    classes = {name: method(name) for name in METHODS.builtin}
    overview = [
        {"method": f"[`{name}`](#{name})", "year": cls.source.year, "trained": _trained(cls), "paper": _paper(cls)}
        for name, cls in classes.items()
    ]
    return _page(
        "Methods",
        "`crossbit fit NAME` fits a method, `crossbit compare NAME,NAME` compares several. Set parameters with"
        " `--set key=value` or as in `'NAME(key=value)'`; a binariser turns a real-valued space into codes, as in"
        " `cca+itq`.",
        table(overview),
        *(_method_section(name, cls) for name, cls in classes.items()),
    )


def _trained(cls: type[Method]) -> str:
    return "supervised" if cls.supervised else "unsupervised"


def _paper(cls: type[Method]) -> str:
    source = cls.source
    code = f" ([code]({source.code}))" if source.code else ""
    return f"{source.authors}: [{source.title}]({source.url}), {source.venue}{code}"


def _method_section(name: str, cls: type[Method]) -> str:
    about = inspect.cleandoc(cast("str", sys.modules[cls.__module__].__doc__))
    return _section(name, f"{_trained(cls).capitalize()}. {_paper(cls)}.", _text(about), options(cls))


def features_page() -> str:
    """Return docs/features.md: a table of the extractors, the options of each, and the steps that may follow."""
    classes = {name: extractor_class(name) for name in EXTRACTORS.builtin}
    overview = [
        {"extractor": f"[`{name}`](#{name})", "input": " or ".join(cls.modalities), "output": _first_line(cls)}
        for name, cls in classes.items()
    ]
    steps = [
        {"step": f"`{name}`", "effect": _first_line(step)}
        for name, step in {"pcaN": feature_steps.Pca, **feature_steps.STEPS}.items()
    ]
    return _page(
        "Features",
        "An extractor turns an image or a text into a feature vector; steps fitted on the training items may follow, as"
        " in `--features 'image=onnx|pca256,text=bow(min_count=3)'`.",
        table(overview),
        *(_section(name, _doc(cls), options(cls, leave_out=("modality",))) for name, cls in classes.items()),
        _section("Steps", table(steps)),
    )


def datasets_page() -> str:
    """Return docs/datasets.md: a table of the datasets, then contents, files, sources and options of each."""
    classes = {name: loader_class(name) for name in LOADERS.builtin}
    overview = [
        {"dataset": f"[`{name}`](#{name})", "title": cls.info.title, "contents": cls.info.contents}
        for name, cls in classes.items()
    ]
    sections = []
    for name, cls in classes.items():
        info = cls.info
        sources = "\n".join(f"- {source}" for source in info.sources)
        facts = f"Terms: {info.terms}.\n\nCite: {info.citation}"
        sections.append(_section(name, _doc(cls), _text(info.layout), f"From:\n\n{sources}", facts, options(cls)))
    return _page(
        "Datasets",
        "Nothing is downloaded. Put the files of a dataset, as listed below, into a folder with its name, and pass the"
        " parent folder as `--data-dir` or `CROSSBIT_DATA`. Options are written as in `--dataset 'scenes(seed=1)'`.",
        table(overview),
        *sections,
    )


def measures_page() -> str:
    """Return docs/measures.md: definition, range, choices and source of each measure."""
    rows = [
        {
            "measure": f"`{_measure(name, kind)}`",
            "definition": kind.about,
            "range": f"[{kind.lowest:g}, {kind.highest:g}]",
            "better": "higher" if kind.higher_is_better else "lower",
            "choices": ", ".join(f"`{option}`" for option in kind.options),
            "source": kind.source,
        }
        for name, kind in KINDS.items()
    ]
    conventions = [
        {"convention": f"`{name}`", "measure": f"`{each.measure}`", "used by": each.used_by}
        for name, each in CONVENTIONS.items()
    ]
    return _page(
        "Measures",
        "A measure is written with every choice that differs from the default, as in `MAP@50(over=hits,ties=stable)`."
        " Sources that name released code were checked against it; papers are cited from memory, to be checked.",
        table(rows),
        _section("Choices", "The default comes first.", options(Measure, leave_out=("name", "k"))),
        _section("Conventions", "MAP as papers define it, for `crossbit evaluate --conventions`.", table(conventions)),
    )


def _measure(name: str, kind: Kind) -> str:
    return name + {"none": "", "optional": "[@k]", "required": "@k"}[kind.cut]


def protocols_page() -> str:
    """Return docs/protocols.md: sizes and measures of every protocol, then its source, recipe and open questions."""
    overview = [
        {
            "protocol": f"[`{name}`](#{name.replace('/', '')})",
            "dataset": f"`{each.dataset}`",
            **{part: f"{getattr(each.published, part):,}" for part in ("pairs", "query", "database", "train")},
            "measures": ", ".join(f"`{measure}`" for measure in each.measures),
        }
        for name, each in PROTOCOLS.items()
    ]
    sections = [
        _section(
            name, each.source, each.notes, f"Split: `{each.procedure}`. Captions: `{each.captions}`.", _known(each)
        )
        for name, each in PROTOCOLS.items()
    ]
    return _page(
        "Protocols",
        "A protocol fixes the split and the measure, as in `crossbit evaluate MODEL --protocol wikipedia/official`."
        " Sizes are the published ones. If fewer pairs are found, the query and training parts keep their sizes, the"
        " database is the rest, and a warning says that scores are only indicative; too few pairs for these two parts"
        " are an error. `crossbit protocols show NAME` draws the split of the pairs that are found.",
        table(overview),
        *sections,
    )


def _known(each: Protocol) -> str:
    lines = [f"{pairs:,} pairs: {sha256}" for pairs, sha256 in each.sha256.items()]
    return "sha256 of the split:\n\n" + _text("\n".join(lines)) if lines else "No sha256 is recorded yet."


def cli_page() -> str:
    """Return docs/cli.md: the help of every command."""
    root = contexts(cast("Any", typer.main.get_command(app)), "crossbit")
    sections = [_section(context.command_path, _text(context.get_help())) for context in root]
    return _page("Command line", "Data goes to stdout, progress and errors to stderr.", *sections)


def decisions_page() -> str:
    """Return docs/decisions/README.md: the title of every decision, in their order."""
    titles = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in DECISIONS.glob("[0-9]*.md")}
    entries = [f"- [{title.lstrip('# ')}]({name})" for name, title in sorted(titles.items())]
    return _page(
        "Decisions",
        "Why crossbit is built as it is: the context, the decision and its consequences.",
        "\n".join(entries),
    )


def contexts(command: Any, name: str, parent: typer.Context | None = None) -> Iterator[typer.Context]:
    """Yield the context of a command and of every command below it, in alphabetical order."""
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = typer.Context(command, parent, info_name=name, **settings)
    yield context
    for word, below in sorted(getattr(command, "commands", {}).items()):
        yield from contexts(below, word, context)


#: Every generated page by its place in docs/.
PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "datasets.md": datasets_page,
    "decisions/README.md": decisions_page,
    "features.md": features_page,
    "measures.md": measures_page,
    "methods.md": methods_page,
    "protocols.md": protocols_page,
}


def options(cls: type, leave_out: Sequence[str] = ()) -> str:
    """Return the table of a dataclass's fields: name, default, and what its source says about it."""
    hints, notes = get_type_hints(cls), field_notes(cls)
    chosen = [field for field in fields(cls) if field.init and field.name not in leave_out]
    rows = [
        {"parameter": f"`{f.name}`", "default": _default(f, hints[f.name]), "meaning": notes.get(f.name, "")}
        for f in chosen
    ]
    if not any(row["meaning"] for row in rows):
        rows = [{key: row[key] for key in ("parameter", "default")} for row in rows]
    return table(rows) if rows else "No parameters."


def _default(field: Field[Any], hint: Any) -> str:
    value = field.default if field.default_factory is MISSING else field.default_factory()
    default = "required" if value is MISSING else f"`{value!r}`"
    others = [value for value in get_args(hint) if value != field.default] if get_origin(hint) is Literal else []
    return " or ".join([default, *(f"`{value!r}`" for value in others)])


def field_notes(cls: type) -> dict[str, str]:
    """Return what the source says about each field: the comment on its line, or else the string below it."""
    source = inspect.getsource(cls)
    body = cast("ast.ClassDef", ast.parse(inspect.cleandoc(source)).body[0]).body
    tokens = tokenize.generate_tokens(io.StringIO(inspect.cleandoc(source)).readline)
    comments = {token.start[0]: token.string.lstrip("#: ") for token in tokens if token.type == tokenize.COMMENT}
    notes = {}
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            notes[node.target.id] = comments.get(cast("int", node.end_lineno), "") or _string(below)
    return notes


def _string(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(ast.Constant(str() as text)):
            return " ".join(text.split())
    return ""


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows that share their keys as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")


def _page(title: str, about: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", "<!-- Written by `make docs`; do not edit. -->", about, *parts]) + "\n"


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *parts])


def _text(block: str) -> str:
    lines = "\n".join(line.rstrip() for line in block.strip("\n").splitlines())
    return f"```text\n{lines}\n```"


def _doc(cls: type) -> str:
    return inspect.cleandoc(cast("str", cls.__doc__))


def _first_line(cls: type) -> str:
    return _doc(cls).split("\n\n")[0]


def stale() -> dict[Path, str]:
    """Return the pages whose file is missing or not what the code says, as they should be."""
    texts = {DOCS / name: page() for name, page in PAGES.items()}
    return {
        path: text for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def main() -> None:
    """Write the stale pages, or with `--check` name them and fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not current")
    found = stale()
    if parser.parse_args().check:
        sys.exit(f"not current: {', '.join(str(path) for path in found)}; run `make docs`" if found else 0)
    for path, text in found.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
