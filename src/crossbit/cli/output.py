"""What commands print: JSON for machines, tables that fit a terminal for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

import typer

from ..io.tables import cell, visible

__all__ = ["JsonFlag", "print_json", "print_table", "visible"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


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
        table.add_row(*map(cell, row.values()))
    Console(highlight=False, markup=False).print(table)
