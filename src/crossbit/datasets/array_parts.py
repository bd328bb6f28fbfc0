"""The parts of a dataset from arrays: blocks of rows, lists of row numbers, masks, lists of ids, or drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ..data.splits import Split
from ..errors import InputError
from .array_ids import Items, Rows

logger = logging.getLogger("crossbit.records")

#: What `split=` arrays call the parts, and their numbers.
_CALLED = {
    **dict.fromkeys(("train", "training", "1"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "query", "queries"), "query"),
    **dict.fromkeys(("database", "retrieval", "gallery", "db"), "database"),
}
PARTS = ("train", "query", "database", "validation")
_SEARCH_EACH_OTHER = "arrays: without labels the queries search each other: leave database= out, or give labels="


@final
@dataclass(frozen=True)
class Parting:
    """What a split is made of: the items, the blocks that they came in, and how names become arrays."""

    items: Items
    blocks: Mapping[str, Rows]
    """The rows of each block that an option names; those of the column with the most blocks in order."""
    order: Sequence[str]
    """The names of the blocks of the column with the most of them."""
    read: Callable[[str, str], Any]
    labelled: bool
    seed: int

    def split(self, parts: Mapping[str, str], counts: Mapping[str, int], whole: str = "") -> Split:
        """Return the split that the options describe.

        `parts` names the arrays of parts and `counts` how many items of each are drawn, which thins an array's; `whole`
        names the part of each item.
        """
        self._refuse(counts)
        given = self._given_whole(whole) if whole else self._given(parts)
        if not {*given} - {"validation"}:
            if len(self.order) > 2:
                raise InputError(
                    f"arrays: {len(self.order)} blocks ({', '.join(self.order)}), and nothing says which of them query;"
                    " name them, as in train=A, query=B, database=C, or draw from all with split=drawn"
                )
            if len(self.order) < 2:
                return self._drawn(given, counts)
            given = self._of_blocks(given, counts)
        if self.seed and not counts:
            logger.info("seed=%d: nothing is drawn, for the arrays say the split", self.seed)
        return self._completed(given, counts)

    def _refuse(self, counts: Mapping[str, int]) -> None:
        """Refuse numbers of items that no part can have."""
        for part, count in counts.items():
            if count < (part != "validation"):
                raise InputError(
                    f"arrays: {part}={count}: a part has at least one item; give how many, a block, a list or flags"
                )
        if "database" in counts and not self.labelled:
            raise InputError(_SEARCH_EACH_OTHER)

    def _drawn(self, given: Mapping[str, Rows], counts: Mapping[str, int]) -> Split:
        """Return a split drawn by the seed: a tenth queries, or as many as are wanted."""
        every = np.arange(len(self.items.ids))
        held = self._some("validation", given["validation"], counts) if "validation" in given else every[:0]
        left = every[~np.isin(every, held)]
        sizes = {"query": max(len(left) // 10, 1), **counts, **dict.fromkeys(given, 0)}
        queries, validations = sizes["query"], sizes.get("validation", 0)
        rest = len(left) - queries - validations
        if rest < max(sizes.get("train", 1), sizes.get("database", 1)):
            wanted = ", ".join(f"{part}={sizes[part]}" for part in PARTS if part in sizes)
            raise InputError(f"arrays: {wanted}: there are only {len(left)} items to draw them from")
        order = np.random.RandomState(self.seed).permutation(left)
        if self.labelled:
            query, drawn, database = np.split(order, (queries, queries + validations))
        else:
            database, drawn, query = np.split(order, (rest, rest + validations))
        database = database[: sizes.get("database")]
        if sizes.get("train", 1) > len(database):
            raise InputError(
                f"arrays: train={sizes['train']} are drawn from the database, but database={len(database)}"
            )
        parts = {
            "train": database[: sizes.get("train")],
            "query": query,
            "database": database if self.labelled else query,
            "validation": np.concatenate([held, drawn]),
        }
        return self._named("drawn", parts, f", drawn with seed {self.seed}")

    def _of_blocks(self, given: Mapping[str, Rows], counts: Mapping[str, int]) -> dict[str, Rows]:
        """Return the parts of two blocks: the first trains and is searched, the second queries."""
        first, second = (self.blocks[name] for name in self.order)
        held = given.get("validation", first[:0])
        if "validation" in counts:
            held = self._some("validation", held if len(held) else first, counts)
        first, second = first[~np.isin(first, held)], second[~np.isin(second, held)]
        found = {"train": first, "query": second, "validation": held}
        return {**found, "database": first} if self.labelled else found

    def _completed(self, given: Mapping[str, Rows], counts: Mapping[str, int]) -> Split:
        """Return the split of the given rows, thinned to the counts, and of what follows from them."""
        every = np.arange(len(self.items.ids))
        rows = {part: self._some(part, found, counts) for part, found in given.items()}
        left = every[~np.isin(every, np.concatenate([*given.values()]))]
        if "validation" not in rows:
            rows["validation"] = self._some("validation", left, {"validation": 0, **counts})
        if "query" not in rows:
            rows["query"] = self._some("query", left[~np.isin(left, rows["validation"])], counts)
        apart = np.concatenate([given.get("query", rows["query"]), rows["validation"]])
        rest = every[~np.isin(every, apart)]
        if not self.labelled and {*rows.get("database", rows["query"])} != {*rows["query"]}:
            raise InputError(_SEARCH_EACH_OTHER)
        database = rows["query"] if not self.labelled else rows.get("database")
        if database is None:
            database = self._some("database", rest, counts)
        if "train" not in rows:
            trainable = database[~np.isin(database, rows["validation"])] if self.labelled else rest
            rows["train"] = self._some("train", trainable, counts)
        how = f"; {', '.join(counts)} drawn with seed {self.seed}" if counts else ""
        return self._named("given", {**rows, "database": database}, how)

    def _named(self, name: str, parts: Mapping[str, Rows], how: str) -> Split:
        """Return the split of rows, and say how large its parts are."""
        logger.info("split: %s%s", ", ".join(f"{part} {len(parts[part]):,}" for part in PARTS if len(parts[part])), how)
        ids = {part: tuple(self.items.ids[row] for row in parts[part]) for part in PARTS}
        return Split(name, instance=not self.labelled, **ids)

    def _some(self, part: str, rows: Rows, counts: Mapping[str, int]) -> Rows:
        """Return as many of the rows as are wanted of a part, drawn by the seed; all where nothing is said."""
        count = counts.get(part)
        if count is None:
            return rows
        if count > len(rows):
            raise InputError(f"arrays: {part}={count}: only {len(rows)} items are left for it")
        return np.random.RandomState(self.seed).permutation(rows)[:count]

    def _given(self, parts: Mapping[str, str]) -> dict[str, Rows]:
        """Return the rows of each part that an option names."""
        found: dict[str, Rows] = {}
        lists: dict[str, Shaped[ndarray, "m"]] = {}
        for part, value in parts.items():
            pieces = [self._piece(part, token.strip()) for token in value.split("+")]
            if all(isinstance(piece, tuple) for piece in pieces):
                found[part] = np.concatenate([rows for (rows,) in pieces])
            elif len(pieces) == 1:
                lists[part] = pieces[0]
            else:
                raise InputError(f"arrays: {part}={value}: blocks of rows can be added up, lists of row numbers cannot")
        return found | (self.items.numbered(lists) if lists else {})

    def _piece(self, part: str, token: str) -> Any:
        """Return the rows of a block, a mask or a list of ids, in a tuple; or a list of numbers as it is."""
        if token in self.blocks:
            return (self.blocks[token],)
        values = np.ravel(self.read(part, token))
        n = len(self.items.ids)
        if values.dtype.kind in "OUS":
            return (self.items.called(part, token, values),)
        if len(values) == n and n > 2 and (values.dtype == bool or np.isin(values, (0, 1)).all()):
            return (np.flatnonzero(values),)
        if values.dtype.kind not in "iuf" or not len(values) or not _whole(values):
            raise InputError(
                f"arrays: {part}={token} holds {values.dtype}, and a part is a block of rows, a list of row numbers or"
                f" ids, or {n} flags"
            )
        return values

    def _given_whole(self, token: str) -> dict[str, Rows]:
        """Return the rows of each part from an array that names the part of every item."""
        values = np.ravel(self.read("split", token))
        if len(values) != len(self.items.ids):
            raise InputError(
                f"arrays: split={token} has {len(values)} entries, but there are {len(self.items.ids)} items"
            )
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


def _whole(values: Shaped[ndarray, "m"]) -> bool:
    return bool((np.isfinite(values) & (values == np.round(values))).all())
