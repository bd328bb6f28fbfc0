"""IAPR TC-12: 20,000 holiday photos with descriptions; as a hashing benchmark with 255 labels and 2,912 words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from scipy.sparse import csr_array, vstack

from ..data.corpus import Corpus
from ..data.splits import instance_split, random_split
from ..errors import InputError
from ..io.arrays import plain_rows, read_named
from ..io.text import leave_out, path_below
from .base import DatasetFolder, DatasetInfo, Loader
from .image_features import image_features
from .matlab import finite, read_flag_matrix, read_matrix, read_names

WORDS, CLASSES = 2912, 255
ANNOTATIONS = "annotations_complete_eng"
#: The file of UCCH's authors and its arrays, read in their code; its rows are shuffled, the queries last.
UCCH_FILE = "iapr-tc12-rand.mat"


@final
@dataclass(frozen=True)
class IaprTc12(Loader):
    """Loads the MATLAB lists of the hashing literature, or else the photos with their English descriptions.

    The latter carry no labels: a description is then searched by its photo, and a photo by its description.
    """

    query: int = 2000
    train: int = 10_000
    seed: int = 0
    features: str = ""
    """A file of image features, as FILE or FILE:NAME below the folder; by default the one that looks like one."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="iaprtc12",
        title="IAPR TC-12",
        citation="M. Grubinger, P. Clough, H. Müller, T. Deselaers. The IAPR TC-12 benchmark: a new evaluation resource"
        " for visual information systems. OntoImage workshop at LREC, 2006.",
        terms="free of charge and without copyright restrictions, says its page",
        sources=(
            "https://www.imageclef.org/photodata (photos and descriptions)",
            "https://github.com/WangGodder/deep-cross-modal-hashing (the MATLAB lists' format)",
        ),
        layout=f"""labelList.mat  labels, pairs x {CLASSES}
tagList.mat    tags, pairs x {WORDS} words
imgList.mat    imgs, the pictures' names, e.g. 00/25.jpg
images/        optional: the pictures
*features*.npy, or another such file  optional: image features, a row per pair

or, in one file:
{UCCH_FILE}  VDatabase and VTest: image features; YDatabase and YTest: {WORDS} words; databaseL and testL

or, as ImageCLEF hands it out:
images/00/25.jpg ...
{ANNOTATIONS}/00/25.eng ...  with the description between <DESCRIPTION> and </DESCRIPTION>""",
        contents="20,000 pairs of a photo and a description; the lists: 255 classes, one or more per pair, split, drawn"
        " with seed 0: 2,000 query, the rest the database, 10,000 of it train; the photos and descriptions alone: no"
        " classes, 2,000 pairs query each other and all others train",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pairs; an item's id is its picture's name, e.g. 00/25."""
        folder = DatasetFolder.of(self.info, data_dir)
        if folder.has(UCCH_FILE):
            return self._from_ucch(folder.path / UCCH_FILE)
        return self._from_descriptions(folder) if folder.has(ANNOTATIONS) else self._from_mat(folder)

    def _from_ucch(self, path: Path) -> Corpus:
        labels = np.concatenate([read_flag_matrix(path, name, CLASSES) for name in ("databaseL", "testL")])
        words = vstack([csr_array(read_matrix(path, name, WORDS)) for name in ("YDatabase", "YTest")], format="csr")
        images = np.concatenate([plain_rows(read_named(path, name), str(path)) for name in ("VDatabase", "VTest")])
        ids = tuple(f"{row:06d}" for row in range(len(labels)))
        return Corpus(
            self.info.name,
            ids,
            random_split("random", ids, query=self.query, train=self.train, seed=self.seed),
            labels=labels,
            features={
                "image": finite(images, f"{path}: VDatabase and VTest"),
                "text": csr_array(words, dtype=np.float32),
            },
        )

    def _from_mat(self, folder: DatasetFolder) -> Corpus:
        labels = read_flag_matrix(folder.find("labelList.mat"), "labels", CLASSES)
        words = read_matrix(folder.find("tagList.mat"), "tags", WORDS)
        names = read_names(folder.find("imgList.mat"), "imgs")
        ids = tuple(name.removesuffix(".jpg") for name in names)
        given = image_features(folder, self.features)
        return Corpus(
            self.info.name,
            ids,
            random_split("random", ids, query=self.query, train=self.train, seed=self.seed),
            images=[path_below(folder.path / "images", name) for name in names] if folder.has("images") else None,
            labels=labels,
            features={
                "text": csr_array(words, dtype=np.float32),
                **({"image": given.of(len(ids))} if given else {}),
            },
        )

    def _from_descriptions(self, folder: DatasetFolder) -> Corpus:
        where, photos = folder.find(ANNOTATIONS), folder.find("images")
        texts = {path.relative_to(where).with_suffix("").as_posix(): path for path in sorted(where.rglob("*.eng"))}
        absent = [name for name in texts if not (photos / f"{name}.jpg").is_file()]
        leave_out(f"pictures are not in {photos}", absent, len(texts), refuse=False)
        ids = tuple(name for name in texts if name not in {*absent})
        return Corpus(
            self.info.name,
            ids,
            instance_split("random", ids, query=self.query, seed=self.seed),
            images=[photos / f"{name}.jpg" for name in ids],
            texts=[(_description(texts[name]),) for name in ids],
        )


def _description(path: Path) -> str:
    """Return the description in one file; the files are in Latin-1 (recalled) and no proper XML."""
    found = re.search("<DESCRIPTION>(.*?)</DESCRIPTION>", path.read_text("latin-1"), re.DOTALL | re.IGNORECASE)
    if not found:
        raise InputError(f"{path} holds no text between <DESCRIPTION> and </DESCRIPTION>")
    return " ".join(found[1].split())
