"""Held-out queries: texts and pictures of items that the model was not trained on."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from ...data.pairs import Modality
from ...data.splits import Split
from ...errors import InputError
from ...features.trained_on import TrainedOn, text_key
from ..collection import Collection
from ..item import Item
from ..model import trained_on
from ..search.settings import Settings
from ..search.stages import Ranking, StagedSearch
from ..storage.reads import items_of, vectors_of
from ..storage.snapshot import Snapshot
from ..storage.store import MODEL

logger = logging.getLogger(__name__)

#: Items that are considered for each query, for the model may have been trained on some.
_LOOKED_AT = 20


class Query(NamedTuple):
    """One side of an item, as a query."""

    number: int
    values: Float[ndarray, "dim"]


@final
@dataclass(frozen=True, eq=False)
class Trained:
    """What a collection's model was trained on: hashes of contents, and ids for what it has no hashes of."""

    contents: TrainedOn
    ids: frozenset[str]

    @classmethod
    def of(cls, collection: Collection) -> Trained:
        """Return what the model of a collection was trained on."""
        refuse_without_vectors(collection)
        contents = trained_on(collection.folder / MODEL)
        if not contents.hashes:
            logger.info(
                "this model does not record the contents that trained it: items are compared with it by their ids"
            )
        return cls(contents, _training_ids(collection.folder / MODEL / "split.json"))

    def without_pictures(self, connection: sqlite3.Connection, numbers: Int64[ndarray, "n"]) -> Int64[ndarray, "m"]:
        """Return the numbers of items except those whose picture was trained on."""
        if "image" not in self.contents.hashes:
            return numbers
        rows = connection.execute("SELECT number, content FROM items WHERE content IS NOT NULL").fetchall()
        seen = self.contents.has("image", [content for _, content in rows])
        return np.setdiff1d(numbers, np.array([number for number, _ in rows], np.int64)[seen])

    def has(self, item: Item) -> bool:
        """Return whether an item was trained on: its picture, or all its texts; else its id where that must do."""
        by_id = not {*self._modalities(item)} <= self.contents.hashes.keys()
        if by_id and not {item.id, item.key}.isdisjoint(self.ids):
            return True
        picture = [bytes.fromhex(item.content)] if item.content else []
        texts = [text_key(text) for text in item.texts]
        if self.contents.has("image", picture).any():
            return True
        return bool(texts) and bool(self.contents.has("text", texts).all())

    def _modalities(self, item: Item) -> Iterator[Modality]:
        if item.content or not item.texts:
            yield "image"
        if item.texts:
            yield "text"


def held_out(
    trained: Trained, connection: sqlite3.Connection, snapshot: Snapshot, modality: Modality, most: int
) -> list[Query]:
    """Return at most so many items' vectors of one modality, none of which the model was trained on, spread evenly."""
    everything, bits = snapshot.sides[modality].numbers, snapshot.sides[modality].codes.bits
    numbers = _spread(trained.without_pictures(connection, everything), _LOOKED_AT * most)
    items = items_of(connection, numbers.tolist())
    chosen = _spread(np.array([n for n in numbers.tolist() if not trained.has(items[n])], np.int64), most)
    vectors = vectors_of(connection, chosen.tolist(), modality, bits)
    stored = np.isfinite(vectors).all(axis=1)
    queries = [Query(int(number), vector) for number, vector in zip(chosen[stored], vectors[stored], strict=True)]
    logger.info(
        "%d %ss of %d items are queries: the model was not trained on them", len(queries), modality, len(everything)
    )
    return queries


def too_few(collection: Collection, counts: Mapping[str, int], least: int) -> InputError:
    """Return the error for too few queries that the model was not trained on, given how many there are of each kind."""
    found = " and ".join(f"{count} {kind}s" for kind, count in counts.items())
    return InputError(
        f"of the items of {collection.folder}, the model was not trained on {found}, and {least} are needed to measure"
        " anything: add items that are not in its training part, or fit a model on fewer"
    )


def _spread(numbers: Int64[ndarray, "n"], most: int) -> Int64[ndarray, "m"]:
    """Return at most so many of the numbers, at even steps."""
    if len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).astype(np.int64)]


def refuse_without_vectors(collection: Collection) -> None:
    """Refuse a collection without vectors, by which an exact search is defined."""
    if not collection.store.facts["vectors"]:
        raise InputError(
            f"{collection.folder} stores no vectors, and without them there is nothing to measure codes against:"
            " create it again with `crossbit index create --vectors`"
        )


def ranked(
    collection: Collection,
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    target: Modality,
    query: Query,
    k: int,
    settings: Settings,
) -> Ranking:
    """Return the ranking for a query, its own item left out where its own side is searched."""
    search = StagedSearch(snapshot.sides[target], target, collection.planner, settings, (query.number,))
    return search.run(query.values, k, None, None, connection)


def shares(field: str, items: Mapping[int, Item], number: int, others: Int64[ndarray, "k"]) -> list[bool]:
    """Return for each of some items whether its metadata shares a value of a field with the item of a number."""
    own = _values(items[number], field)
    return [bool(own & _values(items[int(other)], field)) for other in others]


def _values(item: Item, field: str) -> set[str]:
    value = item.metadata.get(field)
    return {str(each) for each in (value if isinstance(value, list) else [value]) if each is not None}


def _training_ids(path: Path) -> frozenset[str]:
    try:
        return frozenset(Split.load(path).train)
    except (InputError, OSError):
        return frozenset()


def chunked(numbers: Int64[ndarray, "n"], size: int) -> Iterator[Int64[ndarray, "m"]]:
    """Yield numbers in parts."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
