"""Rows of one item are put together: texts in order, labels united, and of metadata the first value is kept.

The key of an item is the row's own id; else the path of its picture below the source, with its ending, as the file
system spells it, or the name of a picture inside a list, if each has a name of its own; else, for other pictures inside
a list and for texts alone, the number of the row, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from ..errors import InputError
from .record import Entry, ImageData, ReadingReport, Record, Says, amount


@final
@dataclass
class _Group:
    where: str
    image: ImageData | None
    texts: list[str]
    labels: dict[str, None]
    metadata: dict[str, Any]
    says: frozenset[Says]

    def record(self, key: str) -> Record:
        return Record(key, self.image, tuple(self.texts), tuple(self.labels), self.metadata, self.where, self.says)


@final
@dataclass
class Grouping:
    """The items of the rows that were added so far."""

    _groups: dict[str, _Group] = field(default_factory=dict)
    _conflicts: dict[str, set[str]] = field(default_factory=dict)
    _rows: int = 0
    _items: int = 0

    def add(self, entry: Entry, image: ImageData | None, key: str, *, numbered: bool = False) -> None:
        """Add a row with its picture; `numbered` is a key that is only its number, which no other row may have."""
        self._rows += 1
        group = self._groups.get(key)
        if group is None:
            texts, labels, metadata = list(entry.texts), dict.fromkeys(entry.labels), dict(entry.metadata)
            self._groups[key] = _Group(entry.where, image, texts, labels, metadata, entry.says)
            return
        if numbered or not same_picture(group.image, image):
            raise InputError(
                f"{group.where} and {entry.where} would both be the item {key!r}, and are not of one picture; give each"
                " picture an id of its own, or none: the id is then the path of the picture"
            )
        group.image = image if group.image is None else group.image
        group.says |= entry.says
        group.texts += entry.texts
        group.labels |= dict.fromkeys(entry.labels)
        for name, value in entry.metadata.items():
            if group.metadata.setdefault(name, value) != value:
                self._conflicts.setdefault(name, set()).add(key)

    def records(self, report: ReadingReport) -> list[Record]:
        """Return the items in the order of their first rows; what was put together goes into the report."""
        records = self.taken()
        self.account(report)
        return records

    def taken(self) -> list[Record]:
        """Return the items whose rows are all there, and forget them."""
        records = [group.record(key) for key, group in self._groups.items()]
        self._items += len(records)
        self._groups = {}
        return records

    def account(self, report: ReadingReport) -> None:
        """Report what was put together in the items that were taken."""
        if self._rows > self._items:
            report.taken.append(f"{amount(self._rows, 'rows')} are of {amount(self._items, 'items')}, put together")
        if self._conflicts:
            items = len(set[str]().union(*self._conflicts.values()))
            names = ", ".join(sorted(self._conflicts))
            report.taken.append(f"{amount(items, 'items have')} rows that differ in {names}: the first value is kept")


def same_picture(one: ImageData | None, other: ImageData | None) -> bool:
    """Return whether two pictures are the same, or one is not given; those inside a list are compared by content."""
    if one is None or other is None or one == other:
        return True
    return not isinstance(one, Path) and not isinstance(other, Path) and one() == other()
