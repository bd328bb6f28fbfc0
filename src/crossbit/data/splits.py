"""Recipes that draw a split: the same ids, sizes and seed give the same split on every machine.

They use numpy's legacy `RandomState`, whose stream is frozen for all versions of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from ..errors import InputError
from .pairs import Split


def random_split(name: str, ids: Sequence[str], *, query: int, train: int, seed: int = 0) -> Split:
    """Return a split for retrieval by label: of a permutation, the first `query` items query, all others are searched.

    The first `train` items of the database train.
    """
    _refuse_sizes(name, len(ids), query=query, train=train)
    order = np.random.RandomState(seed).permutation(len(ids))
    database = _take(ids, order[query:])
    return Split(name, train=database[:train], query=_take(ids, order[:query]), database=database)


def ordered_split(name: str, ids: Sequence[str], *, query: int, train: int | None = None, last: bool = False) -> Split:
    """Return a split for retrieval by label by the order of the ids: the first `query` items query, or the `last`.

    The others form the database, in their order; its first `train` items train, or all of them.
    """
    _refuse_sizes(name, len(ids), query=query, train=1 if train is None else train)
    database, queries = (ids[:-query], ids[-query:]) if last else (ids[query:], ids[:query])
    return Split(name, train=tuple(database[:train]), query=tuple(queries), database=tuple(database))


def instance_split(name: str, ids: Sequence[str], *, query: int, validation: int = 0, seed: int = 0) -> Split:
    """Return a split for retrieval of an item's own other half: of a permutation, the last `query` items are searched.

    The `validation` items before them are for model selection; the rest train.
    """
    _refuse_sizes(name, len(ids), query=query, validation=validation, train=1)
    shuffled = _take(ids, np.random.RandomState(seed).permutation(len(ids)))
    train = len(ids) - query - validation
    queries = shuffled[train + validation :]
    return Split(name, shuffled[:train], queries, queries, shuffled[train : train + validation], instance=True)


def class_balanced_split(
    name: str,
    ids: Sequence[str],
    labels: Bool[ndarray, "n classes"],
    *,
    quotas: Sequence[tuple[int, int]],
    train: int = 0,
    seed: int = 0,
) -> Split:
    """Return a split that visits the classes in turn and takes `(query, train)` items of each that are still free.

    `quotas` holds one such pair per class; too few items to query are an error. Where fewer than `train` items were
    taken to train, random items of the database, which is everything but the queries, are added. This is the split of
    DJSRH and its successors (there 160 and 400 items of the first class of MIRFLICKR-25K, 80 and 200 of each other,
    5,000 to train), with a seed.
    """
    if len(quotas) != labels.shape[1] or len(ids) != len(labels):
        raise InputError(
            f"split {name!r}: {len(quotas)} quotas and {len(ids)} ids do not fit labels of shape {labels.shape}"
        )
    random = np.random.RandomState(seed)
    free = np.ones(len(ids), bool)
    queries: list[Int[ndarray, "q"]] = []
    trains: list[Int[ndarray, "t"]] = []
    for number, (q, t) in enumerate(quotas):
        members = random.permutation(np.flatnonzero(labels[:, number] & free))[: q + t]
        _refuse_sizes(f"{name}, class {number}", len(members), query=q)
        free[members] = False
        queries.append(members[:q])
        trains.append(members[q:])
    chosen = np.concatenate(queries)
    missing = max(train - sum(map(len, trains)), 0)
    _refuse_sizes(f"{name}, once each class has its share", int(free.sum()), train=missing)
    trains.append(random.permutation(np.flatnonzero(free))[:missing])
    database = np.setdiff1d(np.arange(len(ids)), chosen)
    return Split(name, _take(ids, np.concatenate(trains)), _take(ids, chosen), _take(ids, database))


def memory(split: Split) -> list[str]:
    """Return a warning if nothing but the training items is searched, else nothing."""
    if {*split.database} - {*split.train}:
        return []
    return [
        f"the database of split {split.name!r} is its training part: a method is scored on codes"
        " that it may have learned by heart"
    ]


def _take(ids: Sequence[str], rows: Int[ndarray, "m"]) -> tuple[str, ...]:
    return tuple(ids[row] for row in rows)


def _refuse_sizes(name: str, n: int, **parts: int) -> None:
    if min(parts.values()) < 0 or sum(parts.values()) > n:
        wanted = " + ".join(f"{size} {part}" for part, size in parts.items())
        raise InputError(f"split {name!r}: {wanted} items are wanted, but there are {n}")
