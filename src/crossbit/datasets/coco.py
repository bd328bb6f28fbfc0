"""MS COCO: everyday scenes with five captions (a few have six or seven) and 80 classes of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, final

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.splits import random_split
from ..errors import InputError
from ..io.text import leave_out
from ..records.record import OnMissing
from .base import DatasetFolder, DatasetInfo, Loader
from .captioned import KARPATHY, Captioned, caption_corpus, found_pictures, read_json, read_karpathy

ANNOTATIONS = ("annotations", ".", "mini_annotations")


@final
@dataclass(frozen=True)
class Coco(Loader):
    """Loads the captions, in order, and the labels where the objects of every picture are annotated."""

    task: Literal["captions", "labels"] = "captions"
    """What is searched: a picture's own captions, or items that share a class, among the items that have one."""
    annotations: Literal["auto", "karpathy", "official"] = "auto"
    """Whose captions and split; `auto` takes Karpathy's where they are there."""
    year: Literal[2014, 2017] = 2017
    """Which edition of the official files."""
    restval: bool = True
    """Whether Karpathy's restval part trains too."""
    missing: OnMissing = "skip"
    """Whether captions without their picture are counted and skipped, or refused."""
    query: int = 5000
    """How many items query in the task `labels`."""
    train: int = 10_000
    """How many items of the database train in the task `labels`."""
    seed: int = 0

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="coco",
        title="MS COCO",
        citation="T.-Y. Lin, M. Maire, S. Belongie, J. Hays, P. Perona, D. Ramanan, P. Dollár, C. L. Zitnick. Microsoft"
        " COCO: common objects in context. ECCV 2014. Split: A. Karpathy, L. Fei-Fei. Deep visual-semantic alignments"
        " for generating image descriptions. CVPR 2015.",
        terms="annotations CC BY 4.0; the photos under the licences of Flickr's photographers",
        sources=("https://cocodataset.org/#download", KARPATHY),
        layout="""train2017/ and val2017/ (or 2014), or images/ with or without such folders   the pictures
dataset_coco.json                          Karpathy's JSON, which brings the split, or:
annotations/captions_train2017.json        the official captions (also beside the pictures' folder)
annotations/captions_val2017.json
annotations/instances_train2017.json       optional: the objects, from which the classes come
annotations/instances_val2017.json""",
        contents="123,287 pictures with five captions or more, 80 classes, none or more each. Split for captions:"
        " Karpathy (113,287 train, 5,000 validate, 5,000 query), or else train2017 trains and val2017 queries (drawn"
        " where only one of them is there); for labels, among the pictures with a class, drawn with seed 0: 5,000"
        " query, the rest the database, 10,000 of it train",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures in the order of the files; an id is COCO's number of the picture."""
        folder = DatasetFolder.of(self.info, data_dir)
        karpathy = self.annotations == "karpathy" or (self.annotations == "auto" and folder.has("dataset_coco.json"))
        if karpathy:
            items = read_karpathy(folder.find("dataset_coco.json"), restval=self.restval)
        else:
            items = _official(folder, self.year)
        root = folder.find("images") if folder.has("images") else folder.path
        pictures = found_pictures(items, root, self.missing)
        kept = [item for item in items if item.id in pictures]
        labels, classes, complete = _labels(folder, {item.id: row for row, item in enumerate(kept)})
        if self.task == "labels":
            return self._labelled(kept, pictures, labels, classes)
        corpus = caption_corpus(self.info.name, kept, pictures, self.seed)
        return replace(corpus, labels=labels, classes=classes) if complete else corpus

    def _labelled(
        self,
        items: Sequence[Captioned],
        pictures: Mapping[str, Path],
        labels: Bool[ndarray, "n classes"],
        classes: tuple[str, ...],
    ) -> Corpus:
        bare = [item.file for item, row in zip(items, labels, strict=True) if not row.any()]
        leave_out("pictures have no class in any instances_*.json", bare, len(items), refuse=False)
        rows = np.flatnonzero(labels.any(axis=1)).tolist()
        ids = tuple(items[row].id for row in rows)
        return Corpus(
            self.info.name,
            ids,
            random_split("random", ids, query=self.query, train=self.train, seed=self.seed),
            images=[pictures[item] for item in ids],
            texts=[items[row].captions for row in rows],
            labels=labels[rows],
            classes=classes,
        )


def _official(folder: DatasetFolder, year: int) -> list[Captioned]:
    """Return the items of the official caption files; a picture or caption that two files repeat counts once."""
    items: dict[str, Captioned] = {}
    captions: dict[str, dict[int, str]] = {}
    for part, role in (("train", "train"), ("val", "query")):
        for path in _files(folder, f"captions_{part}{year}.json"):
            for image in _records(path, "images", "id", "file_name"):
                file = PurePosixPath(f"{part}{year}", image["file_name"])
                items.setdefault(str(image["id"]), Captioned(str(image["id"]), str(file), (), role))
            for sentence in _records(path, "annotations", "id", "image_id", "caption"):
                captions.setdefault(str(sentence["image_id"]), {}).setdefault(
                    sentence["id"], sentence["caption"].strip()
                )
    if not items:
        folder.find(*(f"annotations/captions_{part}{year}.json" for part in ("train", "val")))
    drawn = len({item.part for item in items.values()}) < 2
    return [
        replace(item, captions=tuple(captions.get(item.id, {}).values()), part="" if drawn else item.part)
        for item in items.values()
    ]


def _labels(
    folder: DatasetFolder, row_of: Mapping[str, int]
) -> tuple[Bool[ndarray, "n classes"], tuple[str, ...], bool]:
    """Return the labels, the classes, and whether the objects of every picture are annotated."""
    editions = [f"instances_{part}{year}.json" for year in ("2014", "2017") for part in ("train", "val")]
    annotated: set[str] = set()
    names: dict[int, str] = {}
    found: list[tuple[int, int]] = []
    paths = [path for name in editions for path in _files(folder, name)]
    for path in paths:
        annotated |= {str(image["id"]) for image in _records(path, "images", "id")}
        names |= {category["id"]: category["name"] for category in _records(path, "categories", "id", "name")}
        objects = _records(path, "annotations", "image_id", "category_id")
        found += [(row_of[str(o["image_id"])], o["category_id"]) for o in objects if str(o["image_id"]) in row_of]
    unnamed = {number for _, number in found} - names.keys()
    if unnamed:
        raise InputError(f"{paths[0].parent}: objects belong to categories {sorted(unnamed)}, which no file names")
    column = {number: column for column, number in enumerate(sorted(names))}
    labels = np.zeros((len(row_of), len(names)), bool)
    for row, number in found:
        labels[row, column[number]] = True
    return labels, tuple(names[number] for number in sorted(names)), bool(names) and annotated >= row_of.keys()


def _files(folder: DatasetFolder, name: str) -> list[Path]:
    return [folder.path / where / name for where in ANNOTATIONS if folder.has(f"{where}/{name}")]


def _records(path: Path, key: str, *fields: str) -> list[dict[str, Any]]:
    """Return one of the lists of an official file, whose every record has the fields."""
    value = read_json(path)
    records = value.get(key) if isinstance(value, dict) else None
    if not isinstance(records, list) or not all(_has(record, fields) for record in records):
        raise InputError(f"{path} is not in COCO's format: {key} must be a list of records with {', '.join(fields)}")
    return records


def _has(record: object, fields: Sequence[str]) -> bool:
    """Return whether a record has the fields, with numbers where they are ids."""
    return isinstance(record, dict) and all(
        isinstance(record.get(name), int if name.endswith("id") else str) for name in fields
    )
