"""A folder of your own: pictures and a list of their captions, in any language."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from ..data.corpus import Corpus
from ..errors import InputError
from ..io.delimited import read_delimited
from ..io.text import read_lines
from .base import DatasetFolder, DatasetInfo, Loader
from .captioned import OnMissing
from .own_rows import OwnPicture, Retrieval, RowOptions, split_labels


@final
@dataclass(frozen=True)
class OwnFolder(Loader):
    """Loads pictures and the captions.csv or captions.jsonl beside them."""

    retrieval: Retrieval = "auto"
    """What is searched: `label`, `instance` (a picture's own captions), or `auto`: by label where there are labels."""
    query: int | None = None
    """How many pictures query; a tenth by default."""
    missing: OnMissing = "skip"
    """Whether captions without their picture are counted and skipped, or refused."""
    seed: int = 0
    """Draws the split."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="folder",
        title="A folder of your own",
        citation="Your own.",
        terms="your own",
        sources=("your own collection",),
        layout="""captions.csv     with the columns image, text (or caption), and labels, if any, between semicolons; or
captions.jsonl   one such object per line, labels being a list; both in UTF-8
the pictures     where the column image says, below this folder; a picture with several captions has a line each
(--data-dir may be the folder itself)""",
        contents="one item per picture with all its captions; split, drawn with seed 0: a tenth queries; with labels"
        " the rest trains and is searched, without labels the queries' pictures and captions search each other",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures in the order of the list; an id is a picture's path without its ending."""
        folder = DatasetFolder.of(self.info, data_dir)
        path = folder.find("captions.csv", "captions.jsonl")
        rows: dict[str, OwnPicture] = {}
        for number, record in enumerate(_jsonl(path) if path.suffix == ".jsonl" else _csv(path), 1):
            image, text, labels = _cells(record, f"{path}: entry {number}")
            row = rows.setdefault(image, OwnPicture())
            row.texts.append(text)
            row.labels += labels
        choices = RowOptions(self.retrieval, self.query, self.missing, self.seed)
        return choices.corpus(self.info.name, rows, folder.path)


def _csv(path: Path) -> Iterator[Mapping[str, Any]]:
    heading, rows, _ = read_delimited(path)
    for number, (_, row) in enumerate(rows, 1):
        if any(row[len(heading) :]):
            raise InputError(
                f"{path}: entry {number} has {len(row)} cells, but there are {len(heading)} columns:"
                f' a text with a comma stands in quotes, as in "two boats, at sea"; it begins {",".join(row)[:60]!r}'
            )
        yield dict(zip(heading, row, strict=False))


def _jsonl(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(read_lines(path), 1):
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as fault:
            raise InputError(f"{path}: line {number} is not JSON: {fault}") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {number} must be an object with image and text, not {line[:60]!r}")
        yield record


def _cells(record: Mapping[str, Any], where: str) -> tuple[str, str, list[str]]:
    image, text, labels = record.get("image"), record.get("text", record.get("caption")), record.get("labels") or []
    if not isinstance(image, str) or not isinstance(text, str):
        raise InputError(f"{where} needs image and text (or caption), but holds {', '.join(record) or 'nothing'}")
    if not isinstance(labels, str | list) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"{where}: labels must be words between semicolons, or a list of words, not {labels!r}")
    if not image.strip():
        raise InputError(f"{where} names no picture")
    return image.strip(), text.strip(), split_labels(labels) if isinstance(labels, str) else labels
