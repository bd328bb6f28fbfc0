"""Ids of items in arrays, and lists that name items: by their ids, or by the numbers of their rows."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Int, Shaped
from numpy import ndarray

from ..data.splits import listed
from ..errors import InputError

logger = logging.getLogger("crossbit.records")

Rows: TypeAlias = Int[ndarray, "m"]
#: What `first=` may say: the number of the first item in lists of row numbers, or that numbers are ids.
FIRST = (None, 0, 1, "ids")


def item_ids(values: Sequence[Any]) -> tuple[str, ...]:
    """Return the ids of items; what is no id, or stands twice, is refused."""
    ids = tuple(id_of(value, "ids") for value in values)
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(
            f"arrays: ids repeats {listed(twice)}: a row is an item; features of one row per caption, as of `crossbit"
            " extract --captions each`, are extracted again with --captions join or first"
        )
    return ids


def id_of(value: Any, option: str) -> str:
    """Return an id as text: texts as they are but for blanks around them, whole numbers without a point.

    >>> id_of(" 007 ", "ids"), id_of(7.0, "ids"), id_of(b"im7", "ids")
    ('007', '7', 'im7')
    """
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise InputError(f"arrays: {option} holds {value!r}, which is no text in UTF-8") from None
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"arrays: {option} holds {value!r}, and an id is a text or a number")
    return str(int(value)) if value == int(value) else str(value)


@final
@dataclass(frozen=True)
class Items:
    """The items that lists name."""

    ids: tuple[str, ...]
    told: bool = False
    """Whether the ids are a user's own, rather than made from the rows."""
    first: int | str | None = None
    """One of `FIRST`."""

    def __post_init__(self) -> None:
        """Refuse another `first`."""
        if self.first not in FIRST:
            raise InputError(f"arrays: first={self.first}: lists of numbers count from 0 or 1, or hold ids (first=ids)")

    @cached_property
    def _row(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.ids)}

    def called(self, part: str, token: str, values: Shaped[ndarray, "m"]) -> Rows:
        """Return the rows of a list of ids."""
        names = [id_of(value, f"{part}={token}") for value in values.tolist()]
        unknown = [name for name in names if name not in self._row]
        if unknown:
            raise InputError(
                f"arrays: {part}={token}: no item is called {listed(unknown)}"
                + ("" if self.told else "; ids= says what the items are called")
            )
        return np.array([self._row[name] for name in names], np.int64)

    def numbered(self, lists: Mapping[str, Shaped[ndarray, "m"]]) -> dict[str, Rows]:
        """Return the rows of lists of numbers, which are ids or row numbers: decided over all lists together."""
        every = np.concatenate([*lists.values()])
        n, low, high = len(self.ids), int(every.min()), int(every.max())
        names, span = ", ".join(lists), f"numbers {low} to {high}"
        starts = [first for first in (0, 1) if low >= first and high < n + first and self.first in (None, first)]
        as_ids = self._as_ids(lists) if self.first == "ids" or (self.told and self.first is None) else None
        if as_ids is not None:
            readings = [{part: numbers - first for part, numbers in lists.items()} for first in starts]
            if not all(_same(as_ids, reading) for reading in readings):
                raise InputError(
                    f"arrays: {names}: {span} are ids of items, and may also be row numbers of {n} items; say"
                    f" first=ids, or {' or '.join(f'first={first}' for first in starts)} for row numbers from there on"
                )
            logger.info("%s: %s are ids", names, span)
            return as_ids
        return self._as_rows(lists, starts, span)

    def _as_rows(self, lists: Mapping[str, Shaped[ndarray, "m"]], starts: Sequence[int], span: str) -> dict[str, Rows]:
        """Return the rows of lists of row numbers, which may count from any of `starts`."""
        names, n = ", ".join(lists), len(self.ids)
        if self.first == "ids":
            raise InputError(f"arrays: {names}: {span} are not all ids of items")
        if not starts:
            also = ", and are not all ids of items" if self.told and self.first is None else ""
            raise InputError(f"arrays: {names}: row {span} do not fit {n} items{also}")
        if len(starts) > 1:
            raise InputError(
                f"arrays: {names}: row {span} of {n} items may count from 0 or from 1; say first=0 or first=1"
            )
        if self.first is None:
            logger.info("%s: row %s count from %d", names, span, starts[0])
        return {part: numbers.astype(np.int64) - starts[0] for part, numbers in lists.items()}

    def _as_ids(self, lists: Mapping[str, Shaped[ndarray, "m"]]) -> dict[str, Rows] | None:
        """Return the rows of lists of ids, or nothing where one of them is none."""
        found = {
            part: [self._row.get(str(number)) for number in map(int, numbers.tolist())]
            for part, numbers in lists.items()
        }
        if any(row is None for rows in found.values() for row in rows):
            return None
        return {part: np.array(rows, np.int64) for part, rows in found.items()}


def _same(a: Mapping[str, Rows], b: Mapping[str, Rows]) -> bool:
    return all((a[part] == b[part]).all() for part in a)
