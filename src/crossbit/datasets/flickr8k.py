"""Flickr8k: photos of people and animals in action, with five sentences each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

from ..data.corpus import Corpus
from ..io.text import read_lines
from ..records.record import OnMissing
from .base import DatasetFolder, DatasetInfo, Loader
from .captioned import (
    KARPATHY,
    Captioned,
    caption_corpus,
    found_pictures,
    read_captions_csv,
    read_karpathy,
    read_tokens,
)

LISTS = {"train": "trainImages", "validation": "devImages", "query": "testImages"}


@final
@dataclass(frozen=True)
class Flickr8k(Loader):
    """Loads the sentences as Karpathy's JSON, as the official token file with its three lists, or as captions.txt."""

    missing: OnMissing = "skip"
    """Whether captions without their picture are counted and skipped, or refused."""
    seed: int = 0
    """Draws the split where the files bring none."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="flickr8k",
        title="Flickr8k",
        citation="M. Hodosh, P. Young, J. Hockenmaier. Framing image description as a ranking task: data, models and"
        " evaluation metrics. JAIR 47, 2013.",
        terms="non-commercial research and education",
        sources=(
            "http://nlp.cs.illinois.edu/HockenmaierGroup/8k-pictures.html",
            "https://forms.illinois.edu/sec/1713398 (request form)",
            KARPATHY,
        ),
        layout="""images/ or Images/ or Flicker8k_Dataset/   the pictures
and the sentences, the first of these that is there:
dataset_flickr8k.json    Karpathy's JSON, which brings the split
Flickr8k.token.txt       picture.jpg#0, a tab and a sentence per line; the split is in Flickr_8k.trainImages.txt,
                         Flickr_8k.devImages.txt and Flickr_8k.testImages.txt where they are there
captions.txt             picture.jpg,sentence per line, below a heading""",
        contents="8,000 pictures with five sentences each, no classes; split: published (6,000 train, 1,000 validate,"
        " 1,000 query), or else, drawn with seed 0, a tenth query, a tenth validate and the rest train",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pictures in the order of their sentences; an id is a picture's name without its ending."""
        folder = DatasetFolder.of(self.info, data_dir)
        items = _sentences(folder)
        pictures = found_pictures(items, folder.find("images", "Images", "Flicker8k_Dataset"), self.missing)
        return caption_corpus(self.info.name, items, pictures, self.seed)


def _sentences(folder: DatasetFolder) -> list[Captioned]:
    path = folder.find("dataset_flickr8k.json", "Flickr8k.token.txt", "captions.txt")
    match path.name:
        case "dataset_flickr8k.json":
            return read_karpathy(path)
        case "captions.txt":
            return read_captions_csv(path)
        case _:
            return _listed(folder, read_tokens(path))


def _listed(folder: DatasetFolder, items: list[Captioned]) -> list[Captioned]:
    """Return the items with the parts that the official lists give them, without those that no list names."""
    if not folder.has("Flickr_8k.trainImages.txt"):
        return items
    lists = {part: read_lines(folder.find(f"Flickr_8k.{name}.txt")) for part, name in LISTS.items()}
    part_of = {line.strip(): part for part, lines in lists.items() for line in lines}
    return [replace(item, part=part_of[item.file]) for item in items if item.file in part_of]
