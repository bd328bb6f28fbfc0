"""Scenes: generated pictures of coloured shapes, each with five captions and labels. It needs no download.

Item `i` depends on the seed and on `i` alone, so a dataset of any size is read at any place, in any process.
A class is a colour with a shape, such as "red circle"; 18 % of pairs of scenes share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np

from ...data.corpus import Corpus
from ...data.splits import Split
from ...errors import InputError
from ...io.text import LazySequence
from ..base import DatasetInfo, Loader
from .captions import captions
from .objects import COLOURS, SHAPES, SIDE, Thing, objects
from .picture import masks, picture

__all__ = ["CLASSES", "SIDE", "Scenes", "Thing", "captions", "masks", "objects", "picture"]

CLASSES: tuple[str, ...] = tuple(f"{colour} {shape}" for colour, shape in product(COLOURS, SHAPES))


@final
@dataclass(frozen=True)
class Scenes(Loader):
    """Generates the scenes: the first `train` train, the first `database` are searched, the next `query` query."""

    train: int = 2000
    database: int = 3000
    query: int = 300
    seed: int = 0
    task: Literal["labels", "captions"] = "labels"
    """Whether the database is searched by class, or the queries among each other by their own captions."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="scenes",
        title="Scenes of coloured shapes, generated",
        citation="Part of crossbit; nothing to cite.",
        terms="Apache-2.0, as crossbit itself",
        sources=("nowhere: it is generated",),
        layout="no files",
        contents="any number of 64x64 pictures of 1 to 4 shapes, five captions each, 25 classes (colour and shape), one"
        " or more per picture; 18 % of pairs share a class; split: 300 query, 3,000 database, its first 2,000 train",
    )

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit and invalid seeds."""
        if not 0 < self.train <= self.database or self.query < 1 or self.seed < 0:
            raise InputError(
                "scenes: 0 < train <= database, query > 0 and seed >= 0 are wanted, but train is"
                f" {self.train}, database {self.database}, query {self.query}, seed {self.seed}"
            )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the corpus; pictures and captions are made on access, and `data_dir` is ignored."""
        size = self.database + self.query
        ids = tuple(f"{index:06d}" for index in range(size))
        labels = np.zeros((size, len(CLASSES)), bool)
        for index in range(size):
            labels[index, [CLASSES.index(thing.kind) for thing in objects(self.seed, index)]] = True
        query, captioned = ids[self.database :], self.task == "captions"
        searched = query if captioned else ids[: self.database]
        return Corpus(
            self.info.name,
            ids,
            Split("captions" if captioned else "first", ids[: self.train], query, searched, instance=captioned),
            images=LazySequence(size, partial(picture, self.seed)),
            texts=LazySequence(size, partial(captions, self.seed)),
            labels=labels,
            classes=CLASSES,
        )
