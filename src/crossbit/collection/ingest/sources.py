"""Sources of items: a folder of pictures, a list of captions, Parquet, lines of JSON, a dataset.

A record names a picture (`image`), or texts (`text`, `texts` or `caption`), or both; `id` is by default the picture's
path; every other column is metadata. Further records of the same picture add their texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, final

from ...data.corpus import Corpus
from ...datasets.own_rows import split_labels
from ...errors import InputError
from ...io.delimited import read_delimited
from ...io.text import LazySequence, path_below, read_lines
from ..item import Raw

#: Endings of the files that are taken for pictures.
PICTURES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
CAPTIONS = ("captions.csv", "captions.tsv", "captions.jsonl")
_OWN = {"id", "image", "text", "texts", "caption"}
_EMPTY: Mapping[str, Any] = {}


def read_source(place: str, stdin: TextIO, captions: Path | None = None) -> Iterable[Raw]:
    """Return the items of a folder, of a list (.csv, .tsv, .jsonl), of a .parquet file, or, for `-`, of stdin."""
    if place == "-":
        return lines_of(stdin)
    path = Path(place)
    if path.is_dir():
        return folder_of(path, captions)
    if captions is not None:
        raise InputError(f"captions belong to a folder of pictures, and {path} is not a folder")
    if not path.is_file():
        raise InputError(f"{path} does not exist; items come from a folder, a .csv, .tsv, .jsonl or .parquet, or -")
    if path.suffix.lower() == ".parquet":
        return parquet_of(path)
    return _grouped(records_of(path), path.parent)


def folder_of(folder: Path, captions: Path | None = None) -> list[Raw]:
    """Return the pictures below a folder by their path in it, with the texts of its list of captions if it has one."""
    listing = captions or next((folder / name for name in CAPTIONS if (folder / name).is_file()), None)
    listed = _grouped(records_of(listing), folder) if listing else []
    known = {raw.picture for raw in listed}
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return listed + [Raw(path.relative_to(folder).as_posix(), path) for path in shown if path not in known]


def records_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a .csv, .tsv or .jsonl file."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        for number, line in enumerate(read_lines(path), 1):
            if line.strip():
                yield _object(line, f"{path}: line {number}")
    elif suffix in (".csv", ".tsv"):
        heading, rows, _ = read_delimited(path, "\t" if suffix == ".tsv" else ",")
        for number, (_, row) in enumerate(rows, 1):
            if len(row) > len(heading):
                raise InputError(
                    f"{path}: entry {number} has {len(row)} cells for {len(heading)} columns; a text with a comma"
                    " stands in quotes"
                )
            yield {name: _cell(name, cell) for name, cell in zip(heading, row, strict=False) if cell.strip()}
    else:
        raise InputError(f"{path} is not a list of items: it should end in .csv, .tsv, .jsonl or .parquet")


def lines_of(stream: TextIO) -> Iterator[Raw]:
    """Yield an item for each line of JSON; a picture's path is taken from the working folder."""
    number = 0
    try:
        for number, line in enumerate(stream, 1):
            if line.strip():
                record = _object(line, f"line {number}")
                name = record.get("image")
                yield _raw(record, Path(str(name)) if name else None, f"line {number}")
    except UnicodeDecodeError as fault:
        raise InputError(f"what follows line {number} is not {fault.encoding}; JSON is written in UTF-8") from None


def parquet_of(path: Path) -> Sequence[Raw]:
    """Return the items of a Parquet file; its column `image` holds paths below its folder, or the bytes of pictures."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        table = read_table(path)
    except (ArrowException, OSError) as fault:
        raise InputError(f"{path} cannot be read as Parquet: {fault}") from None

    def item(row: int) -> Raw:
        record = {name: value for name, value in table.slice(row, 1).to_pylist()[0].items() if value is not None}
        picture = record.get("image")
        if isinstance(picture, Mapping):  # as Hugging Face's datasets write it
            picture = picture.get("bytes") or picture.get("path")
        if isinstance(picture, bytes):
            return _raw({"id": str(row), **record}, picture, f"{path}: row {row + 1}")
        return _raw(record, path_below(path.parent, str(picture)) if picture else None, f"{path}: row {row + 1}")

    return LazySequence(table.num_rows, item)


def dataset_of(corpus: Corpus, part: str = "all") -> Sequence[Raw]:
    """Return the items of a dataset, or those of the database of its split; labels become metadata."""
    rows = range(len(corpus)) if part == "all" else corpus.rows(corpus.split.database).tolist()

    def item(at: int) -> Raw:
        row = rows[at]
        labels = [] if corpus.labels is None else [corpus.classes[i] for i in corpus.labels[row].nonzero()[0]]
        return Raw(
            corpus.ids[row],
            None if corpus.images is None else corpus.images[row],
            () if corpus.texts is None else tuple(corpus.texts[row]),
            {"labels": labels} if labels else {},
            {modality: matrix[row : row + 1] for modality, matrix in corpus.features.items()},
        )

    return LazySequence(len(rows), item)


@final
@dataclass
class _Group:
    """The records of one item, put together."""

    picture: Path | None
    texts: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


def _grouped(records: Iterable[Mapping[str, Any]], folder: Path) -> list[Raw]:
    groups: dict[str, _Group] = {}
    records = list(records)
    pictures = [path_below(folder, str(record["image"])) if record.get("image") else None for record in records]
    for number, (record, picture) in enumerate(zip(records, pictures, strict=True), 1):
        id_, texts, metadata = _facts(record, f"entry {number}")
        group = groups.setdefault(id_, _Group(picture))
        group.texts += texts
        group.metadata = {**metadata, **group.metadata}
    return [Raw(id_, group.picture, group.texts, group.metadata) for id_, group in groups.items()]


def _raw(record: Mapping[str, Any], picture: Path | bytes | None, where: str) -> Raw:
    id_, texts, metadata = _facts(record, where)
    return Raw(id_, picture, texts, metadata)


def _facts(record: Mapping[str, Any], where: str) -> tuple[str, list[str], dict[str, Any]]:
    """Return the id, the texts and the metadata of a record."""
    id_ = record.get("id", record.get("image"))
    if id_ is None:
        raise InputError(f"{where} has neither an id nor an image that could stand for one; it has {', '.join(record)}")
    texts = [text for name in ("text", "texts", "caption") for text in _texts(record.get(name), where)]
    metadata = {name: value for name, value in record.items() if name not in _OWN}
    nested = metadata.pop("metadata", _EMPTY)
    if not isinstance(nested, Mapping):
        raise InputError(f"{where}: metadata must be an object, not {nested!r}")
    return str(id_), texts, {**metadata, **nested}


def _texts(value: Any, where: str) -> list[str]:
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if not all(isinstance(text, str) for text in values):
        raise InputError(f"{where}: a text is a text or a list of them, not {value!r}")
    return [text.strip() for text in values if text.strip()]


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as fault:
        raise InputError(f"{where} is not JSON: {fault}") from None
    if not isinstance(record, dict):
        raise InputError(f"{where} must be an object with image or text, not {line[:60]!r}")
    return record


def _cell(name: str, cell: str) -> Any:
    """Return the value of a cell: labels between semicolons, a number, or a text."""
    if name == "labels":
        return split_labels(cell)
    if name in _OWN:
        return cell.strip()
    for read in (int, float):
        try:
            value = read(cell)
        except ValueError:
            continue
        return value if value == value and abs(value) != float("inf") else cell.strip()
    return cell.strip()
