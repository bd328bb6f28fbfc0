"""500 pictures of COCO with a caption each, as embeddings of CLIP: the space that zero-shot retrieval searches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.pairs import Array, Modality
from ..data.splits import Split, instance_split, random_split
from ..errors import InputError
from ..io.arrays import read_array, read_named
from .base import DatasetFolder, DatasetInfo, Loader
from .matlab import finite

FILE = "coco500_clip_vitb16.npz"
#: In alphabetical order of the categories' numbers, the file's columns; it does not name them.
CLASSES = 80


@final
@dataclass(frozen=True)
class Coco500Clip(Loader):
    """Loads the embeddings, unit rows of 512 numbers, with captions and classes.

    Zero-shot, by cosine, the 497 pairs with a class search each other with a MAP of 0.7305 (image to text) and 0.7398
    (text to image), and once each modality is centred, of 0.7470 and 0.7438; of all 500, the own caption or picture
    comes first for 0.552 and 0.506. `crossbit compare clip --dataset 'coco500-clip(task=zero-shot)' --bits 512 -m MAP`
    prints the former, `python tools/docs/zero_shot.py DATA_DIR` all of them.
    """

    task: Literal["labels", "captions", "zero-shot"] = "labels"
    """What is searched: pairs that share a class, a picture's own caption, or, without training, the pairs that have a
    class each other: the 3 without one are then the training part, which a method cannot learn from."""
    centred: bool = False
    """Whether the mean of each modality over all 500 pairs is taken off, and rows are scaled to unit length again."""
    query: int = 100
    """How many pairs query in the tasks `labels` and `captions`."""
    seed: int = 0

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="coco500-clip",
        title="500 pairs of COCO in CLIP's space",
        citation="Embeddings: W. Liang, Y. Zhang, Y. Kwon, S. Yeung, J. Zou. Mind the gap: understanding the modality"
        " gap in multi-modal contrastive representation learning. NeurIPS 2022. COCO: T.-Y. Lin et al. Microsoft COCO:"
        " common objects in context. ECCV 2014.",
        terms="embeddings MIT; labels and captions CC BY 4.0, of COCO's annotations",
        sources=("https://github.com/Weixin-Liang/Modality-Gap (embeddings)", "https://cocodataset.org (annotations)"),
        layout=f"{FILE}   image and text, 500 x 512 (CLIP ViT-B/16); labels, 500 x {CLASSES}; image_id; caption",
        contents=f"500 pairs of a picture and a caption, as embeddings, with the captions; {CLASSES} classes, one or"
        " more for 497 of the pairs; split, drawn with seed 0: 100 query, the other labelled pairs train and are"
        " searched",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the pairs in the order of the file; an item's id is its picture's number in COCO."""
        folder = DatasetFolder.of(self.info, data_dir)
        path = folder.find(FILE, f"coco500_clip/{FILE}")
        features: dict[Modality, Array] = {
            m: finite(read_array(f"{path}:{m}"), f"{path}: {m}") for m in ("image", "text")
        }
        labels = read_array(f"{path}:labels") > 0
        captions = [str(caption) for caption in read_named(path, "caption")]
        ids = tuple(str(number) for number in read_array(f"{path}:image_id"))
        if self.centred:
            features = {modality: centred(rows) for modality, rows in features.items()}
        return Corpus(
            self.info.name,
            ids,
            self._split(path, ids, np.asarray(labels.any(axis=1))),
            texts=[(caption,) for caption in captions],
            labels=labels,
            classes=tuple(map(str, range(labels.shape[1]))),
            features=features,
        )

    def _split(self, path: Path, ids: tuple[str, ...], labelled: ndarray) -> Split:
        known = tuple(name for name, has in zip(ids, labelled, strict=True) if has)
        others = tuple(name for name, has in zip(ids, labelled, strict=True) if not has)
        if self.task == "captions":
            return instance_split("random", ids, query=self.query, seed=self.seed)
        if self.task == "labels":
            return random_split("random", known, query=self.query, train=len(known) - self.query, seed=self.seed)
        if not others:
            raise InputError(f"{path}: every pair has a class, and zero-shot needs one without, as its training part")
        return Split("zero-shot", train=others, query=known, database=known, instance=True)


def centred(rows: Float[ndarray, "n d"]) -> Float[ndarray, "n d"]:
    """Return rows without their mean, scaled to unit length."""
    off = rows - rows.mean(axis=0)
    scaled: ndarray = off / np.linalg.norm(off, axis=1, keepdims=True)
    return scaled
