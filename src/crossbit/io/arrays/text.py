"""Arrays in text files: tables of numbers, lines of text, single columns, and lists in JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..text import read_text
from .stored import Array, Stored

_LARGEST_TEXT = 1 << 28


def text_arrays(path: Path) -> list[Stored]:
    """Return the whole of a text file, numbers or else its lines, and each of its columns, by number from 1 or name."""
    if path.stat().st_size > _LARGEST_TEXT:
        raise InputError(f"{path}: as text, {_LARGEST_TEXT:,} bytes are read at most; save the numbers as .npy")
    lines = read_text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    rows = _split(lines)
    header = len(rows) > 1 and not _numeric(rows[0]) and _numeric(rows[1])
    names = rows.pop(0) if header else []
    whole = _whole(rows, lines)
    found = [Stored("", whole.shape, _kind(whole), lambda: whole)]
    for column in range(len(rows[0]) if rows and len({*map(len, rows)}) == 1 else 0):
        cells = [row[column] for row in rows]
        for name in {str(column + 1), *names[column : column + 1]}:
            found.append(Stored(name, (len(rows),), "column", partial(_values, cells)))
    return found


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


def _split(lines: Sequence[str]) -> list[list[str]]:
    """Return the cells of each line: between tabs, semicolons, commas or blanks, whichever the first line has."""
    first = lines[0] if lines else ""
    mark = next((mark for mark in ("\t", ";", ",") if mark in first), None)
    if mark == ",":
        return [[cell.strip() for cell in next(csv.reader([line]))] for line in lines if line.strip()]
    return [[cell.strip() for cell in line.split(mark)] for line in lines if line.strip()]


def _whole(rows: Sequence[Sequence[str]], lines: Sequence[str]) -> Array:
    if rows and all(map(_numeric, rows)) and len({*map(len, rows)}) == 1:
        return np.array(rows, np.float64)
    return np.array(lines, object)


def _values(cells: Sequence[str]) -> Array:
    if not _numeric(cells):
        return np.array(cells, object)
    numbers = np.array(cells, np.float64)
    whole = (numbers == np.round(numbers)).all() and abs(numbers).max() < 1 << 53
    return numbers.astype(np.int64) if whole else numbers


def _numeric(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and all(float(cell) is not None for cell in cells)
    except ValueError:
        return False


def _kind(array: Array) -> str:
    return "text" if array.dtype == object else str(array.dtype)
