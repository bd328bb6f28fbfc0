"""Splits: the ids of the training, query, database and validation parts, and the functions that draw them.

The same ids, sizes and seed give the same split on every machine: they are drawn by NumPy's legacy `RandomState`,
whose stream is frozen for all versions of NumPy.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from ..errors import InputError
from ..io.atomic import atomic_write


@final
@dataclass(frozen=True)
class Split:
    """The ids of each part of a dataset, as fixed lists; a split that leaks is refused.

    `database` usually contains `train`. In instance retrieval (recall@K on captions), `instance` is True and `database`
    equals `query`: a query of one modality searches the other modality of the same items. `validation` is for model
    selection; only the database may share items with it.
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
                raise InputError(f"split {self.name!r}: {part} repeats {listed(repeated)}")
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
                f"split {self.name!r}: {len(shared)} items are in both {a} and {b}: {listed(shared)};"
                " remove them from one of the two: a score on them would measure memorisation"
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
        atomic_write(path, json.dumps(spec, ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read a split written by `save`; a wrong checksum is refused."""
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise InputError(f"{path} is not a split file: it is not JSON: {fault}") from None
        if not (
            isinstance(spec, dict) and isinstance(spec.get("name"), str) and isinstance(spec.get("instance"), bool)
        ):
            raise InputError(f'{path} is not a split file: it must say "name", a text, and "instance", true or false')
        lists = {part: _ids(path, spec, part) for part in ("train", "query", "database", "validation")}
        split = cls(spec["name"], instance=spec["instance"], **lists)
        if split.sha256 != spec.get("sha256"):
            raise InputError(f"{path}: its ids have sha256 {split.sha256}, but the file says {spec.get('sha256')}")
        return split


def _ids(path: Path, spec: Mapping[str, Any], part: str) -> tuple[str, ...]:
    """Return the ids of a part of a split file."""
    ids = spec.get(part)
    if not isinstance(ids, list):
        raise InputError(f'{path} is not a split file: it must list the ids of "{part}", if only as []')
    odd = [value for value in ids if not isinstance(value, str)]
    if odd:
        raise InputError(f"{path} is not a split file: {part} holds {odd[0]!r}, and an id is a text in quotes")
    return tuple(ids)


def listed(ids: Sequence[str], most: int = 5) -> str:
    """Return the first of the ids as text, and how many more there are."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def random_split(name: str, ids: Sequence[str], *, query: int, train: int, seed: int = 0) -> Split:
    """Return a random split for retrieval by label: `query` items query, and all others form the database.

    The first `train` items of the database, in its random order, are the training part.
    """
    _refuse_sizes(name, len(ids), query=query, train=train)
    order = np.random.RandomState(seed).permutation(len(ids))
    database = _take(ids, order[query:])
    return Split(name, train=database[:train], query=_take(ids, order[:query]), database=database)


def ordered_split(name: str, ids: Sequence[str], *, query: int, train: int | None = None, last: bool = False) -> Split:
    """Return a split for retrieval by label in the order of the ids: the first `query` items query, or the `last`.

    The others form the database, in their order; its first `train` items are the training part, or all of them.
    """
    _refuse_sizes(name, len(ids), query=query, train=1 if train is None else train)
    database, queries = (ids[:-query], ids[-query:]) if last else (ids[query:], ids[:query])
    return Split(name, train=tuple(database[:train]), query=tuple(queries), database=tuple(database))


def instance_split(name: str, ids: Sequence[str], *, query: int, validation: int = 0, seed: int = 0) -> Split:
    """Return a random split for instance retrieval, in which a query searches for its own other half.

    Of a permutation, the last `query` items are queries and database at once, the `validation` items before them are
    for model selection, and the rest are the training part.
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


def leakage_warnings(split: Split) -> list[str]:
    """Return a warning if nothing but the training items is searched, else nothing."""
    if {*split.database} - {*split.train}:
        return []
    return [f"the database of split {split.name!r} is its training part: scores may reflect memorisation"]


def _take(ids: Sequence[str], rows: Int[ndarray, "m"]) -> tuple[str, ...]:
    return tuple(ids[row] for row in rows)


def _refuse_sizes(name: str, n: int, **parts: int) -> None:
    if min(parts.values()) < 0 or sum(parts.values()) > n:
        wanted = " + ".join(f"{size} {part}" for part, size in parts.items())
        raise InputError(f"split {name!r}: {wanted} items are wanted, but there are {n}")
