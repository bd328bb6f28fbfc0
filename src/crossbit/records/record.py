"""Records: one item each of people's own files, with an account of what was taken for what and what was not read."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, final

from ..data.splits import listed

logger = logging.getLogger("crossbit.records")

#: What happens to a row without its picture: it is left out, counted and named, or it ends the work.
OnMissing: TypeAlias = Literal["skip", "fail"]
#: The name of a picture as a list writes it, or what returns the bytes of one that the list holds.
Named: TypeAlias = str | Callable[[], bytes]
#: What a source may say of an item, and all of that; a bare picture says nothing.
Says: TypeAlias = Literal["texts", "metadata"]
EVERYTHING: frozenset[Says] = frozenset({"texts", "metadata"})
#: A picture file, or what returns the bytes of one inside another file: looking at a record reads no picture.
ImageData: TypeAlias = Path | Callable[[], bytes]


@final
@dataclass(frozen=True)
class ReadOptions:
    """The options of reading, the same wherever records are read; an empty one means the documented names."""

    image: str = ""
    """The column that names the picture."""
    text: str = ""
    """The columns that hold texts, between plus signs."""
    labels: str = ""
    """The columns that hold labels, between plus signs, with a form if need be: `tags:commas`; `-` for none."""
    id: str = ""
    """The column that holds ids; by default an item's id is the path of its picture."""
    types: str = ""
    """Declared types of metadata, as in `year=int,price=float`; others are converted only without loss."""
    listing: str = ""
    """The list of a folder, below it or elsewhere; by default captions.csv, metadata.csv and the like, if there."""
    root: str = ""
    """The folder of the pictures, below the folder that is read, or below that of the list that is read."""
    include: tuple[str, ...] = ()
    """Globs of the files to read; by default all."""
    exclude: tuple[str, ...] = ()
    """Globs of files and folders to leave out."""
    missing: OnMissing = "skip"
    """Whether rows without their picture are left out, counted and named, or refused."""


@final
@dataclass
class Entry:
    """A row of a list, before its picture is looked for: `where` says which, as in `captions.csv, line 7`."""

    where: str
    image: Named | None = None
    id: str | None = None
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    says: frozenset[Says] = EVERYTHING


@final
@dataclass(frozen=True, eq=False)
class Record:
    """An item of a source: `key` names it there, and is the path of its picture below the source, or its own id.

    Of what is not in `says`, the source says nothing; what is there may be empty.
    """

    key: str
    image: ImageData | None = None
    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    says: frozenset[Says] = EVERYTHING

    @property
    def facts(self) -> dict[str, Any]:
        """The metadata, and the labels among them as they are written."""
        return {**self.metadata, "labels": [*self.labels]} if self.labels else {**self.metadata}


class Unread(NamedTuple):
    """A file or row that was not read, the kind it is counted under, and why, or what would help.

    `Unread("IMG_1.HEIC", "HEIC", "install crossbit[photos]")`; `Unread("a/@eaDir/x.jpg", "in @eaDir", "")`, without a
    reason, is what nobody misses.
    """

    name: str
    kind: str
    reason: str


@final
@dataclass
class ReadingReport:
    """What was taken for what, as statements, and what was not read."""

    taken: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def summary(self, names: int = 0) -> list[str]:
        """Return a line for each kind of what was not read: its count, its kind, the reason, and the first names.

        >>> report = ReadingReport(unread=[Unread("a.HEIC", "HEIC", "install crossbit[photos]")] * 12)
        >>> report.summary(), report.summary(names=1)
        (['12 HEIC: install crossbit[photos]'], ['12 HEIC (a.HEIC and 11 more): install crossbit[photos]'])
        """
        found: dict[tuple[str, str], list[str]] = {}
        for each in self.unread:
            found.setdefault((each.kind, each.reason), []).append(each.name)
        return [
            amount(len(each), kind)
            + (f" ({listed(each, names)})" if names and reason else "")
            + (f": {reason}" if reason else "")
            for (kind, reason), each in found.items()
        ]

    def log(self) -> None:
        """Log what was taken for what, and what was not read: as a warning where something can be done about it."""
        for statement in self.taken:
            logger.info(statement)
        for missed in (True, False):
            part = ReadingReport(unread=[each for each in self.unread if bool(each.reason) == missed])
            if part.unread:
                logger.log(
                    logging.WARNING if missed else logging.INFO, "not read: %s", "; ".join(part.summary(names=3))
                )


@final
@dataclass(frozen=True, eq=False)
class Records:
    """The records of a source, each made on access, and the report on them.

    `classes` are those of all labels, in the order in which they are numbered; `root` is the folder of the pictures.
    """

    records: Sequence[Record]
    report: ReadingReport
    classes: tuple[str, ...] = ()
    root: Path | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        """Return one record."""
        return self.records[index]


#: The first noun of what is counted, at most one word in; endings of files and places have none.
_PLURAL = re.compile(r"^(?!in |not in |\.\S+$)((?:[a-z.]+ )??[a-z]+)s\b")
_SINGULAR = {
    "are": "is",
    "have": "has",
    "lead": "leads",
    "differ": "differs",
    "their": "its",
    "them": "it",
    "names": "name",
}


def amount(count: int, what: str) -> str:
    """Return a number of things in words, in the singular where there is one of them.

    >>> amount(1, "rows without their picture"), amount(1, "links that lead nowhere"), amount(2000, "videos")
    ('1 row without its picture', '1 link that leads nowhere', '2,000 videos')
    """
    if count == 1:
        what = " ".join(_SINGULAR.get(word, word) for word in _PLURAL.sub(r"\1", what).split(" "))
    return f"{count:,} {what}"
