"""What commands print: JSON for machines, tables that fit a terminal for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


#: Control characters that a terminal would obey, as they are shown instead.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def visible(text: str) -> str:
    r"""Return a text of others, such as a caption or a name, with its control characters made visible.

    >>> print(visible("red\x1b[31m"))
    red\x1b[31m
    """
    return text.translate(_SHOWN)


def print_json(value: Any) -> None:
    """Print a value as JSON, one document; a number that JSON does not have, such as NaN, becomes null."""
    escaped = not sys.stdout.encoding.lower().startswith("utf")
    typer.echo(json.dumps(_defined(value), indent=2, ensure_ascii=escaped, allow_nan=False, default=str))


def _defined(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _defined(each) for name, each in value.items()}
    return [_defined(each) for each in value] if isinstance(value, list | tuple) else value


def print_table(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Print rows that share their keys as a table; numbers are set flush right, floats with four digits.

    What does not exist is a dash. The title stands above on lines of its own, so that it is never broken to the width
    of a narrow table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if title:
        typer.echo(visible(title))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, value in rows[0].items() if rows else ():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_shown, row.values()))
    Console(highlight=False, markup=False).print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else visible(str(value))
