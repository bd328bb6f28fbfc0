"""A source becomes records: a folder, a list, shards, lines of JSON.

A folder is described by its list, if it has one (`LISTINGS`, the first that is there); pictures that the list does not
name are items too. Without a list, texts are beside the pictures (`sidecars`), or all is in .tar shards (`shards`). A
folder's name is never taken for a label: it is in the key of each picture anyway.
"""

from __future__ import annotations

import gc
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..errors import InputError
from .kinds import kind_of
from .listed import ListedPictures
from .lists import read_list
from .record import ImageData, ReadingReport, ReadOptions, Record, Records, Unread, amount
from .rows import LISTS
from .shards import files_in
from .sidecars import MAX_BYTES, FileSet, read_sidecars
from .walk import COMPANIONS, files_of

#: The lists that a folder may have, in the order in which they are looked for.
LISTINGS = (
    *("captions.csv", "captions.tsv", "captions.jsonl", "captions.parquet"),
    *("metadata.csv", "metadata.jsonl", "metadata.parquet"),
    *("table.parquet", "table.csv", "table.tsv"),
)
_SOURCES = (
    "a source is a folder of pictures, a list (.csv, .tsv, .jsonl, .json, .parquet), a .tar shard, a glob of them such"
    " as 'shards/*.tar', or - for lines of JSON"
)


def read(place: str | Path, options: ReadOptions | None = None) -> Records:
    """Return the records of a folder, of a list, of a .tar shard, or of the shards that a glob names."""
    with _collector_paused():
        return _read(place, Path(place), options or ReadOptions())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the collector of cycles, of which rows make none: it would look at all of them again and again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _read(place: str | Path, path: Path, options: ReadOptions) -> Records:
    if path.is_dir():
        return _Folder(path, options, ReadingReport()).read()
    if path.is_file():
        return _file(path, options)
    shards = sorted(glob.glob(str(place), recursive=True)) if glob.has_magic(str(place)) else []
    if not shards:
        raise InputError(f"{place} does not exist; {_SOURCES}")
    odd = [name for name in shards if kind_of(name).name != "shards"]
    if odd:
        raise InputError(f"{place} names {odd[0]}, which is no .tar shard; give a folder, and globs by include")
    above = os.path.dirname(str(place)[: str(place).index(next(filter(glob.has_magic, str(place))))])
    prefixes = (os.path.relpath(name, above or ".").replace(os.sep, "/") for name in shards)
    return _shards({f"{prefix}/": Path(name) for prefix, name in zip(prefixes, shards, strict=True)}, options)


def _file(path: Path, options: ReadOptions) -> Records:
    kind = kind_of(path.name)
    if options.listing:
        raise InputError(f"a list belongs to a folder of pictures, and {path} is not a folder")
    if kind.name == "shards":
        return _shards({"": path}, options)
    if path.suffix.lower() in LISTS:
        report = ReadingReport()
        listed = read_list(path, options, report)
        records = ListedPictures(path.name, path.parent, options, report).records(listed.entries)
        return Records(records, report, listed.classes, path.parent)
    if kind.picture:
        raise InputError(f"{path} is a single picture; give its folder, and its name by include")
    raise InputError(f"{path} is no source ({kind.name}); {kind.reason or _SOURCES}")


def _shards(shards: Mapping[str, Path], options: ReadOptions, report: ReadingReport | None = None) -> Records:
    report = report or ReadingReport()
    report.taken.append(amount(len(shards), ".tar shards"))
    records, classes = read_sidecars(files_in(shards, options, report), options, report)
    return Records(records, report, classes)


@final
@dataclass
class _Folder:
    """A folder of pictures."""

    path: Path
    options: ReadOptions
    report: ReadingReport

    def read(self) -> Records:
        files = files_of(self.path, self.options, self.report)
        listing = self._listing(files)
        files = [name for name in files if name == listing or self._in_root(name)]
        if listing:
            return self._by_list(listing, [name for name in files if name != listing])
        pictures = any(kind_of(name).picture for name in files)
        shards = [name for name in files if not pictures and kind_of(name).name == "shards"]
        beside = [name for name in files if kind_of(name).name not in {"lists", "shards"}]
        self._account({*files} - {*shards, *beside}, "give one as the source to read it")
        if shards:
            self._account(beside)
            return _shards({f"{name}/": self.path / name for name in shards}, self.options, self.report)
        records, classes = read_sidecars(FileSet(beside, self._image, self._content), self.options, self.report)
        return Records(records, self.report, classes, self.path)

    def _listing(self, files: Sequence[str]) -> str:
        """Return the list of the folder: the one that is given, or the first that has a documented name."""
        if not self.options.listing:
            there = {*files}
            return next((name for name in LISTINGS if name in there), "")
        given = next(
            (path for path in (self.path / self.options.listing, Path(self.options.listing)) if path.is_file()), None
        )
        if given is None:
            raise InputError(f"the list {self.options.listing} is neither in {self.path} nor a file elsewhere")
        name = os.path.relpath(given, self.path).replace(os.sep, "/")
        self.report.unread = [each for each in self.report.unread if each.name != name]
        return name

    def _in_root(self, name: str) -> bool:
        """Return whether a file is in the folder of the pictures; one that is not goes into the report."""
        root = self.options.root.strip("/")
        if root and not name.startswith(f"{root}/"):
            self.report.unread.append(Unread(name, f"not in {root}", ""))
            return False
        return True

    def _by_list(self, listing: str, files: Sequence[str]) -> Records:
        listed = read_list(self.path / listing, self.options, self.report)
        pictures = ListedPictures(listing, self.path, self.options, self.report)
        records = pictures.records(listed.entries)
        self.report.unread = [each for each in self.report.unread if each.name not in pictures.paths]
        known = pictures.paths | {each.name for each in self.report.unread}
        others = [name for name in files if name not in known]
        unlisted = [name for name in others if kind_of(name).picture]
        self._account({*others} - {*unlisted}, f"{listing} is read instead")
        if unlisted:
            self.report.taken.append(f"{amount(len(unlisted), 'pictures')} that {listing} does not name, without texts")
        return Records([*records, *self._unlisted(unlisted, records)], self.report, listed.classes, self.path)

    def _unlisted(self, pictures: Sequence[str], records: Sequence[Record]) -> list[Record]:
        ids = {record.key: record for record in records}
        for name in pictures:
            if name in ids:
                raise InputError(f"{ids[name].where} has the id {name!r}, which is the path of another picture")
        return [Record(name, self._image(name), where=name, says=frozenset()) for name in pictures]

    def _account(self, names: Iterable[str], instead: str = "") -> None:
        """Report files that are not read; `instead` is why lists, texts and shards are not."""
        for name in sorted(names):
            kind = kind_of(name)
            self.report.unread.append(Unread(name, kind.name, instead if kind.name in COMPANIONS else kind.reason))

    def _image(self, name: str) -> ImageData:
        return self.path / name

    def _content(self, name: str) -> bytes | None:
        path = self.path / name
        return path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
