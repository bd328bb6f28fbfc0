"""Wikipedia featured articles: 2,866 pairs of an article's section and its image, in ten categories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.splits import Split
from ..errors import InputError
from ..io.arrays import read_named
from ..io.text import read_lines
from .base import DatasetFolder, DatasetInfo, Loader
from .matlab import finite

PARTS = {"train": "tr", "test": "te"}


@final
@dataclass(frozen=True)
class Wikipedia(Loader):
    """Loads the official features and lists; the split is the official one."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="wikipedia",
        title="Wikipedia featured articles",
        citation="N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. R. G. Lanckriet, R. Levy, N. Vasconcelos."
        " A new approach to cross-modal multimedia retrieval. ACM Multimedia, 2010.",
        terms="texts and images of Wikipedia under their free licences; cite the paper",
        sources=("http://www.svcl.ucsd.edu/projects/crossmodal/", "https://github.com/emanuetre/crossmodal"),
        layout="raw_features.mat              I_tr, I_te: 128-d SIFT histograms; T_tr, T_te: 10-d LDA topics\n"
        "trainset_txt_img_cat.list     one line per pair: text, image, number of the category from 1\n"
        "testset_txt_img_cat.list\n"
        "categories.list               one name per line",
        contents="2,866 pairs, 10 classes, one per pair; split: 693 query, 2,173 train and form the database",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pairs, training part first; an item's id is the name of its text."""
        folder = DatasetFolder.of(self.info, data_dir)
        classes = tuple(read_lines(folder.find("categories.list")))
        lists = {part: folder.find(f"{part}set_txt_img_cat.list") for part in PARTS}
        pairs = {part: [_pair(path, line, len(classes)) for line in read_lines(path)] for part, path in lists.items()}
        train, query = (tuple(name for name, _ in pairs[part]) for part in PARTS)
        numbers = [number for part in PARTS for _, number in pairs[part]]
        counts = {part: len(pairs[part]) for part in PARTS}
        path = folder.find("raw_features.mat")
        return Corpus(
            self.info.name,
            ids=train + query,
            split=Split("official", train, query, train),
            labels=np.eye(len(classes), dtype=bool)[numbers],
            classes=classes,
            features={"image": _features(path, "I", counts), "text": _features(path, "T", counts)},
        )


def _pair(path: Path, line: str, classes: int) -> tuple[str, int]:
    match line.split("\t"):
        case [text, _, number] if number.isdecimal() and 1 <= int(number) <= classes:
            return text, int(number) - 1
    raise InputError(f"{path}: a line is text, image and a category of 1 to {classes}, between tabs, not {line!r}")


def _features(path: Path, letter: str, counts: dict[str, int]) -> Float[ndarray, "n d"]:
    parts = {part: read_named(path, f"{letter}_{key}") for part, key in PARTS.items()}
    for part, matrix in parts.items():
        if len(matrix) != counts[part]:
            raise InputError(f"{path}: {len(matrix)} rows in the {part} part, but its list has {counts[part]} lines")
    features: Float[ndarray, "n d"] = np.concatenate([*parts.values()])
    finite(features, f"{path}: {letter}_tr and {letter}_te")
    return features
