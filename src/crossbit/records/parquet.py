"""The rows of a Parquet file; pictures inside it are read one by one, when they are called."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, final

from ..errors import InputError, optional
from .rows import Row, RowTable, refuse_repeated

#: Bytes of row groups with pictures that stay in memory, so that they are not read again for each of their pictures.
CACHE = 1 << 28
#: Rows at most: a small file may claim any number of them.
MOST_ROWS = 1 << 24


@final
class EmbeddedPicture:
    """A picture inside a Parquet file: calling it returns its bytes; `name` is that of its file, if it is known."""

    __slots__ = ("_column", "_row", "name")

    def __init__(self, column: PictureColumn, row: int, name: str | None) -> None:
        self._column, self._row, self.name = column, row, name

    def __call__(self) -> bytes:
        """Return the bytes of the picture."""
        return self._column.read(self._row)

    def __repr__(self) -> str:
        """Return where the picture is."""
        return f"<picture of {self._column.path.name}, row {self._row + 1}>"


@final
class PictureColumn:
    """A column of pictures: `column` is that of their bytes, as in `image` or `image.bytes`."""

    def __init__(self, path: Path, column: str) -> None:
        self.path, self.column = path, column
        self._ends: list[int] = []
        self._cache: OrderedDict[int, Any] = OrderedDict()
        self._lock = Lock()

    def read(self, row: int) -> bytes:
        """Return the bytes of the picture in a row."""
        with self._lock:
            if not self._ends:
                with _readable(self.path) as file:
                    self._ends = _ends(file)
            group = bisect_right(self._ends, row)
            value = self._group(group)[row - (self._ends[group - 1] if group else 0)].as_py()
        if not isinstance(value, bytes):
            raise InputError(f"{self.path.name}, row {row + 1} holds no picture in its column {self.column!r}")
        return value

    def _group(self, group: int) -> Any:
        """Return the pictures of a row group; the last ones read are kept."""
        if group not in self._cache:
            with _readable(self.path) as file:
                self._cache[group] = _leaf(file.read_row_group(group, columns=[self.column]), self.column)
            while len(self._cache) > 1 and sum(each.nbytes for each in self._cache.values()) > CACHE:
                self._cache.popitem(last=False)
        self._cache.move_to_end(group)
        return self._cache[group]

    def __getstate__(self) -> tuple[Path, str]:
        """Return what another process needs to read the same pictures."""
        return self.path, self.column

    def __setstate__(self, state: tuple[Path, str]) -> None:
        """Take up the state that `__getstate__` returned."""
        self.__init__(*state)


def read_parquet(path: Path) -> RowTable:
    """Return the rows of a Parquet file; a column of bytes, or of `{bytes, path}`, holds embedded pictures."""
    with _readable(path) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise InputError(f"{path} has {file.metadata.num_rows:,} rows, more than the {MOST_ROWS:,} that are read")
        schema = file.schema_arrow
        classes = _class_names(schema)
        refuse_repeated(str(path), schema.names)
        columns: dict[str, list[Any]] = {}
        unreadable = []
        for field in schema:
            if _is_picture(field.type):
                columns[field.name] = _pictures(path, file, field)
            elif _holds_bytes(field.type):
                unreadable.append(field.name)
            else:
                columns[field.name] = _values(file, field, classes.get(field.name))
        rows = [
            Row(f"{path.name}, row {number}", dict(zip(columns, cells, strict=True)))
            for number, cells in enumerate(zip(*columns.values(), strict=True), 1)
        ]
    return RowTable(path.name, tuple(columns), rows, unreadable=tuple(unreadable))


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    """Open a Parquet file; what is damaged in it is an error that names the file."""
    arrow, parquet = optional("pyarrow"), optional("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise
    except (arrow.ArrowException, OSError, ValueError, KeyError, OverflowError, RecursionError) as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(f"{path} cannot be read as Parquet: {fault}") from None


def _ends(file: Any) -> list[int]:
    """Return the row after the last of each row group."""
    ends = [0]
    for group in range(file.num_row_groups):
        ends.append(ends[-1] + file.metadata.row_group(group).num_rows)
    return ends[1:]


def _leaf(table: Any, column: str) -> Any:
    """Return a column of a table, or its part that `column` names after a full stop."""
    if column in table.column_names:
        return table.column(column)
    outer, _, inner = column.rpartition(".")
    return optional("pyarrow.compute").struct_field(table.column(outer), inner)


def _is_bytes(kind: Any) -> bool:
    types = optional("pyarrow").types
    return any(test(kind) for test in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary))


def _is_picture(kind: Any) -> bool:
    """Return whether a type is bytes, or a struct of bytes and path, as Hugging Face's datasets write pictures."""
    parts = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    return _is_bytes(kind) or ("bytes" in parts and _is_bytes(parts["bytes"]) and {*parts} <= {"bytes", "path"})


def _holds_bytes(kind: Any) -> bool:
    return _is_bytes(kind) or any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _pictures(path: Path, file: Any, field: Any) -> list[Any]:
    """Return an embedded picture, the path of a picture elsewhere, or None for each row."""
    struct = bool(field.type.num_fields)
    names: list[str | None] = [None] * file.metadata.num_rows
    if struct and any(field.type.field(i).name == "path" for i in range(field.type.num_fields)):
        names = _leaf(file.read(columns=[f"{field.name}.path"]), f"{field.name}.path").to_pylist()
    column = PictureColumn(path, f"{field.name}.bytes" if struct else field.name)
    present = _present(file, column.column)
    return [
        EmbeddedPicture(column, row, name) if there else name
        for row, (name, there) in enumerate(zip(names, present, strict=True))
    ]


def _present(file: Any, column: str) -> Iterator[bool]:
    """Yield whether each row holds bytes; only where the file does not say so, these are looked at."""
    for group in range(file.num_row_groups):
        facts = file.metadata.row_group(group)
        leaves = (facts.column(i) for i in range(facts.num_columns))
        leaf = next((leaf for leaf in leaves if leaf.path_in_schema == column), None)
        nulls = leaf.statistics.null_count if leaf and leaf.statistics and leaf.statistics.has_null_count else None
        if nulls in (0, facts.num_rows):
            yield from [not nulls] * facts.num_rows
            continue
        for batch in file.iter_batches(64, row_groups=[group], columns=[column]):
            table = optional("pyarrow").Table.from_batches([batch])
            yield from _leaf(table, column).is_valid().to_pylist()


def _values(file: Any, field: Any, classes: list[str] | None) -> list[Any]:
    arrow = optional("pyarrow")
    column = file.read(columns=[field.name]).column(field.name)
    if arrow.types.is_timestamp(field.type) and field.type.unit == "ns":
        column = column.cast(arrow.timestamp("us", field.type.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells if classes is None else [_named(cell, classes) for cell in cells]


def _named(cell: Any, classes: list[str]) -> list[str] | None:
    """Return the names of a cell's class numbers."""
    numbers = cell if isinstance(cell, list) else [cell]
    names = [classes[n] for n in numbers if isinstance(n, int) and 0 <= n < len(classes)]
    return names or None


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of the classes that Hugging Face's datasets record of columns of class numbers."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: _names_in(feature) for name, feature in features.items()}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return {}
    return {name: names for name, names in found.items() if names}


def _names_in(feature: Any) -> list[str]:
    inner = feature[0] if isinstance(feature, list) and feature else feature
    inner = inner.get("feature", inner) if isinstance(inner, Mapping) else {}
    names = inner.get("names") if inner.get("_type") == "ClassLabel" else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
