"""The rows of a list: of a .csv or .tsv table, of lines of JSON, or of a Parquet file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

from ..errors import InputError
from ..io.delimited import Line, read_delimited
from ..io.text import read_text

#: The endings of lists.
LISTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")


class Row(NamedTuple):
    """The cells of a row by column; `where` says which row, as in `captions.csv, line 7`."""

    where: str
    cells: Mapping[str, Any]


@final
@dataclass(frozen=True, eq=False)
class RowTable:
    """The rows of a list; `written` cells are text as a person or program wrote it, others have types of their own."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    written: bool = False
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Further columns, whose cells hold bytes that are neither pictures nor texts."""

    def cells(self, column: str) -> list[Any]:
        """Return the cells of a column, which are None where a row has none."""
        return [row.cells.get(column) for row in self.rows]


def read_rows(path: Path) -> RowTable:
    """Return the rows of a list; pictures inside a Parquet file are read when they are called."""
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            from .parquet import read_parquet

            return read_parquet(path)
        if ending in (".csv", ".tsv"):
            return _text_table(path, "\t" if ending == ".tsv" else ",")
        if ending in LISTS:
            return _json_table(path)
    except IsADirectoryError:
        raise InputError(f"{path} is a folder and not a list") from None
    raise InputError(f"{path} is not a list: it should end in {', '.join(LISTS)}")


def _text_table(path: Path, usual: str) -> RowTable:
    heading, lines, notes = read_delimited(path, usual)
    refuse_repeated(str(path), heading)
    last = next((at for at in range(len(heading), 0, -1) if heading[at - 1]), 0)  # empty names may end a heading
    rows = [Row(f"{path.name}, line {line.number}", _cells(path, heading, line)) for line in lines]
    short = [line.number for line in lines if len(line.cells) < last]
    if short:
        notes.append(f"rows that end early: {len(short):,}, first line {short[0]}")
    if "" in heading and any(
        cell.strip() and not name for line in lines for name, cell in zip(heading, line.cells, strict=False)
    ):
        notes.append("a column without a name is left out")
    return RowTable(path.name, tuple(filter(None, heading)), rows, written=True, notes=tuple(notes))


def refuse_repeated(name: str, columns: Sequence[str]) -> None:
    """Refuse a list with two columns of one name."""
    repeated = [column for column, count in Counter(columns).items() if count > 1 and column]
    if repeated:
        raise InputError(f"{name} has the column {repeated[0]!r} more than once; give each its own name")


def _cells(path: Path, heading: Sequence[str], line: Line) -> dict[str, str]:
    extra = line.cells[len(heading) :]
    if any(map(str.strip, extra)):
        shown = ", ".join(map(repr, line.cells[:3]))[:80]
        raise InputError(
            f"{path}: line {line.number} has {len(line.cells)} cells, but there are {len(heading)} columns: a text with"
            f' a separator in it stands in quotes, as in "two boats, at sea"; it begins {shown}'
        )
    return {name: cell for name, cell in zip(heading, line.cells, strict=False) if cell and name}


def _json_table(path: Path) -> RowTable:
    text = read_text(path)
    rows = list(_list_of_objects(path, text) if text.lstrip().startswith("[") else _lines_of_objects(path, text))
    columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
    return RowTable(path.name, columns, rows)


def _lines_of_objects(path: Path, text: str) -> Iterator[Row]:
    if "\n" in text.strip():
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            raise InputError(
                f"{path} holds one object over several lines; a list of them, [...], or a line for each would do"
            )
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Row(f"{path.name}, line {number}", json_object(line, f"{path}: line {number}"))


def _list_of_objects(path: Path, text: str) -> Iterator[Row]:
    for number, each in enumerate(_parsed(text, str(path)), 1):
        if not isinstance(each, dict):
            raise InputError(f"{path}: entry {number} must be an object, as in {_EXAMPLE}, not {each!r:.60}")
        yield Row(f"{path.name}, entry {number}", each)


def json_object(text: str, where: str) -> dict[str, Any]:
    """Return the object that a line of JSON holds; another is refused, named by `where`."""
    found = _parsed(text, where)
    if not isinstance(found, dict):
        raise InputError(f"{where} must be an object, as in {_EXAMPLE}, not {text.strip()[:60]!r}")
    return found


_MAYBE_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")
_EXAMPLE = '{"image": "a.jpg", "text": "a red house"}'


def _parsed(text: str, where: str) -> Any:
    try:
        found = json.loads(text)
        half = _HALF.search(json.dumps(found, ensure_ascii=False)) if _MAYBE_HALF.search(text) else None
    except json.JSONDecodeError as fault:
        line = f", line {fault.lineno}" if "\n" in text.strip() else ""
        raise InputError(f"{where}{line} is not JSON: {fault.msg} at {text[fault.pos :].strip()[:40]!r}") from None
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{where} is not JSON: {fault}") from None
    if half:
        raise InputError(f"{where} holds half of a character, \\u{ord(half[0]):04x} without its other half")
    return found
