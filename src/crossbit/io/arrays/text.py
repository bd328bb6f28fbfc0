"""Arrays in text files: tables of numbers, lines of text, single columns, and lists in JSON."""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..text import read_text
from .stored import Array, Stored

logger = logging.getLogger("crossbit.records")

_LARGEST_TEXT = 1 << 28
#: Numbers that are codes: written otherwise than the number would be, or with more digits than it keeps.
_CODE = re.compile(r"[+-]?0\d+|\+\d+|[+-]?\d{16,}|.*_.*")


def text_arrays(path: Path, name: str | None = None) -> list[Stored]:
    """Return the whole of a text file, numbers or else its lines, and each of its columns, by name or number from 1.

    The first line has the columns' names if it holds texts alone and a column below it numbers alone, or if a column is
    asked for by a name. A first column without a name that counts the rows from 0, as pandas writes it, is left out of
    the whole.
    """
    lines = _lines(path)
    rows = _split(lines)
    even = len({*map(len, rows)}) == 1
    numbers = [str(column) for column in range(1, len(rows[0]) + 1)] if rows and even else []
    counted = even and len(rows) > 1 and not rows[0][0] and _counts([row[0] for row in rows[1:]])
    by_name = name is not None and name not in numbers and _texts(rows[:1])
    header = rows.pop(0) if even and (counted or by_name or _is_headed(rows)) else []
    names = [
        cell if cell and header.count(cell) == 1 else number for cell, number in zip(header, numbers, strict=False)
    ]
    whole = _whole([row[1:] for row in rows] if counted else rows, lines[1:] if header and len(numbers) == 1 else lines)
    found = [Stored("", whole.shape, _kind(whole), partial(_read, path, whole, counted))]
    for at, column in enumerate(numbers if not header or name in numbers else names):
        cells = [row[at] for row in rows]
        found.append(Stored(column, (len(rows),), "column", partial(_values, cells)))
    return found


def why_no_numbers(path: Path) -> str:
    """Return what keeps a text file from being a table of numbers, the first line that does; nothing if all do."""
    width, lines = 0, _lines(path)
    for at, row in enumerate(_split(lines, keep=True), 1):
        if row and width not in (0, len(row)):
            return f"line {at} has {len(row)} cells, and the lines above have {width}"
        width = len(row) or width
        odd = [cell for cell in row if not _numeric([cell])]
        if odd and len(odd) < len(row):
            return f"line {at} has {odd[0][:40]!r}, which is no number"
    return ""


def json_arrays(path: Path) -> list[Stored]:
    """Return the list of texts or of numbers that a JSON file holds, or each list of its object."""
    try:
        value = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as fault:
        raise InputError(f"{path} is not JSON: {fault}") from None
    lists = value if isinstance(value, dict) else {"": value}
    return [
        Stored(name, (len(each),), "list", partial(_listed, path, each))
        for name, each in lists.items()
        if isinstance(each, list)
    ]


def _listed(path: Path, values: list[Any]) -> Array:
    if not all(isinstance(value, str | int | float) for value in values):
        raise InputError(f"{path}: a list must hold texts or numbers alone")
    return np.array(values, object if any(isinstance(value, str) for value in values) else None)


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > _LARGEST_TEXT:
        raise InputError(f"{path}: as text, {_LARGEST_TEXT:,} bytes are read at most; save the numbers as .npy")
    lines = read_text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _split(lines: Sequence[str], *, keep: bool = False) -> list[list[str]]:
    """Return the cells of each line: between tabs, semicolons, commas or blanks, whichever the first line has."""
    first = lines[0] if lines else ""
    mark = next((mark for mark in ("\t", ";", ",") if mark in first), None)
    used = [line for line in lines if keep or line.strip()]
    if mark == ",":
        return [[cell.strip() for cell in next(csv.reader([line]), [])] for line in used]
    return [[cell.strip() for cell in line.split(mark)] if line.strip() else [] for line in used]


def _is_headed(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row holds texts alone, and a column below it numbers alone."""
    return len(rows) > 1 and _texts(rows[:1]) and any(map(_numeric, zip(*rows[1:], strict=True)))


def _texts(rows: Sequence[Sequence[str]]) -> bool:
    return any(cell for row in rows for cell in row) and not any(_numeric([cell]) for row in rows for cell in row)


def _counts(cells: Sequence[str]) -> bool:
    return all(cell == str(row) for row, cell in enumerate(cells))


def _whole(rows: Sequence[Sequence[str]], lines: Sequence[str]) -> Array:
    if rows and {*map(len, rows)} == {1}:
        values = _values([row[0] for row in rows])
        return np.array(lines, object) if values.dtype == object else values.astype(np.float64)[:, None]
    if rows and all(map(_numeric, rows)) and len({*map(len, rows)}) == 1:
        return np.array(rows, np.float64)
    return np.array(lines, object)


def _read(path: Path, whole: Array, counted: bool) -> Array:
    if counted:
        logger.info("%s: the first column has no name and counts the rows; it is left out", path)
    return whole


def _values(cells: Sequence[str]) -> Array:
    """Return a column as numbers, or as texts where numbers would not be written as these are: 007, or 20 digits."""
    if not _numeric(cells) or any(map(_CODE.fullmatch, cells)):
        return np.array(cells, object)
    numbers = np.array(cells, np.float64)
    integral = (numbers == np.round(numbers)).all() and abs(numbers).max() < 1 << 53
    return numbers.astype(np.int64) if integral else numbers


def _numeric(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and all(float(cell) is not None for cell in cells)
    except ValueError:
        return False


def _kind(array: Array) -> str:
    return "text" if array.dtype == object else str(array.dtype)
