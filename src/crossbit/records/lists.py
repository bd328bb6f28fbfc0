"""A list becomes entries: its pictures, texts, labels and metadata, with a statement of what was taken for what."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..data.labels import Labels, decide, join
from ..errors import InputError
from .columns import NONE, Columns, choose
from .record import Entry, Named, ReadingReport, ReadOptions, Unread
from .rows import Row, RowTable, read_rows
from .values import decimals, declared, numbers, typed


class Listed(NamedTuple):
    """An entry for each row of a list, and the classes of its labels in the order in which they are numbered."""

    entries: list[Entry]
    classes: tuple[str, ...]


def read_list(path: Path, options: ReadOptions, report: ReadingReport) -> Listed:
    """Return the entries of a .csv, .tsv, .jsonl, .json or .parquet file; the report says what was taken for what.

    Raises:
        InputError: where the file, or a cell of it, cannot be read for certain; it names the line.

    """
    return _listed(read_rows(path), options, report)


def entries_of(
    rows: Sequence[Row], columns: Sequence[str], options: ReadOptions, name: str, report: ReadingReport
) -> Listed:
    """Return the entries of rows from elsewhere, whose cells have their own types; `name` is that of their source."""
    return _listed(RowTable(name, tuple(columns), rows), options, report)


def _listed(table: RowTable, options: ReadOptions, report: ReadingReport) -> Listed:
    if not table.rows:
        report.unread.append(Unread(table.name, "lists without rows", "there is nothing to read, or only a heading"))
        return Listed([], ())
    pictures = dict.fromkeys(name for row in table.rows for name, cell in row.cells.items() if callable(cell))
    columns = _columns(table, options, pictures)
    table = _decoded(table, columns.words() & {*pictures})
    labels = _labels(table, columns)
    metadata, notes = _metadata(table, columns, options.types)
    entries = []
    for number, (where, cells) in enumerate(table.rows):
        texts = [text for column in columns.texts for text in _texts(cells.get(column), column, where)]
        image = None if columns.image is None else _image(cells.get(columns.image), columns.image, where)
        id_ = None if columns.id is None else _id(cells.get(columns.id), columns.id, where)
        entries.append(Entry(where, image, id_, texts, [], metadata[number]))
    for entry, names in zip(entries, labels.names() if labels else (), strict=bool(labels)):
        entry.labels = names
    statement = f"{table.name}: {columns.statement(labels.form if labels else '')}"
    left_out = [name for name in pictures if name not in {columns.image, *columns.words()}]
    notes += [f"{name!r} holds bytes and is left out" for name in [*table.unreadable, *left_out]]
    if not columns.texts and columns.metadata and options.text != NONE:
        notes.append("no texts; text=NAME names their columns")
    notes += [note for column in columns.texts if (note := _written_lists(table.cells(column), column))]
    report.taken.append("; ".join([statement, *table.notes, *notes, *columns.advice()]))
    return Listed(entries, labels.classes if labels else ())


def _columns(table: RowTable, options: ReadOptions, pictures: Collection[str]) -> Columns:
    """Return what the columns hold; one that is taken for something, and cannot be read, is refused."""
    columns = choose([*table.columns, *table.unreadable], options, table.name, pictures)
    for name in table.unreadable:
        if name == columns.image or name in columns.words():
            what = "a picture" if name == columns.image else "a text"
            raise InputError(f"{table.name}: each cell of {name!r} holds bytes in a way that is not {what}")
    return columns._replace(metadata=tuple(name for name in columns.metadata if name not in table.unreadable))


def _decoded(table: RowTable, names: Collection[str]) -> RowTable:
    """Return a table in which columns of bytes are texts, as programs write that do not say which bytes are text."""
    return replace(table, rows=[_with_texts(row, names) for row in table.rows]) if names else table


def _with_texts(row: Row, names: Collection[str]) -> Row:
    cells = dict(row.cells)
    for name in names:
        cell = cells.get(name)
        try:
            cells[name] = cell().decode() if callable(cell) else cell
        except UnicodeDecodeError:
            raise InputError(f"{row.where}: {name} holds bytes that are no text in UTF-8") from None
    return Row(row.where, cells)


def _written_lists(cells: Sequence[Any], column: str) -> str:
    """Return what to say of a column of texts that are all written as lists, or nothing."""
    texts = [cell.strip() for cell in cells if cell and isinstance(cell, str)]
    if not texts or not all(text[:1] == "[" and text[-1:] == "]" for text in texts):
        return ""
    return f"{column!r} holds lists written as text, such as {texts[0][:40]!r}, which stay as they are"


def _labels(table: RowTable, columns: Columns) -> Labels | None:
    if not columns.labels:
        return None
    try:
        return join({name: decide(table.cells(name), name, form) for name, form in columns.labels.items()})
    except InputError as fault:
        raise InputError(f"{table.name}: {fault}; labels=- reads none") from None


def _texts(cell: Any, column: str, where: str) -> list[str]:
    """Return the texts of a cell: a text, a number as it is written, or a list of them."""
    if isinstance(cell, str):
        text = cell.strip()
        return [text] if text else []
    texts = []
    for each in cell if isinstance(cell, list | tuple) else [cell]:
        if isinstance(each, dict | list | bytes | bool) or callable(each):
            raise InputError(f"{where}: {column} must be a text or a list of texts, not {each!r:.60}")
        if each is not None and not (isinstance(each, float) and math.isnan(each)):
            texts.append(str(each).strip())
    return [text for text in texts if text]


def _image(cell: Any, column: str, where: str) -> Named | None:
    if isinstance(cell, str):
        return cell.strip() or None
    if callable(cell):
        picture: Named = cell
        return picture
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    raise InputError(f"{where}: {column} must be the path of a picture, not {cell!r:.60}")


def _id(cell: Any, column: str, where: str) -> str | None:
    if isinstance(cell, float) and cell == cell // 1:  # Parquet writes whole numbers so where one is missing
        cell = int(cell)
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if not isinstance(cell, str | int) or isinstance(cell, bool):
        raise InputError(f"{where}: {column} must be a text or a whole number, not {cell!r:.60}")
    return str(cell).strip() or None


def _metadata(table: RowTable, columns: Columns, types: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the metadata of each row, and what to say of columns that could be taken for numbers."""
    kinds = declared(types, columns.metadata, table.name)
    metadata: list[dict[str, Any]] = [{} for _ in table.rows]
    notes = []
    for name, found in _present(table, columns.metadata).items():
        values, note = _values(table, name, found, kinds.get(name))
        notes += [f"{name!r} is {note}"] if note else []
        for row, value in zip(found, values, strict=True):
            if value is not None:
                metadata[row][name] = value
    if "metadata" in columns.metadata:
        metadata = [_merged(row) for row in metadata]
    return metadata, notes


def _present(table: RowTable, columns: Sequence[str]) -> dict[str, dict[int, Any]]:
    """Return the cells of columns by their row; most of the columns may have only a few."""
    found: dict[str, dict[int, Any]] = {name: {} for name in columns}
    for number, row in enumerate(table.rows):
        for name, cell in row.cells.items():
            value = cell.strip() or None if table.written else cell
            if value is not None and name in found:
                found[name][number] = value
    return found


def _values(table: RowTable, name: str, cells: Mapping[int, Any], kind: str | None) -> tuple[list[Any], str]:
    """Return the values of cells of a column, and what to say of them."""
    if kind is not None:
        rows = [*cells]
        return typed([*cells.values()], kind, name, lambda at: table.rows[rows[at]].where), ""
    return numbers([*cells.values()]) if table.written else decimals([*cells.values()], name)


def _merged(row: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a row whose column `metadata` holds an object of more."""
    inner = row.get("metadata")
    if not isinstance(inner, Mapping):
        return row
    return {**{name: value for name, value in row.items() if name != "metadata"}, **inner}
