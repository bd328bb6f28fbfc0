"""The rows of a list and the pictures that they name; a row without its picture is left out, counted and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from ..errors import InputError
from ..io.text import path_below
from .grouping import Grouping
from .kinds import kind_of
from .names import FileFinder, is_below
from .record import Entry, ReadingReport, ReadOptions, Record, Unread
from .walk import Selection

#: The kind under which a row is counted whose picture is not there.
WITHOUT_PICTURE = "rows without their picture"


@final
@dataclass
class ListedPictures:
    """The rows of one list, whose pictures are below `base`, in its folder `root`; `name` is that of the list."""

    name: str
    base: Path
    options: ReadOptions
    report: ReadingReport
    paths: set[str] = field(default_factory=set)
    """Those of the pictures that were found, below `base`."""
    _folder: Path = field(init=False)
    _missing: list[Unread] = field(default_factory=list)
    _unread: dict[str, Unread] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look for pictures below `root`, which may not lead out of `base`."""
        self._folder = path_below(self.base, self.options.root) if self.options.root else self.base

    def records(self, entries: Sequence[Entry]) -> list[Record]:
        """Return the items of the rows whose picture is there; the others go into the report, or are refused."""
        finder, selection = FileFinder(self._folder), Selection.of(self.options)
        grouping, inside = Grouping(), _names_inside(entries)
        without = all(entry.image is None for entry in entries)  # a list of texts alone
        for number, entry in enumerate(entries):
            if isinstance(entry.image, str):
                path = self._path(entry.where, entry.image, finder)
                if path is not None and self._is_read(path, selection):
                    self.paths.add(path)
                    grouping.add(entry, self.base / path, path if entry.id is None else entry.id)
            elif entry.image is not None or (entry.texts and (without or entry.id is not None)):
                key = inside.get(number) if entry.id is None else entry.id
                grouping.add(entry, entry.image, str(number) if key is None else key, numbered=key is None)
            else:
                self._missing.append(Unread(entry.where, WITHOUT_PICTURE, "none is named"))
        self.report.taken += [f"{self.name}: {difference}" for difference in finder.differences()]
        self._judge_missing(len(entries))
        return grouping.records(self.report)

    def _path(self, where: str, name: str, finder: FileFinder) -> str | None:
        """Return the path of a picture below the source."""
        try:
            path = finder.find(name)
        except InputError as fault:
            raise InputError(f"{where}: {fault}") from None
        if path is None:
            self._missing.append(Unread(f"{where}: {name!r}", WITHOUT_PICTURE, f"not in {self._folder}"))
            return None
        return f"{self.options.root.strip('/')}/{path}" if self.options.root else path

    def _is_read(self, path: str, selection: Selection) -> bool:
        kind = kind_of(path)
        if selection.leaves_out(path):
            self._unread[path] = Unread(path, "excluded", "")
        elif not kind.picture and not kind.unknown:
            self._unread[path] = Unread(path, kind.name, kind.reason)
        return path not in self._unread

    def _judge_missing(self, rows: int) -> None:
        """Report the rows without their picture; refuse them if so told, or if they are all there are."""
        count = len(self._missing)
        if count and (self.options.missing == "fail" or count == rows):
            shown = "; ".join(each.name for each in self._missing[:3]) + ("; ..." if count > 3 else "")
            raise InputError(
                f"{count:,} of {rows:,} rows of {self.name} are without their picture in {self._folder}: {shown}"
            )
        known = {each.name for each in self.report.unread}
        self.report.unread += self._missing
        self.report.unread += [each for name, each in self._unread.items() if name not in known]


def _names_inside(entries: Sequence[Entry]) -> dict[int, str]:
    """Return the names of the pictures inside a list by row, if each has a path of its own for a name."""
    inside = {number: entry.image for number, entry in enumerate(entries) if callable(entry.image)}
    names = {number: getattr(image, "name", None) for number, image in inside.items()}
    paths = {number: str(name) for number, name in names.items() if isinstance(name, str) and is_below(name)}
    return paths if len({*paths.values()}) == len(inside) else {}
