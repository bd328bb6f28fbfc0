"""Encoded items, ready to be written: facts, codes in each modality, vectors and thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Float16, Int64, UInt8
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import InputError
from ..item import Item
from . import checksums

#: The bit of a segment's `present` that stands for a modality.
FLAG: Mapping[Modality, int] = {"image": 1, "text": 2}


@final
@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """`n` items by row: a row of `codes` or `vectors` counts where the item has that modality, as `present` says."""

    items: Sequence[Item]
    present: UInt8[ndarray, "n"]
    codes: Mapping[Modality, Codes]
    vectors: Mapping[Modality, Float16[ndarray, "n d"]] | None = None
    thumbnails: Sequence[bytes | None] = ()

    def __post_init__(self) -> None:
        """Refuse parts that are not aligned, and an item with neither modality."""
        sizes = {len(self.items), len(self.present), *map(len, self.codes.values())}
        if len(sizes) > 1 or self.codes.keys() != {*MODALITIES}:
            raise InputError(f"a batch has a row of codes in each modality for each item, not {sorted(sizes)} rows")
        empty = np.flatnonzero(self.present == 0)
        if len(empty):
            raise InputError(f"{self.items[empty[0]].id} has neither a picture nor a text")

    @classmethod
    def encoded(
        cls,
        items: Sequence[Item],
        values: Mapping[Modality, Float[ndarray, "n d"]],
        has: Mapping[Modality, Bool[ndarray, "n"]],
        thumbnails: Sequence[bytes | None] = (),
    ) -> EncodedBatch:
        """Return the batch of a model's real values: codes are their signs, vectors their directions."""
        codes: dict[Modality, Codes] = {}
        vectors: dict[Modality, ndarray] = {}
        for modality in MODALITIES:
            codes[modality] = Codes.from_signs(values[modality])
            codes[modality].packed[~has[modality]] = 0
            vectors[modality] = unit(values[modality]).astype(np.float16)
        present = sum((has[m].astype(np.uint8) * np.uint8(FLAG[m]) for m in MODALITIES), np.zeros(len(items), np.uint8))
        return cls(items, present, codes, vectors, thumbnails)

    @classmethod
    def joined(cls, batches: Sequence[EncodedBatch]) -> EncodedBatch:
        """Return the items of several batches, at least one, that have vectors and thumbnails alike."""
        first, *others = batches
        if not others:
            return first
        packed = {m: np.concatenate([each.codes[m].packed for each in batches]) for m in MODALITIES}
        codes = {m: Codes(packed[m], first.codes[m].bits) for m in MODALITIES}
        vectors = None
        if first.vectors is not None:
            vectors = {m: np.concatenate([(each.vectors or {})[m] for each in batches]) for m in MODALITIES}
        return cls(
            [item for each in batches for item in each.items],
            np.concatenate([each.present for each in batches]),
            codes,
            vectors,
            [thumbnail for each in batches for thumbnail in each.thumbnails],
        )

    def __getitem__(self, rows: Int64[ndarray, "m"]) -> EncodedBatch:
        """Return some items, given by their rows."""
        vectors = None if self.vectors is None else {m: each[rows] for m, each in self.vectors.items()}
        small = [self.thumbnails[row] for row in rows.tolist()] if self.thumbnails else ()
        codes = {modality: each[rows] for modality, each in self.codes.items()}
        return EncodedBatch([self.items[row] for row in rows.tolist()], self.present[rows], codes, vectors, small)

    def without(self, modality: Modality) -> EncodedBatch:
        """Return the batch whose items lack a modality."""
        codes = self.codes[modality]
        none = Codes(np.zeros_like(codes.packed), codes.bits)
        return replace(self, present=self.present & ~np.uint8(FLAG[modality]), codes={**self.codes, modality: none})

    def without_vectors(self) -> EncodedBatch:
        """Return the batch with codes alone."""
        return replace(self, vectors=None)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    def code(self, row: int, modality: Modality) -> bytes | None:
        """Return the bytes of an item's code, or none where it lacks the modality."""
        return self.codes[modality].packed[row].tobytes() if self.present[row] & FLAG[modality] else None

    def vector(self, row: int, modality: Modality) -> bytes | None:
        """Return the bytes of an item's vector, or none where there is none."""
        if (
            self.vectors is None
            or not self.present[row] & FLAG[modality]
            or np.isnan(self.vectors[modality][row]).any()
        ):
            return None
        stored: bytes = self.vectors[modality][row].astype("<f2").tobytes()
        return stored

    @cached_property
    def digests(self) -> list[int]:
        """The checksum of each item with its codes."""
        images, texts = ([self.code(row, modality) for row in range(len(self))] for modality in MODALITIES)
        return checksums.of_items(self.items, images, texts)

    def vectors_digest(self, row: int) -> int | None:
        """Return the checksum of an item's vectors, or none where it has none."""
        vectors = [self.vector(row, modality) for modality in MODALITIES]
        return checksums.of_parts(*vectors) if any(vectors) else None


def unit(values: Float[ndarray, "n d"]) -> Float[ndarray, "n d"]:
    """Return rows of length one; a row of zeros stays."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: ndarray = values / np.where(length > 0, length, 1)
    return scaled
