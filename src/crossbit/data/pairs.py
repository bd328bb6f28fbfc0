"""Pairs of images and texts as methods learn from them: aligned rows of features, pixels or token ids.

::

    Paired      n aligned pairs, with labels where they are known
    Vocabulary  the words of the token ids
    Dataset     a corpus after feature extraction and splitting: the input of an experiment
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, final

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8
from numpy import ndarray

from ..errors import InputError
from .rows import Array as Array
from .rows import Chosen, blocks, is_sparse, select, unread
from .splits import Split

Modality: TypeAlias = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "text")
CROSSINGS: tuple[tuple[Modality, Modality], ...] = (("image", "text"), ("text", "image"))

#: An image file, the bytes of one, or RGB pixels.
RawImage: TypeAlias = Path | bytes | UInt8[ndarray, "h w 3"]

#: The token ids that stand for no word of the vocabulary; those of words follow.
PADDING, UNKNOWN, BEGIN, END = range(4)


@final
@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The word of each token id, of which the first four are marks, and optionally pretrained word vectors.

    A word without a pretrained vector has a row of NaN.
    """

    words: tuple[str, ...]
    vectors: Float32[ndarray, "words width"] | None = None

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self.words)

    def sentence(self, ids: Int[ndarray, "length"]) -> str:
        """Return the words of a row of ids up to its end."""
        ends = np.flatnonzero((ids == END) | (ids == PADDING))
        return " ".join(self.words[i] for i in ids[: ends[0] if len(ends) else None] if i != BEGIN)


@final
@dataclass(frozen=True, eq=False)
class Paired:
    """`n` image-text pairs, aligned by row.

    `image` and `text` are whatever an encoder takes: features (dense or CSR), pixels or token ids; large ones may be
    `Rows` of a matrix that is never copied. `labels` is absent when a method may not see them. `item` numbers the item
    each row belongs to: rows of one item share its image when every caption of an image is a row of its own.
    `vocabulary` gives the words of the token ids.
    """

    image: Array
    text: Array
    labels: Bool[ndarray, "n classes"] | None = None
    item: Int[ndarray, "n"] = field(default_factory=lambda: np.empty(0, np.int64))
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        """Refuse parts that are not aligned, and leave large matrices in their files."""
        for modality in MODALITIES:
            object.__setattr__(self, modality, unread(self.of(modality)))
        if not len(self.item) and self.image.shape[0]:
            object.__setattr__(self, "item", np.arange(self.image.shape[0]))
        parts = {"image": self.image, "text": self.text, "labels": self.labels, "item": self.item}
        sizes = {name: part.shape[0] for name, part in parts.items() if part is not None}
        if len(set(sizes.values())) > 1:
            raise InputError(f"image, text, labels and item need one row per pair, but have {sizes} rows")

    def __len__(self) -> int:
        """Return the number of pairs."""
        return int(self.image.shape[0])

    def __getitem__(self, rows: Chosen) -> Paired:
        """Return some pairs, given as a slice, row numbers or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        return Paired(select(self.image, rows), select(self.text, rows), labels, self.item[rows], self.vocabulary)

    @property
    def known_labels(self) -> Bool[ndarray, "n classes"]:
        """The labels, where they are not optional."""
        if self.labels is None:
            raise InputError("these pairs carry no labels, and supervision or evaluation by label needs them")
        return self.labels

    def of(self, modality: Modality) -> Array:
        """Return the part of the pairs that belongs to one modality."""
        return self.image if modality == "image" else self.text

    def side(self, modality: Modality) -> Paired:
        """Return the pairs as one side of a search: every text, but an image once, whatever captions repeat it."""
        first = np.sort(np.unique(self.item, return_index=True)[1])
        return self if modality == "text" or len(first) == len(self) else self[first]

    def unlabelled(self) -> Paired:
        """Return the same pairs without their labels, so that an unsupervised method cannot peek."""
        return replace(self, labels=None)

    def batches(
        self, size: int, rng: np.random.Generator, *, drop_last: bool = False
    ) -> Iterator[tuple[Int[ndarray, "m"], Paired]]:
        """Yield one shuffled pass over all pairs as `(rows, pairs)`."""
        order = rng.permutation(len(self))
        end = len(self) // size * size if drop_last and len(self) >= size else len(self)
        for start in range(0, end, size):
            rows = order[start : start + size]
            yield rows, self[rows]


@final
@dataclass(frozen=True, eq=False)
class Dataset:
    """A benchmark ready to run: the pairs of each part of its split, as features."""

    name: str
    train: Paired
    query: Paired
    database: Paired
    split: Split
    classes: tuple[str, ...] = ()
    validation: Paired | None = None

    @property
    def sha256(self) -> str:
        """The checksum of all that methods are fitted on or scored with: features, labels, items, word vectors."""
        digest = hashlib.sha256()
        for pairs in filter(None, (self.train, self.query, self.database, self.validation)):
            start = None if pairs.vocabulary is None else pairs.vocabulary.vectors
            for array in (pairs.image, pairs.text, pairs.labels, pairs.item, start):
                for part in _arrays(array):
                    digest.update(f"{part.dtype} {part.shape}".encode())
                    for _, block in blocks(part):
                        digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()


def _arrays(array: Array) -> tuple[Array, ...]:
    if array is None:
        return ()
    return (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
