"""A folder or a list of your own: pictures with texts, and labels if there are any, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias, final

from ..data.corpus import Corpus
from ..data.labels import mark
from ..data.pairs import RawImage
from ..data.splits import Split, instance_split, random_split
from ..errors import InputError
from ..io.text import LazySequence
from ..records.read import read
from ..records.record import OnMissing, ReadOptions, Record, Records, Unread
from ..spec import split_plus
from .base import DatasetFolder, DatasetInfo, Loader

#: What is searched: items that share a label, or a picture's own texts; `auto` is by label where there are labels.
Retrieval: TypeAlias = Literal["auto", "label", "instance"]


@dataclass(frozen=True)
class OwnFolder(Loader):
    """Loads pictures with the texts and labels that a list, files beside them, or shards give them."""

    file: str = ""
    """The list, below the folder; by default captions.csv, metadata.csv and the like, if there is one."""
    image: str = ""
    """The column that names the picture; by default one of the documented names."""
    text: str = ""
    """The column or columns (between plus signs) that hold texts; a cell may hold a list of them."""
    labels: str = ""
    """The column or columns (between plus signs) that hold labels, with a form as in `tags:commas` if need be."""
    id: str = ""
    """The column that holds ids; by default an item's id is the path of its picture."""
    types: str = ""
    """Declared types of metadata, between plus signs: `year:int+price:float`."""
    root: str = ""
    """The folder of the pictures, below that of the list."""
    include: str = ""
    """Globs (between plus signs) of the files to read; by default all."""
    exclude: str = ""
    """Globs (between plus signs) of files and folders to leave out."""
    retrieval: Retrieval = "auto"
    """What is searched: `label`, `instance` (a picture's own texts), or `auto`: by label where there are labels."""
    query: int | None = None
    """How many pictures query; a tenth by default."""
    missing: OnMissing = "skip"
    """Whether rows without their picture are counted and skipped, or refused."""
    seed: int = 0
    """Draws the split."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="folder",
        title="A folder of your own",
        citation="Your own.",
        terms="your own",
        sources=("your own collection",),
        layout="""captions.csv, .tsv, .jsonl or .parquet   with the columns image, text and, if any, labels; or
metadata.csv, .jsonl or .parquet         with file_name, text, label, as Hugging Face's imagefolder has it; or
x.txt or x.json beside x.jpg             as img2dataset writes them, also inside .tar files
the pictures                             where the list says, below this folder; one with several texts has a row each
(--data-dir may be the folder itself, or a list, a .parquet or a .tar file)""",
        contents="one item per picture with all its texts; split, drawn with seed 0: a tenth queries; with labels"
        " the rest trains and is searched, without labels the queries' pictures and texts search each other",
    )
    #: The lists that are looked for before those of every folder.
    lists: ClassVar[tuple[str, ...]] = ()

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures that have a text, or all if none has; an id is a picture's path, or its row's own id."""
        place = data_dir if data_dir and data_dir.is_file() else DatasetFolder.of(self.info, data_dir).path
        records = read(place, self._options(place))
        rows = _pairs(records)
        records.report.log()
        if not rows:
            raise InputError(
                f"{self.info.name}: {place} has no pictures that can be read, or none with a text"
                f" (`crossbit datasets show {self.info.name}` prints the layout)"
            )
        kept = [records[row] for row in rows]
        ids = tuple(record.key for record in kept)
        texts = [record.texts for record in kept]
        return Corpus(
            self.info.name,
            ids,
            self._split(ids, labelled=bool(records.classes)),
            images=LazySequence(len(kept), partial(_image, kept)),
            texts=texts if any(texts) else None,
            labels=mark([record.labels for record in kept], records.classes).toarray() if records.classes else None,
            classes=records.classes,
            metadata=[record.facts for record in kept],
            source=str(place.resolve()),
        )

    def _options(self, place: Path) -> ReadOptions:
        listing = self.file or next((name for name in self.lists if (place / name).is_file()), "")
        types = self.types.replace("+", ",").replace(":", "=")
        globs = tuple(split_plus(self.include)), tuple(split_plus(self.exclude))
        columns = self.image, self.text, self.labels, self.id
        return ReadOptions(*columns, types, listing, self.root, *globs, self.missing)

    def _split(self, ids: Sequence[str], *, labelled: bool) -> Split:
        query = max(len(ids) // 10, 1) if self.query is None else self.query
        if self.retrieval == "label" and not labelled:
            raise InputError("retrieval by label needs labels, and there are none; use retrieval='instance'")
        if self.retrieval == "label" or (self.retrieval == "auto" and labelled):
            return random_split("drawn", ids, query=query, train=len(ids) - query, seed=self.seed)
        return instance_split("drawn", ids, query=query, seed=self.seed)


@final
@dataclass(frozen=True)
class OwnTable(OwnFolder):
    """Loads what `folder` loads, and looks for table.parquet, table.csv and table.tsv first."""

    info: ClassVar[DatasetInfo] = replace(OwnFolder.info, name="table", title="A table of your own")
    lists: ClassVar[tuple[str, ...]] = ("table.parquet", "table.csv", "table.tsv")


def _pairs(records: Records) -> list[int]:
    """Return the rows that make pairs: those with a picture, and with a text if any has one; report the others."""
    pictured = [row for row, record in enumerate(records.records) if record.image is not None]
    rows = [row for row in pictured if records[row].texts] or pictured
    for what, others in (
        ("texts without a picture", {*range(len(records))} - {*pictured}),
        ("pictures without a text", {*pictured} - {*rows}),
    ):
        records.report.unread += [Unread(records[row].key, what, "a pair has both") for row in sorted(others)]
    return rows


def _image(records: Sequence[Record], row: int) -> RawImage:
    image = records[row].image
    assert image is not None
    return image if isinstance(image, Path) else image()
