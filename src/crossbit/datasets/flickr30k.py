"""Flickr30k: 31,783 photos with five sentences each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from ..data.corpus import Corpus
from ..errors import InputError
from ..io.text import read_lines
from ..records.record import OnMissing
from .base import DatasetFolder, DatasetInfo, Loader
from .captioned import (
    KARPATHY,
    Captioned,
    caption_corpus,
    found_pictures,
    grouped,
    read_karpathy,
    read_tokens,
)


@final
@dataclass(frozen=True)
class Flickr30k(Loader):
    """Loads the sentences as Karpathy's JSON, as the official token file, or as results.csv."""

    missing: OnMissing = "skip"
    """Whether captions without their picture are counted and skipped, or refused."""
    seed: int = 0
    """Draws the split where the files bring none."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="flickr30k",
        title="Flickr30k",
        citation="P. Young, A. Lai, M. Hodosh, J. Hockenmaier. From image descriptions to visual denotations: new"
        " similarity metrics for semantic inference over event descriptions. TACL 2, 2014.",
        terms="non-commercial research and education",
        sources=("http://shannon.cs.illinois.edu/DenotationGraph/", KARPATHY),
        layout="""images/ or flickr30k-images/ or flickr30k_images/   the pictures
and the sentences, the first of these that is there:
dataset_flickr30k.json    Karpathy's JSON, which brings the split
results_20130124.token    picture.jpg#0, a tab and a sentence per line
results.csv               picture.jpg| number| sentence per line, below a heading""",
        contents="31,783 pictures with five sentences each, no classes; split: Karpathy (29,000 train, 1,014 validate,"
        " 1,000 query), or else, drawn with seed 0, a tenth query, a tenth validate and the rest train",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures in the order of their sentences; an id is a picture's name without its ending."""
        folder = DatasetFolder.of(self.info, data_dir)
        path = folder.find("dataset_flickr30k.json", "results_20130124.token", "results.csv")
        match path.suffix:
            case ".json":
                items = read_karpathy(path)
            case ".csv":
                items = _read_results(path)
            case _:
                items = read_tokens(path)
        pictures = found_pictures(items, folder.find("images", "flickr30k-images", "flickr30k_images"), self.missing)
        return caption_corpus(self.info.name, items, pictures, self.seed)


def _read_results(path: Path) -> list[Captioned]:
    """Return the items of results.csv; a sentence may hold bars, and the bar before it may be missing."""
    pairs = []
    for number, line in enumerate(read_lines(path)[1:], 2):
        match = re.fullmatch(r"([^|]+)\|\s*[0-9]+\b\s*\|?(.*)", line)
        if match:
            pairs.append((match[1].strip(), match[2].strip()))
        elif line.strip():
            raise InputError(f"{path}: line {number} must be picture.jpg| number| sentence, not {line[:60]!r}")
    return grouped(pairs)
