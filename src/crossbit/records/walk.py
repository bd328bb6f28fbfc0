"""The files of a folder in a stable order, and an account of those that are left out.

Hidden files and folders, and those that systems keep for themselves, are left out; a hidden folder that is given as the
source itself is read. Globs are those of `fnmatch`, case included: each is matched against the name of every file and
folder, and against its path below the source, in which `*` crosses slashes too, and `/**/` is also one slash. A slash
at its beginning or end makes no difference, and braces are refused. A folder that matches stands for
everything in it.

The globs to read are asked of pictures; texts and lists come along, because a caption without its picture is of no use.

Links to files are files; links to folders are not entered, so no walk runs in circles.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from posixpath import splitext
from typing import NamedTuple, final

from ..errors import InputError
from .kinds import is_system_file, is_system_folder, kind_of
from .names import is_file
from .record import ReadingReport, ReadOptions, Unread

#: Kinds of files that come along with pictures, whatever is to be read.
COMPANIONS = {"texts", "JSON", "lists", "shards"}


@final
class Selection(NamedTuple):
    """The globs of what is read and what is left out; without any, everything is read."""

    included: re.Pattern[str] | None
    excluded: re.Pattern[str] | None

    @classmethod
    def of(cls, options: ReadOptions) -> Selection:
        """Return the selection that the options describe."""
        return cls(_any_of(options.include), _any_of(options.exclude))

    def leaves_out(self, path: str) -> bool:
        """Return whether a file is left out, by its path or by that of a folder above it.

        >>> options = ReadOptions(include=("*.jpg",), exclude=("drafts",))
        >>> [Selection.of(options).leaves_out(path) for path in ("a/b.jpg", "a/b.png", "a/b.txt", "a/drafts/b.jpg")]
        [False, True, False, True]
        """
        if self.excluded is not None and _any_part(self.excluded, path):
            return True
        companion = kind_of(path).name in COMPANIONS
        return self.included is not None and not companion and not _any_part(self.included, path)


def left_out(path: str, selection: Selection) -> str:
    """Return the kind under which a path is left out, because of its name or of that of a folder above it, or nothing.

    >>> [left_out(path, Selection.of(ReadOptions())) for path in ("x/@eaDir/a.jpg", "x/.y/a.jpg", "x/._a.jpg", "a.jpg")]
    ['in @eaDir', 'in hidden folders', 'hidden', '']
    """
    *folders, name = path.split("/")
    why = next(filter(None, map(_folder_left_out, folders)), "") or _file_left_out(name)
    return why or ("excluded" if selection.leaves_out(path) else "")


def _folder_left_out(name: str) -> str:
    if is_system_folder(name):
        return f"in {name}" if name.isprintable() else "in folders of the system"
    return "in hidden folders" if name.startswith(".") else ""


def _file_left_out(name: str) -> str:
    if not name.startswith("."):
        return ""
    return "files of the system" if is_system_file(name) else "hidden"


def _any_of(globs: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(each) for glob in globs for each in _spelt(glob))) if globs else None


def _spelt(glob: str) -> set[str]:
    """Return what a glob stands for: `**` between slashes is any number of folders, none included."""
    if re.search(r"\{[^{}]*,[^{}]*\}", glob):
        raise InputError(
            f"the glob {glob!r} has braces, which stand for themselves; give a glob for each of its readings"
        )
    glob = glob.removeprefix("./").strip("/")
    spelt = {glob, glob.replace("/**/", "/")}
    return spelt | {each.removeprefix("**/") for each in spelt}


def refuse_unmatched(files: Iterable[str], options: ReadOptions, report: ReadingReport) -> None:
    """Refuse globs of what is read that match none of the files, where there are some."""
    others = [each.name for each in report.unread if each.kind == "excluded"]
    if not options.include or not others or any(kind_of(name).name not in COMPANIONS for name in files):
        return
    endings = Counter(splitext(name)[1] or "without an ending" for name in others).most_common(4)
    there = ", ".join(f"{count:,} {ending}" for ending, count in endings)
    globs = " or ".join(map(repr, options.include))
    raise InputError(f"no file matches include {globs}, in which case counts; there are {there}")


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    return bool(pattern.match(path) or pattern.match(path.rpartition("/")[2]))


def _any_part(pattern: re.Pattern[str], path: str) -> bool:
    return any(_matches(pattern, path[: slash.start()]) for slash in re.finditer("/", path)) or _matches(pattern, path)


def files_of(folder: Path, options: ReadOptions, report: ReadingReport) -> list[str]:
    """Return the paths of a folder's files below it, in the order of their parts; the others go into the report."""
    files = list(_Walk(folder, Selection.of(options), report).files())
    refuse_unmatched(files, options, report)
    return files


@final
@dataclass
class _Walk:
    """One walk: a file comes out, or goes into the report as unread."""

    folder: Path
    selection: Selection
    report: ReadingReport
    waiting: list[tuple[str, str, os.DirEntry[str]]] = field(default_factory=list)
    """What is still to be seen, the next one last: path, why it is left out, entry."""

    def files(self) -> Iterator[str]:
        """Yield the files that are read."""
        try:
            self._enter("", "")
        except OSError as fault:
            raise InputError(f"the folder {self.folder} cannot be read: {fault.strerror}") from None
        while self.waiting:
            path, why, entry = self.waiting.pop()
            why = why or self._left_out(path, entry)
            if entry.is_dir(follow_symlinks=False):
                self._enter_or_name(path, why)
            elif why:
                self._unread(path, why)
            elif self._is_file(path, entry):
                yield path

    def _enter(self, path: str, why: str) -> None:
        with os.scandir(self.folder / path) as entries:
            found = sorted(entries, key=lambda entry: entry.name, reverse=True)
        self.waiting += [(f"{path}/{entry.name}" if path else entry.name, why, entry) for entry in found]

    def _enter_or_name(self, path: str, why: str) -> None:
        try:
            self._enter(path, why)
        except OSError as fault:
            if why:
                self._unread(path, why)
            else:
                self._unread(path, "folders that cannot be opened", (fault.strerror or str(fault)).lower())

    def _left_out(self, path: str, entry: os.DirEntry[str]) -> str:
        """Return the kind under which a file, or all files of a folder, are left out; of others nothing."""
        if not entry.is_dir(follow_symlinks=False):
            return _file_left_out(entry.name) or ("excluded" if self.selection.leaves_out(path) else "")
        excluded = self.selection.excluded
        return _folder_left_out(entry.name) or ("excluded" if excluded and _matches(excluded, path) else "")

    def _is_file(self, path: str, entry: os.DirEntry[str]) -> bool:
        """Return whether an entry is a file; what else it is goes into the report."""
        if is_file(entry):
            return True
        if not entry.is_symlink():
            self._unread(path, "devices and pipes")
        elif (self.folder / path).is_dir():
            self._unread(path, "links to folders", "give the folder itself")
        else:
            self._unread(path, "links that lead nowhere", "restore what they point to")
        return False

    def _unread(self, path: str, kind: str, reason: str = "") -> None:
        self.report.unread.append(Unread(path, kind, reason))
