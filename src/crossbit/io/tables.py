"""Rows of results as plain text, as HTML for notebooks, and as a pandas data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

from ..errors import InputError

#: Rows share their keys, the columns; a value is a number, a text, or None where there is none.
Rows: TypeAlias = Sequence[Mapping[str, Any]]

#: Control characters, which a terminal would obey, as they are shown instead.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def visible(text: str) -> str:
    r"""Return text from others, such as a caption or a file name, with its control characters made visible.

    >>> print(visible("red\x1b[31m"))
    red\x1b[31m
    """
    return text.translate(_VISIBLE)


def cell(value: Any) -> str:
    """Return a value as a table shows it: four digits of a float, a dash for None.

    >>> cell(0.5), cell(None), cell("a")
    ('0.5000', '–', 'a')
    """
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else visible(str(value))


def text_table(rows: Rows) -> str:
    """Return rows as lines of aligned columns, numbers flush right.

    >>> print(text_table([{"method": "cca", "MAP": 0.5}, {"method": "dcmh", "MAP": 0.75}]))
    method     MAP
    cca     0.5000
    dcmh    0.7500
    """
    if not rows:
        return "(no rows)"
    lines = [[*rows[0]], *([cell(value).replace("\n", " ") for value in row.values()] for row in rows)]
    columns = []
    for column, first in zip(zip(*lines, strict=True), rows[0].values(), strict=True):
        width = max(map(len, column))
        right = isinstance(first, int | float)
        columns.append([text.rjust(width) if right else text.ljust(width) for text in column])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def html_table(rows: Rows) -> str:
    """Return rows as an HTML table with every value escaped."""
    head = "".join(f"<th>{escape(visible(name))}</th>" for name in (rows[0] if rows else ()))
    body = "".join("<tr>" + "".join(f"<td>{escape(cell(v))}</td>" for v in row.values()) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def to_pandas(rows: Rows) -> Any:
    """Return rows as a `pandas.DataFrame`.

    Raises:
        InputError: where pandas is not installed.

    """
    try:
        from pandas import DataFrame
    except ModuleNotFoundError:
        raise InputError("pandas is missing, which a data frame needs: pip install pandas") from None
    return DataFrame([dict(row) for row in rows])
