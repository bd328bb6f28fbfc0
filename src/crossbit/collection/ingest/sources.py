"""Sources of items: people's own files, JSON lines, and datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from ...data.corpus import Corpus
from ...io.text import LazySequence
from ...records.read import read
from ...records.record import ReadingReport, ReadOptions, Record, Says
from ...records.stream import stream
from ..item import Raw

DEFAULTS = ReadOptions()


class SourceItems(NamedTuple):
    """Items to be added, the place that they come from, and what was made of it.

    The report on a stream is complete when the last item has been taken from it.
    """

    raws: Iterable[Raw]
    place: str
    report: ReadingReport


def read_source(place: str, stdin: TextIO, options: ReadOptions = DEFAULTS) -> SourceItems:
    """Return the items of a folder, a list, a Parquet file or .tar shards, or, for `-`, of JSON lines on stdin."""
    if place == "-":
        report = ReadingReport()
        return SourceItems(map(raw_of, stream(stdin, options, report)), place, report)
    records = read(place, options)
    raws = LazySequence(len(records), lambda row: raw_of(records[row]))
    return SourceItems(raws, str(Path(place).resolve()), records.report)


def raw_of(record: Record) -> Raw:
    """Return a record as an item to be added; labels become metadata."""
    image = record.image
    picture = image if image is None or isinstance(image, Path) else image()
    return Raw(record.key, picture, record.texts, record.facts, {}, record.says, record.where)


def dataset_of(corpus: Corpus, part: str = "all") -> Sequence[Raw]:
    """Return the items of a dataset, or those of the database of its split; labels become metadata.

    Where an item of it has no texts, or no metadata, the dataset says nothing of them.
    """
    rows = range(len(corpus)) if part == "all" else corpus.rows(corpus.split.database).tolist()

    def item(at: int) -> Raw:
        row = rows[at]
        marked = [] if corpus.labels is None else corpus.labels[row].nonzero()[0].tolist()
        labels = [corpus.classes[label] if corpus.classes else str(label) for label in marked]
        metadata = {} if corpus.metadata is None else corpus.metadata[row]
        texts = () if corpus.texts is None else tuple(corpus.texts[row])
        facts = {"labels": labels, **metadata} if labels else metadata
        brought: dict[Says, bool] = {"texts": bool(texts), "metadata": bool(facts)}
        return Raw(
            corpus.ids[row],
            None if corpus.images is None else corpus.images[row],
            texts,
            facts,
            {modality: matrix[row : row + 1] for modality, matrix in corpus.features.items()},
            frozenset(what for what, there in brought.items() if there),
        )

    return LazySequence(len(rows), item)
