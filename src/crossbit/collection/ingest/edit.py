"""Saying something else of items without encoding them again: metadata, texts, another name of the same picture."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ..encoding import embed_one, joined_text
from ..item import Item, checked
from ..model import Model
from ..storage.batch import FLAG, EncodedBatch
from ..storage.reads import thumbnails_of, vectors_of
from ..storage.snapshot import Snapshot


def restated(connection: sqlite3.Connection, snapshot: Snapshot, items: Mapping[int, Item]) -> EncodedBatch:
    """Return a batch that says something else of the items under some numbers; codes, vectors, thumbnails stay."""
    numbers = np.array(list(items), np.int64)
    present = np.zeros(len(numbers), np.uint8)
    codes: dict[Modality, Codes] = {}
    vectors: dict[Modality, ndarray] = {}
    for modality, side in snapshot.sides.items():
        packed = np.zeros((len(numbers), side.codes.packed.shape[1]), np.uint8)
        has = np.isin(numbers, side.numbers)
        packed[has] = side.codes.packed[side.rows(numbers)]
        present |= has * np.uint8(FLAG[modality])
        codes[modality] = Codes(packed, side.codes.bits)
        vectors[modality] = vectors_of(connection, numbers.tolist(), modality, side.codes.bits).astype(np.float16)
    small = thumbnails_of(connection, numbers.tolist())
    return EncodedBatch(list(items.values()), present, codes, vectors, [small.get(int(number)) for number in numbers])


def merged(item: Item, metadata: Mapping[str, Any]) -> Item:
    """Return an item with metadata merged into its own; a value of None drops its name."""
    both = {**item.metadata, **metadata}
    return replace(item, metadata=checked({name: value for name, value in both.items() if value is not None}))


def with_texts(batch: EncodedBatch, texts: Sequence[str], model: Model) -> EncodedBatch:
    """Return the batch whose items all have these texts, encoded anew."""
    items = [replace(item, texts=tuple(texts)) for item in batch.items]
    text = joined_text(texts, model.captions)
    if text is None:
        return replace(batch, items=items).without("text")
    values = np.tile(embed_one(model, text, "text"), (len(items), 1))
    everywhere = np.ones(len(items), bool)
    fresh = EncodedBatch.encoded(items, dict.fromkeys(MODALITIES, values), dict.fromkeys(MODALITIES, everywhere))
    return replace(
        batch,
        items=items,
        present=batch.present | np.uint8(FLAG["text"]),
        codes={**batch.codes, "text": fresh.codes["text"]},
        vectors={**(batch.vectors or {}), "text": (fresh.vectors or {})["text"]},
    )
