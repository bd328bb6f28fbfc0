"""Held-out queries: texts and pictures of items that the model was not trained on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from ...data.pairs import Modality
from ...data.splits import Split
from ...errors import InputError
from ..collection import Collection
from ..item import Item
from ..search.settings import Settings
from ..search.stages import Ranking, StagedSearch
from ..storage.reads import items_of, vectors_of
from ..storage.snapshot import Snapshot

#: Items that are considered for each query, for the model may have been trained on some.
_LOOKED_AT = 20


class Query(NamedTuple):
    """One side of an item, as a query."""

    number: int
    values: Float[ndarray, "dim"]


def held_out(
    collection: Collection, connection: sqlite3.Connection, snapshot: Snapshot, modality: Modality, most: int
) -> list[Query]:
    """Return at most so many items' vectors of one modality, none of which the model was trained on, spread evenly."""
    refuse_without_vectors(collection)
    numbers = _spread(snapshot.sides[modality].numbers, _LOOKED_AT * most)
    trained = _trained(collection.folder / "model" / "split.json")
    items = items_of(connection, numbers.tolist()) if trained else {}
    free = [number for number in numbers.tolist() if not items or items[number].id not in trained]
    chosen = _spread(np.array(free, np.int64), most)
    vectors = vectors_of(connection, chosen.tolist(), modality, collection.bits)
    stored = np.isfinite(vectors).all(axis=1)
    return [Query(int(number), vector) for number, vector in zip(chosen[stored], vectors[stored], strict=True)]


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


def _trained(path: Path) -> frozenset[str]:
    try:
        return frozenset(Split.load(path).train)
    except (InputError, OSError):
        return frozenset()


def chunked(numbers: Int64[ndarray, "n"], size: int) -> Iterator[Int64[ndarray, "m"]]:
    """Yield numbers in parts."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
