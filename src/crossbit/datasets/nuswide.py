"""NUS-WIDE: 269,648 Flickr photos with 1,000 tags and 81 concepts; the literature uses the 10 or 21 commonest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray
from scipy.sparse import csr_array, vstack

from ..data.corpus import Corpus
from ..data.splits import Split, class_balanced_split, random_split
from ..errors import InputError
from ..io.text import flag_blocks, leave_out, path_below, read_flags, read_lines
from .base import DatasetFolder, DatasetInfo, Loader
from .dcmh_release import ReleaseParts, find_release, read_release, release_layout
from .image_features import image_features

TAGS = 1000
MERGED = {10: ("NUS-WIDE-TC10.mat",), 21: ("NUS-WIDE-TC21.mat",)}
SIZES = {10: (2000, 5000), 21: (2100, 10_500), 81: (5000, 10_000)}  # query and train; published with each variant


@final
@dataclass(frozen=True)
class NusWide(Loader):
    """Loads the official lists, or else the MATLAB files of DCMH's authors.

    Pairs without any of the chosen concepts are left out.
    """

    concepts: Literal[10, 21, 81] = 21
    """How many of the concepts, the commonest first, are the classes."""
    tagged: bool = False
    """Whether pairs without a tag are left out too, as SSAH and MITH do."""
    query: int | None = None
    train: int | None = None
    seed: int = 0
    features: str = ""
    """A file of image features, as FILE or FILE:NAME below the folder; by default the one that looks like one."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="nuswide",
        title="NUS-WIDE",
        citation="T.-S. Chua, J. Tang, R. Hong, H. Li, Z. Luo, Y.-T. Zheng. NUS-WIDE: a real-world web image database"
        " from National University of Singapore. ACM CIVR, 2009.",
        terms="research use; the photos belong to their photographers and are handed out on a signed request",
        sources=(
            "https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html",
            "https://github.com/NExTplusplus/NUS-WIDE",
        ),
        layout=f"""ImageList/Imagelist.txt                     one picture per line, e.g. actor\\0001_2124494179.jpg
Groundtruth/AllLabels/Labels_<concept>.txt  one 0 or 1 per line, 81 files
NUS_WID_Tags/AllTags1k.txt                  1,000 tags, 0 or 1, per line
NUS_WID_Tags/TagList1k.txt                  the vocabulary: one tag per line
Flickr/                                     optional: the pictures
*features*.npy, or another such file        optional: image features, one row per picture of the list

or, as released with DCMH (tc10 or tc21):
{release_layout("nus-wide-tc10", tags=TAGS, classes=10, merged=MERGED[10][0])}""",
        contents="pairs of a photo and its tags that have one of the concepts: published as 186,577 for 10 and 195,834"
        " for 21 of them (not checked here); split: 2,000 query, 200 of each of 10 classes, and 5,000 train, or 2,100"
        " and 10,500 of 21, drawn with seed 0, the rest and the training part form the database",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pairs in the order of their list; a pair's text is its tags between blanks."""
        folder = DatasetFolder.of(self.info, data_dir)
        stem = f"nus-wide-tc{self.concepts}"
        release = find_release(folder, stem, MERGED.get(self.concepts, ()))
        return self._from_mat(folder, release) if release else self._from_lists(folder)

    def _from_lists(self, folder: DatasetFolder) -> Corpus:
        names = [line.strip().replace("\\", "/") for line in read_lines(folder.find("ImageList/Imagelist.txt"))]
        classes, labels = _commonest(folder, len(names), self.concepts)
        vocabulary = read_lines(folder.find("NUS_WID_Tags/TagList1k.txt"), TAGS)
        tags = _tags(folder.find("NUS_WID_Tags/AllTags1k.txt"), len(names))
        kept = labels.any(axis=1)
        if self.tagged:
            kept &= np.diff(tags.indptr) > 0
        if folder.has("Flickr"):
            kept &= _pictured(folder.path / "Flickr", names)
        given = image_features(folder, self.features)
        rows = np.flatnonzero(kept)
        ids = tuple(names[row].removesuffix(".jpg") for row in rows)
        return Corpus(
            self.info.name,
            ids,
            self._split(ids, labels[rows]),
            images=[path_below(folder.path / "Flickr", names[row]) for row in rows] if folder.has("Flickr") else None,
            texts=[(" ".join(vocabulary[tag] for tag in tags.indices[a:b]),) for a, b in _spans(tags, rows)],
            labels=labels[rows],
            classes=classes,
            features={"text": tags[rows], **({"image": given.of(len(names))[rows]} if given else {})},
        )

    def _from_mat(self, folder: DatasetFolder, release: ReleaseParts) -> Corpus:
        ids, columns = read_release(folder, release, tags=TAGS, classes=self.concepts, features=self.features)
        return Corpus(self.info.name, ids, self._split(ids, columns["labels"]), **columns)

    def _split(self, ids: Sequence[str], labels: Bool[ndarray, "n classes"]) -> Split:
        query, train = (
            default if given is None else given
            for given, default in zip((self.query, self.train), SIZES[self.concepts], strict=True)
        )
        if self.concepts == 81:
            return random_split("random", ids, query=query, train=train, seed=self.seed)
        quotas = [(query // self.concepts, train // self.concepts)] * self.concepts
        return class_balanced_split("class-balanced", ids, labels, quotas=quotas, train=train, seed=self.seed)


def _commonest(folder: DatasetFolder, n: int, most: int) -> tuple[tuple[str, ...], Bool[ndarray, "n classes"]]:
    """Return the most frequent concepts, in alphabetical order, and the pictures' labels."""
    where = folder.find("Groundtruth/AllLabels")
    files = sorted(where.glob("Labels_*.txt"))
    if len(files) < most:
        raise InputError(f"{where} holds {len(files)} files Labels_<concept>.txt, but {most} concepts are wanted")
    labels = np.concatenate([read_flags(file, (n, 1)) for file in files], axis=1)
    chosen = np.sort(np.argsort(-labels.sum(axis=0), kind="stable")[:most])
    return tuple(files[i].stem.removeprefix("Labels_") for i in chosen), labels[:, chosen]


def _tags(path: Path, n: int) -> csr_array:
    blocks = [csr_array(block, dtype=np.float32) for block in flag_blocks(path, TAGS)]
    if sum(block.shape[0] for block in blocks) != n:
        raise InputError(f"{path} has {sum(block.shape[0] for block in blocks)} lines, but there are {n} items")
    return csr_array(vstack(blocks, format="csr"))


def _spans(tags: csr_array, rows: Int[ndarray, "m"]) -> list[tuple[int, int]]:
    return [(int(tags.indptr[row]), int(tags.indptr[row + 1])) for row in rows]


def _pictured(folder: Path, names: Sequence[str]) -> Bool[ndarray, "n"]:
    there = np.array([path_below(folder, name).is_file() for name in names], bool)
    absent = [name for name, found in zip(names, there, strict=True) if not found]
    leave_out(f"pictures are not in {folder}", absent, len(names), refuse=False)
    return there
