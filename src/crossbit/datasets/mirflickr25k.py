"""MIRFLICKR-25K: Flickr photos with their tags and 24 labels, in the 20,015 pairs of the hashing literature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.pairs import Modality
from ..data.splits import random_split
from ..errors import InputError
from ..io.text import leave_out, read_flags, read_lines
from .base import DatasetFolder, DatasetInfo, Loader
from .dcmh_release import ReleaseParts, find_release, read_release, release_layout
from .image_features import ImageFeatures, image_features
from .matlab import indicator

# fmt: off
CLASSES = (
    "animals", "baby", "bird", "car", "clouds", "dog", "female", "flower",
    "food", "indoor", "lake", "male", "night", "people", "plant_life", "portrait",
    "river", "sea", "sky", "structures", "sunset", "transport", "tree", "water",
)
# fmt: on
TAGS = 1386
MERGED = ("FLICKR-25K.mat", "MIRFLICKR25K.mat")
IMAGES = ("images128", "mirflickr")


@final
@dataclass(frozen=True)
class Mirflickr25k(Loader):
    """Loads the tag and label lists with pictures or features, or else the MATLAB files of DCMH's authors.

    The queries, then the database, then its first part, which trains, are drawn by `seed`. The MATLAB files do not name
    their 24 label columns: the order of the lists is ASSUMED for them, which touches class names and no score.
    """

    query: int = 2000
    train: int = 5000
    seed: int = 0
    precomputed: bool = True
    """Whether a file of image features, where there is one, is read; its `ids` say which pairs make up the corpus."""
    features: str = ""
    """That file, as FILE or FILE:NAME below the folder; by default the one that looks like one."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="mirflickr25k",
        title="MIRFLICKR-25K",
        citation="M. J. Huiskes, M. S. Lew. The MIR Flickr retrieval evaluation. ACM Multimedia Information Retrieval,"
        " 2008. Its 20,015 pairs with 1,386 tags: Q.-Y. Jiang, W.-J. Li. Deep cross-modal hashing. CVPR 2017.",
        terms="photos under Creative Commons licences, which owe credit to each photographer",
        sources=("http://press.liacs.nl/mirflickr/ (photos)", "https://github.com/jiangqy/DCMH-CVPR2017 (lists)"),
        layout=f"""all_imgs.txt           one line per pair: the picture, e.g. mirflickr/im1.jpg
all_tags.txt           its tags, between commas
all_labels.txt         its 24 labels, 0 or 1, between blanks
TagList.txt            the vocabulary: one tag per line
{" or ".join(f"{folder}/" for folder in IMAGES)}  the pictures, im1.jpg ...
*features*.npz, or another file of features  optional: a row per pair, or ids, the numbers of the pictures

or, as released with DCMH:
{release_layout("mirflickr25k", tags=TAGS, classes=len(CLASSES), merged=MERGED[0])}""",
        contents="20,015 pairs of a photo and its tags (as many of them as have pictures or features), 24 classes, one"
        " or more per pair; split, drawn with seed 0: 2,000 query, the rest the database, 5,000 of it train",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pairs in the order of their lists; a pair's text is its tags between blanks."""
        folder = DatasetFolder.of(self.info, data_dir)
        release = find_release(folder, "mirflickr25k", MERGED)
        return self._from_mat(folder, release) if release else self._from_lists(folder)

    def _from_lists(self, folder: DatasetFolder) -> Corpus:
        names = [Path(line).stem for line in read_lines(folder.find("all_imgs.txt"))]
        tags = [line.split(",") for line in read_lines(folder.find("all_tags.txt"), len(names))]
        labels = read_flags(folder.find("all_labels.txt"), (len(names), len(CLASSES)))
        vocabulary = read_lines(folder.find("TagList.txt"))
        features: dict[Modality, Float[ndarray, "n d"]] = {}
        given = image_features(folder, self.features) if self.precomputed else None
        if given:
            kept, features["image"] = _features(given, names)
            listed = [names[row] for row in kept]
            pictures = _pictures(folder, listed) if any(map(folder.has, IMAGES)) else {}
        else:
            pictures = _pictures(folder, names)
            kept = [row for row, name in enumerate(names) if name in pictures]
        ids = tuple(names[row] for row in kept)
        chosen = [tags[row] for row in kept]
        return Corpus(
            self.info.name,
            ids,
            random_split("random", ids, query=self.query, train=self.train, seed=self.seed),
            images=[pictures[name] for name in ids] if all(name in pictures for name in ids) else None,
            texts=[(" ".join(words),) for words in chosen],
            labels=labels[kept],
            classes=CLASSES,
            features={**features, "text": indicator(chosen, vocabulary)},
        )

    def _from_mat(self, folder: DatasetFolder, release: ReleaseParts) -> Corpus:
        chosen = self.features if self.precomputed else None
        ids, columns = read_release(folder, release, tags=TAGS, classes=len(CLASSES), features=chosen)
        split = random_split("random", ids, query=self.query, train=self.train, seed=self.seed)
        return Corpus(self.info.name, ids, split, classes=CLASSES, **columns)


def _features(given: ImageFeatures, names: Sequence[str]) -> tuple[list[int], Float[ndarray, "n d"]]:
    """Return the rows of the lists that have features, and the features."""
    if given.ids is None:
        return [*range(len(names))], given.of(len(names)).astype(np.float32, copy=False)
    row_of = {name: row for row, name in enumerate(names)}
    stems = [f"im{number}" for number in np.ravel(given.ids)]
    unknown = [stem for stem in stems if stem not in row_of]
    if unknown or len(stems) != len(given.matrix):
        raise InputError(
            f"{given.place}: {len(given.matrix)} rows, {len(stems)} ids and {len(unknown)} ids that all_imgs.txt does"
            " not list"
        )
    return [row_of[stem] for stem in stems], given.matrix.astype(np.float32, copy=False)


def _pictures(folder: DatasetFolder, names: Sequence[str]) -> dict[str, Path]:
    where = folder.find(*IMAGES)
    there = {path.stem: path for path in where.iterdir() if path.suffix == ".jpg"}
    absent = [name for name in names if name not in there]
    leave_out(f"pictures are not in {where}", absent, len(names), refuse=False)
    return {name: there[name] for name in names if name in there}
