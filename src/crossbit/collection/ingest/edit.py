"""Edits of stored items: other texts or metadata, other ids of the same pictures, and removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ...data.pairs import MODALITIES
from ..item import Item, checked
from ..model import Model, embed_one, joined_text
from ..storage.batch import FLAG, EncodedBatch
from ..storage.filters import parse
from ..storage.reads import items_of, number_of, numbers_matching
from ..storage.snapshot import SnapshotCache
from ..storage.store import ItemStore
from ..storage.transactions import commit, compact_segments


class EncodedTexts(NamedTuple):
    """Texts of an item and their real values, none where they say nothing."""

    texts: tuple[str, ...]
    values: Float[ndarray, "dim"] | None

    @classmethod
    def of(cls, model: Model, texts: Sequence[str]) -> EncodedTexts:
        """Return texts encoded by a model."""
        text = joined_text(texts, model.captions)
        return cls(tuple(texts), None if text is None else embed_one(model, text, "text"))


def update_items(
    store: ItemStore,
    snapshots: SnapshotCache,
    ids: Sequence[str],
    texts: EncodedTexts | None,
    metadata: Mapping[str, Any],
) -> int:
    """Give items other texts, or metadata that is merged into their own; return how many."""
    with store.locked(), snapshots.view() as (connection, snapshot):
        numbers = [number_of(connection, id_) for id_ in dict.fromkeys(ids)]
        items = items_of(connection, numbers)
        if numbers:
            batch = snapshot.batch(connection, {number: merged(items[number], metadata) for number in numbers})
            commit(store, numbers, batch if texts is None else with_texts(batch, texts))
    return len(numbers)


def remove_items(store: ItemStore, ids: Sequence[str]) -> int:
    """Remove items; an unknown id is refused before anything is removed. Return how many."""
    with store.locked(), store.reading() as connection:
        numbers = [number_of(connection, id_) for id_ in dict.fromkeys(ids)]
        if numbers:
            commit(store, numbers)
    return len(numbers)


def remove_matching(store: ItemStore, where: str) -> int:
    """Remove the items that a filter allows; return how many."""
    with store.locked(), store.reading() as connection:
        numbers = numbers_matching(connection, parse(where)).tolist()
        if numbers:
            commit(store, numbers)
    return len(numbers)


def compact_store(store: ItemStore) -> None:
    """Free the space of removed items; the file is rewritten, which takes as much again meanwhile."""
    with store.locked():
        with store.changing() as connection:
            compact_segments(connection)
        store.vacuum()


def merged(item: Item, metadata: Mapping[str, Any]) -> Item:
    """Return an item with metadata merged into its own; a value of None drops its name."""
    both = {**item.metadata, **checked(metadata)}
    return replace(item, metadata=checked({name: value for name, value in both.items() if value is not None}))


def with_texts(batch: EncodedBatch, texts: EncodedTexts) -> EncodedBatch:
    """Return the batch whose items all have these texts."""
    items = [replace(item, texts=texts.texts) for item in batch.items]
    if texts.values is None:
        return replace(batch, items=items).without("text")
    values, everywhere = np.tile(texts.values, (len(items), 1)), np.ones(len(items), bool)
    fresh = EncodedBatch.encoded(items, dict.fromkeys(MODALITIES, values), dict.fromkeys(MODALITIES, everywhere))
    return replace(
        batch,
        items=items,
        present=batch.present | np.uint8(FLAG["text"]),
        codes={**batch.codes, "text": fresh.codes["text"]},
        vectors={**(batch.vectors or {}), "text": (fresh.vectors or {})["text"]},
    )
