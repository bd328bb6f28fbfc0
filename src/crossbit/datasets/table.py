"""A table of your own: Parquet or CSV with a picture's path, its text or texts, and labels if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from ..data.corpus import Corpus
from ..errors import InputError, optional
from ..io.text import path_below
from .base import DatasetFolder, DatasetInfo, Loader
from .captioned import OnMissing
from .own_rows import OwnPicture, Retrieval, RowOptions, split_labels


@final
@dataclass(frozen=True)
class Table(Loader):
    """Loads the pictures that the rows of a table name."""

    file: str = ""
    """The table, below the dataset's folder; by default table.parquet, table.csv or table.tsv."""
    image: str = "image"
    """The column that holds the picture's path, relative to `root`."""
    text: str = "text"
    """The column or columns (between plus signs) that hold texts; a cell may hold a list of them."""
    labels: str = ""
    """The column or columns (between plus signs) that hold labels: words between semicolons, a list, or 0 and 1."""
    root: str = ""
    """The folder of the pictures, below the dataset's folder."""
    retrieval: Retrieval = "auto"
    """What is searched: `label`, `instance` (a picture's own texts), or `auto`: by label where there are labels."""
    query: int | None = None
    """How many pictures query; a tenth by default."""
    missing: OnMissing = "skip"
    """Whether rows without their picture are counted and skipped, or refused."""
    seed: int = 0
    """Draws the split."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="table",
        title="A table of your own",
        citation="Your own.",
        terms="your own",
        sources=("your own collection",),
        layout="""table.parquet, table.csv or table.tsv   with the columns image and text, or as the options name them
the pictures                            where the column image says, relative to this folder or the option root
(--data-dir may be the folder itself)""",
        contents="one item per picture with all its texts; split, drawn with seed 0: a tenth queries; with labels the"
        " rest trains and is searched, without labels the queries' pictures and texts search each other",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures in the order of the table; an id is a picture's path without its ending."""
        folder = DatasetFolder.of(self.info, data_dir)
        path = folder.find(self.file) if self.file else folder.find("table.parquet", "table.csv", "table.tsv")
        texts, labels = _names(self.text), _names(self.labels)
        rows: dict[str, OwnPicture] = {}
        for number, record in enumerate(_records(path, [self.image, *texts, *labels]), 1):
            image = record[self.image]
            if not isinstance(image, str) or not image.strip():
                raise InputError(f"{path}: row {number} names no picture in its column {self.image!r}, but {image!r}")
            row = rows.setdefault(image.strip(), OwnPicture())
            row.texts += [text for column in texts for text in _texts(record[column])]
            row.labels += [label for column in labels for label in _labels(column, record[column])]
        choices = RowOptions(self.retrieval, self.query, self.missing, self.seed)
        return choices.corpus(self.info.name, rows, path_below(folder.path, self.root) if self.root else folder.path)


def _names(columns: str) -> list[str]:
    return [column.strip() for column in columns.split("+") if column.strip()]


def _records(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    arrow, csv, parquet = map(optional, ("pyarrow", "pyarrow.csv", "pyarrow.parquet"))
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
        else:
            delimiter = "\t" if path.suffix == ".tsv" else ","
            table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True))
    except (arrow.ArrowException, OSError) as fault:
        raise InputError(f"{path} cannot be read as a table: {fault}") from None
    absent = [column for column in columns if column not in table.column_names]
    if absent:
        raise InputError(f"{path} has no column {', '.join(absent)}; it has {', '.join(table.column_names)}")
    records: list[dict[str, Any]] = table.select([*dict.fromkeys(columns)]).to_pylist()
    return records


def _texts(cell: object) -> list[str]:
    values = cell if isinstance(cell, list) else [cell]
    return [str(value).strip() for value in values if value is not None]


def _labels(column: str, cell: object) -> list[str]:
    """Return the labels of a cell; 1 or true stands for the column's own name."""
    if cell is None or isinstance(cell, list):
        return [str(label) for label in cell or ()]
    if isinstance(cell, bool | int):
        return [column] if cell else []
    return split_labels(str(cell))
