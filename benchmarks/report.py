"""Runs benchmarks and writes docs/performance.md and docs/reliability.md from their output."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _bench import machine, markdown

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
#: The benchmarks of what survives faults; all others measure speed.
RELIABILITY = {"crash", "hostile", "serve"}
#: The introduction of each page.
PAGES = {
    "performance": "Times are medians over repeats in which the contestants took turns.\n"
    "On a shared machine the seconds vary; the ratios, taken round by round, are the result.",
    "reliability": "Each table counts trials and their outcomes.",
}


def scripts() -> list[Path]:
    """Return the benchmarks: every script beside this one whose name has no leading underscore."""
    return sorted(path for path in HERE.glob("[!_]*.py") if path != Path(__file__))


def run(script: Path, *, quick: bool) -> dict[str, Any]:
    """Return what one benchmark prints under `--json`; its progress stays on stderr."""
    command = [sys.executable, str(script), "--json", *(["--quick"] if quick else [])]
    document: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return document


def page(documents: Mapping[str, Mapping[str, Any]], *, quick: bool, name: str = "performance") -> str:
    """Return a page: the machine, then per benchmark what it measures and its tables."""
    words = ["python benchmarks/report.py", *(["--quick"] if quick else []), *([name] if name != "performance" else [])]
    head = [
        f"# {name.capitalize()}",
        "",
        f"<!-- Written by `{' '.join(words)}`; do not edit. -->",
        "",
        PAGES[name],
        "",
        *(f"- {name}: {value}" for name, value in machine().items()),
        "",
    ]
    return "\n".join([*head, *(section(name, document) for name, document in documents.items())])


def section(name: str, document: Mapping[str, Any]) -> str:
    """Return what a page says of one benchmark."""
    summary, _, details = document["about"].partition("\n")
    lines = [f"## {summary.rstrip('.')}", "", f"`python benchmarks/{name}.py`", ""]
    lines += [details.strip(), ""] if details.strip() else []
    for title, rows in document["tables"].items():
        lines += [f"### {title}", "", markdown(rows), ""]
    return "\n".join(lines)


def replaced(text: str, name: str, document: Mapping[str, Any]) -> str:
    """Return a page with the section of one benchmark written anew; the others, ordered by name, stay."""
    head, *parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    found = {match[1]: part for part in parts if (match := re.search(r"`python benchmarks/(\w+)\.py`", part))}
    found[name] = section(name, document)
    return "\n\n".join(part.rstrip("\n") for part in (head, *(part for _, part in sorted(found.items())))) + "\n"


def main() -> None:
    """Run the benchmarks of a page, one after the other, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer repeats")
    parser.add_argument("--only", help="run this benchmark alone, and replace its section of the page")
    parser.add_argument("name", nargs="?", choices=PAGES, default="performance", help="the page to write")
    options = parser.parse_args()
    of_page = [script for script in scripts() if (script.stem in RELIABILITY) == (options.name == "reliability")]
    chosen = [script for script in of_page if options.only in (None, script.stem)]
    if not chosen:
        parser.error(f"the page {options.name} has {', '.join(script.stem for script in of_page)}")
    written, documents = DOCS / f"{options.name}.md", {}
    for script in chosen:
        print(f"benchmarks/{script.name}", file=sys.stderr)
        documents[script.stem] = run(script, quick=options.quick)
    if options.only:
        text = replaced(written.read_text(encoding="utf-8"), options.only, documents[options.only])
    else:
        text = page(documents, quick=options.quick, name=options.name)
    written.write_text(text, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
