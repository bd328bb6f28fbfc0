"""A dataset as its loader reads it, before feature extraction: ids, images, texts, labels and features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from ..errors import InputError
from .pairs import Array, Modality, RawImage
from .splits import Split, listed


@final
@dataclass(frozen=True, eq=False)
class Corpus:
    """A dataset before feature extraction; rows are items.

    `images` are paths or RGB pixels and may be generated on access; `texts` holds each item's captions in
    order, or its tags as one text; `features` holds precomputed matrices (dense or CSR) by modality. Of files of your
    own, `metadata` holds each item's other columns and its labels as written, and `source` is the place they came from.
    """

    name: str
    ids: tuple[str, ...]
    split: Split
    images: Sequence[RawImage] | None = None
    texts: Sequence[tuple[str, ...]] | None = None
    labels: Bool[ndarray, "n classes"] | None = None
    classes: tuple[str, ...] = ()
    features: Mapping[Modality, Array] = field(default_factory=dict)
    metadata: Sequence[Mapping[str, Any]] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, repeated ids and a split that names unknown items."""
        repeated = [i for i, count in Counter(self.ids).items() if count > 1]
        if repeated:
            raise InputError(f"{self.name}: ids must be unique, but {listed(repeated)} are repeated")
        sizes = {f"{modality} features": matrix.shape[0] for modality, matrix in self.features.items()}
        sizes |= {} if self.labels is None else {"labels": len(self.labels)}
        columns = ("images", self.images), ("texts", self.texts), ("metadata", self.metadata)
        sizes |= {name: len(column) for name, column in columns if column is not None}
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
            raise InputError(f"{self.name} has no items {listed(unknown)}; it has {len(self)} items")
        return np.array([where[i] for i in ids], np.int64)

    @property
    def _row_of(self) -> dict[str, int]:
        cached: dict[str, int] | None = self.__dict__.get("_rows")
        if cached is None:
            cached = {i: row for row, i in enumerate(self.ids)}
            object.__setattr__(self, "_rows", cached)
        return cached
