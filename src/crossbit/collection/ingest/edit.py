"""Edits of stored items: values set by hand, and dropped again for those of the source; and removal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ...data.pairs import MODALITIES
from ...errors import InputError
from ..item import Item, checked
from ..model import Model, embed_one, joined_text
from ..storage.batch import FLAG, EncodedBatch
from ..storage.filter_fields import COLUMNS
from ..storage.filters import parse
from ..storage.reads import items_of, number_of, numbers_matching
from ..storage.snapshot import SnapshotCache
from ..storage.store import ItemStore
from ..storage.transactions import commit, compact_segments

#: Encodes the texts of an item.
Encode: TypeAlias = Callable[[Sequence[str]], "EncodedTexts"]


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
    """Set texts of items by hand, or metadata that is merged into their own; return how many."""
    for name in COLUMNS.keys() & {name for name, value in checked(metadata).items() if value is not None}:
        raise InputError(
            f"metadata cannot be called {name!r}: a filter takes that for the item's own {name}; choose another name"
        )
    with store.locked(), snapshots.view() as (connection, snapshot):
        numbers = [number_of(connection, id_) for id_ in dict.fromkeys(ids)]
        items = items_of(connection, numbers)
        if numbers:
            wanted = None if texts is None else texts.texts
            edited = {number: items[number].edited(wanted, metadata) for number in numbers}
            batch = snapshot.batch(connection, edited)
            commit(store, numbers, batch if texts is None else with_texts(batch, texts))
    return len(numbers)


def reset_items(store: ItemStore, snapshots: SnapshotCache, ids: Sequence[str], encode: Encode) -> int:
    """Drop what was set by hand of items, which get their sources' values again; return how many had any."""
    groups: dict[tuple[str, ...] | None, dict[int, Item]] = {}
    with store.locked():
        with store.reading() as connection:
            numbers = [number_of(connection, id_) for id_ in dict.fromkeys(ids)]
            edited = {number: item for number, item in items_of(connection, numbers).items() if item.edits is not None}
        for number, item in edited.items():
            groups.setdefault(None if item.own.texts == item.texts else item.own.texts, {})[number] = item.own
        encoded = {texts: encode(texts) for texts in groups if texts is not None}
        with snapshots.view() as (connection, snapshot):
            batches = {texts: snapshot.batch(connection, items) for texts, items in groups.items()}
            parts = [with_texts(each, encoded[texts]) if texts is not None else each for texts, each in batches.items()]
            if edited:
                commit(store, [*edited], EncodedBatch.joined(parts))
    return len(edited)


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


def with_texts(batch: EncodedBatch, texts: EncodedTexts) -> EncodedBatch:
    """Return a batch, whose items all have these texts, with their codes."""
    if texts.values is None:
        return batch.without("text")
    values, everywhere = np.tile(texts.values, (len(batch), 1)), np.ones(len(batch), bool)
    fresh = EncodedBatch.encoded(batch.items, dict.fromkeys(MODALITIES, values), dict.fromkeys(MODALITIES, everywhere))
    return replace(
        batch,
        present=batch.present | np.uint8(FLAG["text"]),
        codes={**batch.codes, "text": fresh.codes["text"]},
        vectors={**(batch.vectors or {}), "text": (fresh.vectors or {})["text"]},
    )
