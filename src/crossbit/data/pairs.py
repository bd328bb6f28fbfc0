"""Pairs of images and texts: raw as a corpus, split, and as the features that methods learn from.

::

    Corpus      everything a loader found: ids, raw images, texts, labels, precomputed features
    Split       which ids train, query and form the database; frozen, with a checksum
    Paired      n aligned pairs, as features, pixels or tokens
    Vocabulary  what the tokens stand for
    Dataset     a corpus after feature extraction and splitting: what an experiment runs on
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

import numpy as np
from jaxtyping import Bool, Float32, Int, Shaped, UInt8
from numpy import ndarray

from ..errors import InputError

Modality: TypeAlias = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "text")
CROSSINGS: tuple[tuple[Modality, Modality], ...] = (("image", "text"), ("text", "image"))

#: A numpy array or a SciPy CSR array; only its first axis, the items, is ours.
Array: TypeAlias = Any
#: An image file, or RGB pixels.
RawImage: TypeAlias = Path | UInt8[ndarray, "h w 3"]

#: The ids in a row of word ids that are no words of the vocabulary; those of words follow.
PADDING, UNKNOWN, BEGIN, END = range(4)


@final
@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What word ids stand for: a word each, the first four being marks, and where given its vector from elsewhere.

    A vector of NaN belongs to a word that elsewhere is unknown.
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

    `image` and `text` are whatever an encoder takes: features (dense or CSR), pixels or token ids.
    `labels` is absent when a method may not see them. `item` numbers the item each row belongs to:
    rows of one item share its image when every caption of an image is a row of its own. `vocabulary` says what
    the token ids stand for.
    """

    image: Array
    text: Array
    labels: Bool[ndarray, "n classes"] | None = None
    item: Int[ndarray, "n"] = field(default_factory=lambda: np.empty(0, np.int64))
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        """Refuse parts that are not aligned."""
        if not len(self.item) and self.image.shape[0]:
            object.__setattr__(self, "item", np.arange(self.image.shape[0]))
        parts = {"image": self.image, "text": self.text, "labels": self.labels, "item": self.item}
        sizes = {name: part.shape[0] for name, part in parts.items() if part is not None}
        if len(set(sizes.values())) > 1:
            raise InputError(f"image, text, labels and item need one row per pair, but have {sizes} rows")

    def __len__(self) -> int:
        """Return the number of pairs."""
        return int(self.image.shape[0])

    def __getitem__(self, rows: slice | Shaped[ndarray, "m"]) -> Paired:
        """Return some pairs, given as a slice, row numbers or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        return Paired(self.image[rows], self.text[rows], labels, self.item[rows], self.vocabulary)

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
@dataclass(frozen=True)
class Split:
    """The ids that train, query and form the database; never drawn again, refused if they leak.

    `database` usually contains `train`. In instance retrieval (recall@K on captions) the queries
    of one modality are searched among the other modality of the same items: `instance` is True
    and `database` equals `query`. `validation` is for model selection and is disjoint from all else
    but the database.
    """

    name: str
    train: tuple[str, ...]
    query: tuple[str, ...]
    database: tuple[str, ...]
    validation: tuple[str, ...] = ()
    instance: bool = False

    def __post_init__(self) -> None:
        """Refuse a split that leaks, repeats an id or has an empty part."""
        for part in ("train", "query", "database"):
            if not getattr(self, part):
                raise InputError(f"split {self.name!r}: its {part} part is empty")
        for part in ("train", "query", "database", "validation"):
            repeated = [i for i, count in Counter(getattr(self, part)).items() if count > 1]
            if repeated:
                raise InputError(f"split {self.name!r}: {part} repeats {_some(repeated)}")
        self._refuse_overlap("query", "train")
        self._refuse_overlap("validation", "train")
        self._refuse_overlap("validation", "query")
        if self.instance and self.database != self.query:
            raise InputError(f"split {self.name!r}: instance retrieval searches the query items themselves")
        if not self.instance:
            self._refuse_overlap("query", "database")

    def _refuse_overlap(self, a: str, b: str) -> None:
        other = set(getattr(self, b))
        shared = [i for i in getattr(self, a) if i in other]
        if shared:
            raise InputError(
                f"split {self.name!r}: {len(shared)} items are in both {a} and {b}: {_some(shared)};"
                " remove them from one of the two, or the score is that of memory"
            )

    @property
    def sha256(self) -> str:
        """The checksum of the id lists; the name is not part of it."""
        lists = [self.train, self.query, self.database, self.validation]
        return hashlib.sha256(json.dumps(lists, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the split as JSON, with its checksum."""
        parts = {part: getattr(self, part) for part in ("train", "query", "database", "validation")}
        spec = {"name": self.name, "sha256": self.sha256, "instance": self.instance, **parts}
        path.write_text(json.dumps(spec, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read a split written by `save`; a wrong checksum is refused."""
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            lists = {part: tuple(map(_id, spec[part])) for part in ("train", "query", "database", "validation")}
            split = cls(spec["name"], instance=spec["instance"], **lists)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as fault:
            raise InputError(f"{path} is not a split file: {fault!r}") from None
        if split.sha256 != spec.get("sha256"):
            raise InputError(f"{path}: its ids have sha256 {split.sha256}, but the file says {spec.get('sha256')}")
        return split


def _id(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an id is a text, not {value!r}")
    return value


def _some(ids: Sequence[str], most: int = 5) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


@final
@dataclass(frozen=True, eq=False)
class Corpus:
    """Everything a dataset's loader found, before feature extraction; rows are items.

    `images` are paths or RGB pixels and may be generated on access; `texts` holds each item's captions in
    order, or its tags as one text; `features` holds precomputed matrices (dense or CSR) by modality.
    """

    name: str
    ids: tuple[str, ...]
    split: Split
    images: Sequence[RawImage] | None = None
    texts: Sequence[tuple[str, ...]] | None = None
    labels: Bool[ndarray, "n classes"] | None = None
    classes: tuple[str, ...] = ()
    features: Mapping[Modality, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, repeated ids and a split that names unknown items."""
        repeated = [i for i, count in Counter(self.ids).items() if count > 1]
        if repeated:
            raise InputError(f"{self.name}: ids must be unique, but {_some(repeated)} are repeated")
        sizes = {f"{modality} features": matrix.shape[0] for modality, matrix in self.features.items()}
        sizes |= {} if self.labels is None else {"labels": len(self.labels)}
        sizes |= {name: len(c) for name, c in (("images", self.images), ("texts", self.texts)) if c is not None}
        wrong = {name: size for name, size in sizes.items() if size != len(self.ids)}
        if wrong:
            raise InputError(f"{self.name}: there are {len(self.ids)} ids, but other counts of {wrong}")
        for part in ("train", "query", "database", "validation"):
            self.rows(getattr(self.split, part))

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    def rows(self, ids: Sequence[str]) -> Int[ndarray, "m"]:
        """Return the row of each id; unknown ids are refused by name."""
        where = self._row_of
        unknown = [i for i in ids if i not in where]
        if unknown:
            raise InputError(f"{self.name} has no items {_some(unknown)}; it has {len(self)} items")
        return np.array([where[i] for i in ids], np.int64)

    @property
    def _row_of(self) -> dict[str, int]:
        cached: dict[str, int] | None = self.__dict__.get("_rows")
        if cached is None:
            cached = {i: row for row, i in enumerate(self.ids)}
            object.__setattr__(self, "_rows", cached)
        return cached


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
                    digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def _arrays(array: Array) -> tuple[ndarray, ...]:
    if array is None:
        return ()
    return (array,) if isinstance(array, ndarray) else (array.data, array.indices, array.indptr)
