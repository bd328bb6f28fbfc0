"""The parts of a dataset from arrays: blocks of rows, lists of row numbers, masks, lists of ids, or drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Int, Shaped
from numpy import ndarray

from ..data.splits import Split, instance_split, listed, random_split
from ..errors import InputError

logger = logging.getLogger("crossbit.records")

Rows: TypeAlias = Int[ndarray, "m"]
#: What `split=` arrays call the parts, and their numbers.
_CALLED = {
    **dict.fromkeys(("train", "training", "1"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "query", "queries"), "query"),
    **dict.fromkeys(("database", "retrieval", "gallery", "db"), "database"),
}
PARTS = ("train", "query", "database", "validation")


@final
@dataclass(frozen=True)
class Parting:
    """What a split is made of: the items, the blocks that they came in, and how names become arrays."""

    ids: tuple[str, ...]
    blocks: Mapping[str, Rows]
    """The rows of each block that an option names; those of the column with the most blocks in order."""
    order: Sequence[str]
    """The names of the blocks of the column with the most of them."""
    read: Callable[[str, str], Any]
    labelled: bool
    seed: int
    first: int | None = None
    """The number of the first item in lists of row numbers, where it is told."""

    def split(self, parts: Mapping[str, int | str], whole: str = "") -> Split:
        """Return the split that the options describe, `whole` naming the part of each item."""
        given = self._given_whole(whole) if whole else self._given(parts)
        if not given and not any(parts.values()):
            if len(self.order) > 2:
                raise InputError(
                    f"arrays: {len(self.order)} blocks ({', '.join(self.order)}), and nothing says which of them query;"
                    " name them, as in train=A, query=B, database=C"
                )
            given = dict(zip(("train", "query"), (self.blocks[name] for name in self.order), strict=False))
            if len(self.order) < 2:
                return self._drawn({})
        counts = {part: value for part, value in parts.items() if isinstance(value, int)}
        return self._completed(given, counts) if given else self._drawn(counts)

    def _drawn(self, counts: Mapping[str, int]) -> Split:
        """Return a split drawn by the seed: a tenth queries, or as many as are wanted."""
        query = counts.get("query", max(len(self.ids) // 10, 1))
        validation = counts.get("validation", 0)
        logger.info("split: %d queries drawn with seed %d", query, self.seed)
        if not self.labelled:
            return instance_split("drawn", self.ids, query=query, validation=validation, seed=self.seed)
        train = counts.get("train", len(self.ids) - query)
        return random_split("drawn", self.ids, query=query, train=train, seed=self.seed)

    def _completed(self, given: Mapping[str, Rows], counts: Mapping[str, int]) -> Split:
        """Return the split of the given rows, and of what follows from them."""
        every, rows = np.arange(len(self.ids)), dict(given)
        validation = rows.get("validation", every[:0])
        if "query" not in rows:
            taken = np.concatenate([validation, *(rows[part] for part in ("train", "database") if part in rows)])
            rows["query"] = self._some(np.setdiff1d(every, taken), counts.get("query"))
        rest = every[~np.isin(every, np.concatenate([rows["query"], validation]))]
        database = rows["query"] if not self.labelled else rows.get("database", rest)
        if not self.labelled and "database" in rows and {*rows["database"]} != {*rows["query"]}:
            raise InputError(
                "arrays: without labels the queries search each other: leave database= out, or give labels="
            )
        train = rows.get("train", rows.get("database", rest) if self.labelled else rest)
        if "train" not in given:
            train = self._some(train, counts.get("train"))
        named = {"train": train, "query": rows["query"], "database": database, "validation": validation}
        logger.info("split: %s", ", ".join(f"{len(part):,} {name}" for name, part in named.items() if len(part)))
        taken_ids = {part: tuple(self.ids[row] for row in found) for part, found in named.items()}
        return Split("given", instance=not self.labelled, **taken_ids)

    def _some(self, rows: Rows, count: int | None) -> Rows:
        if count is None:
            return rows
        if not 0 < count <= len(rows):
            raise InputError(f"arrays: {count} items are wanted of {len(rows)} that are left")
        return np.random.RandomState(self.seed).permutation(rows)[:count]

    def _given(self, parts: Mapping[str, int | str]) -> dict[str, Rows]:
        """Return the rows of each part that an option names."""
        found: dict[str, Rows] = {}
        lists: dict[str, Shaped[ndarray, "m"]] = {}
        for part, value in parts.items():
            if not isinstance(value, str) or not value:
                continue
            pieces = [self._piece(part, token.strip()) for token in value.split("+")]
            if all(isinstance(piece, tuple) for piece in pieces):
                found[part] = np.concatenate([rows for (rows,) in pieces])
            elif len(pieces) == 1:
                lists[part] = pieces[0]
            else:
                raise InputError(f"arrays: {part}={value}: blocks of rows can be added up, lists of row numbers cannot")
        first = self._first(lists) if lists else 0
        return found | {part: numbers.astype(np.int64) - first for part, numbers in lists.items()}

    def _piece(self, part: str, token: str) -> Any:
        """Return the rows of a block, a mask or a list of ids, in a tuple; or a list of row numbers as it is."""
        if token in self.blocks:
            return (self.blocks[token],)
        values = np.ravel(self.read(part, token))
        n = len(self.ids)
        if values.dtype.kind in "OU":
            return (self._rows_of_ids(part, token, values),)
        if len(values) == n and n > 2 and (values.dtype == bool or np.isin(values, (0, 1)).all()):
            return (np.flatnonzero(values),)
        if values.dtype.kind not in "iuf" or not len(values) or (values != np.round(values)).any():
            raise InputError(
                f"arrays: {part}={token} holds {values.dtype}, and a part is a block of rows, a list of row numbers or"
                f" ids, or {n} flags"
            )
        return values

    def _rows_of_ids(self, part: str, token: str, values: Shaped[ndarray, "m"]) -> Rows:
        row = {name: at for at, name in enumerate(self.ids)}
        unknown = [str(value) for value in values if str(value) not in row]
        if unknown:
            raise InputError(f"arrays: {part}={token} names {len(unknown)} ids that there are not: {listed(unknown)}")
        return np.array([row[str(value)] for value in values], np.int64)

    def _first(self, lists: Mapping[str, Shaped[ndarray, "m"]]) -> int:
        """Return the number of the first item, decided over all lists of row numbers together."""
        n, every = len(self.ids), np.concatenate([*lists.values()])
        low, high = int(every.min()), int(every.max())
        names = ", ".join(lists)
        fitting = [first for first in (0, 1) if low >= first and high < n + first]
        if self.first is not None and self.first in fitting:
            return self.first
        if not fitting or self.first is not None:
            raise InputError(f"arrays: {names}: row numbers {low} to {high} do not fit {n} items")
        if len(fitting) > 1:
            raise InputError(
                f"arrays: {names}: row numbers {low} to {high} of {n} items may count from 0 or from 1; say first=0 or"
                " first=1"
            )
        logger.info("%s: row numbers %d to %d count from %d", names, low, high, fitting[0])
        return fitting[0]

    def _given_whole(self, token: str) -> dict[str, Rows]:
        """Return the rows of each part from an array that names the part of every item."""
        values = np.ravel(self.read("split", token))
        if len(values) != len(self.ids):
            raise InputError(f"arrays: split={token} has {len(values)} entries, but there are {len(self.ids)} items")
        called = [str(value).strip().lower().removesuffix(".0") for value in values]
        distinct = {*called}
        names = {**_CALLED, **({"2": "query"} if "3" not in distinct else {"2": "validation", "3": "query"})}
        unknown = sorted(distinct - {*names})
        if unknown:
            raise InputError(
                f"arrays: split={token} holds {', '.join(unknown[:5])}; it names the part of each item: train, val,"
                " test or database, or 1 and 2 for train and test, or 1, 2 and 3 for train, val and test"
            )
        logger.info("split: %s", ", ".join(f"{value} is {names[value]}" for value in sorted(distinct)))
        parts = np.array([names[value] for value in called])
        return {part: np.flatnonzero(parts == part) for part in PARTS if (parts == part).any()}
