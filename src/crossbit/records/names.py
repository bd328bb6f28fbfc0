"""Finding the file that a list names: as written, or as another system would have written it.

A name is looked for as it stands, with backslashes as slashes and with `%20` and the like decoded; of an absolute path
that leads below the folder, the rest is. Where none is there, its other normal form is taken (a Mac writes NFD, a
spreadsheet NFC), and at last a file whose name differs in case alone, if there is but one. Each folder that a list
names is listed once: the time grows with rows plus files.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, final
from urllib.parse import unquote

from ..errors import InputError
from ..io.text import path_below
from .record import amount

_Fold: TypeAlias = Callable[[str], str]


def _as_written(name: str) -> str:
    return name


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


#: What a name has that is absolute, on a drive, above its folder, or no name at all.
_SUSPICIOUS = re.compile(r"\.\.|[\\:\0]|^/|^$")
_FOLDS: dict[_Fold, str] = {
    _as_written: "",
    _normal: "are in another normal form (NFC, NFD)",
    _caseless: "differ in case",
}
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "": _as_written,
    "have backslashes, taken for slashes": lambda name: name.replace("\\", "/"),
    "are percent-encoded": unquote,
    "are percent-encoded, with backslashes": lambda name: unquote(name).replace("\\", "/"),
}


@final
class FileFinder:
    """The files below a folder, by the names that a list gives them.

    Each part of a path is looked up in a listing, so that no spelling of a name can lead out of the folder.
    """

    def __init__(self, folder: Path) -> None:
        """Look below `folder`; nothing is read before the first question."""
        self._folder = folder
        self._listings: dict[str, _Listing] = {}
        self._differences: Counter[str] = Counter()

    def find(self, name: str) -> str | None:
        """Return the path of a file below the folder, spelt as there; a name that leads out of it is refused."""
        path = self._resolve(name, _as_written)
        if path is not None:
            return path
        below = self._below(name)
        if below != name:
            self._differences["are absolute, taken below the folder of the pictures"] += 1
            name = below
        if _SUSPICIOUS.search(name):
            path_below(self._folder, name)
        spellings: dict[str, str] = {}
        for spelling, spell in _SPELLINGS.items():
            spellings.setdefault(spell(name), spelling)
        for fold, folded in _FOLDS.items():
            for spelt, spelling in spellings.items():
                path = self._resolve(spelt, fold)
                if path is not None:
                    self._differences.update(filter(None, [spelling, folded]))
                    return path
        return None

    def differences(self) -> list[str]:
        """Return how names differed from those of their files, with counts."""
        return [amount(count, f"names {difference}") for difference, count in self._differences.items()]

    def _below(self, name: str) -> str:
        """Return what of an absolute path follows after the folder, and every other name as it is."""
        spelt = name.replace(os.sep, "/")
        if not spelt.startswith("/") and ":/" not in spelt[:3]:
            return name
        return next((spelt[len(base) :] for base in self._bases if spelt.startswith(base)), name)

    @cached_property
    def _bases(self) -> list[str]:
        bases = (os.path.abspath(self._folder), os.path.realpath(self._folder))
        return [f"{base.replace(os.sep, '/').rstrip('/')}/" for base in bases]

    def _resolve(self, name: str, fold: _Fold) -> str | None:
        path, entry = "", None
        first, *others = name.split("/")
        for part in [first, *(other for other in others if other)]:
            if part == ".":
                continue
            if path not in self._listings:
                self._listings[path] = _Listing(self._folder / path)
            entry = self._listings[path].find(part, fold)
            if entry is None:
                return None
            path = f"{path}/{entry.name}" if path else entry.name
        return path if entry is not None and is_file(entry) else None


def is_below(name: str) -> bool:
    """Return whether a name is a path that stays below its folder.

    >>> is_below("a/b.jpg"), is_below("../b.jpg"), is_below("/b.jpg")
    (True, False, False)
    """
    try:
        path_below(Path(), name)
    except InputError:
        return False
    return True


def is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file, or a link that leads to one."""
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


@final
class _Listing:
    """The names in one folder; none where it is no folder, or cannot be opened."""

    def __init__(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                self._entries = {entry.name: entry for entry in entries}
        except (OSError, ValueError):
            self._entries = {}

    def find(self, name: str, fold: _Fold) -> os.DirEntry[str] | None:
        """Return the entry of a name, or the only one that is alike under a fold; several are none."""
        if name in self._entries or fold is _as_written:
            return self._entries.get(name)
        alike = (self._normal if fold is _normal else self._caseless).get(fold(name), [])
        return self._entries[alike[0]] if len(alike) == 1 else None

    @cached_property
    def _normal(self) -> dict[str, list[str]]:
        return self._folded(_normal)

    @cached_property
    def _caseless(self) -> dict[str, list[str]]:
        return self._folded(_caseless)

    def _folded(self, fold: _Fold) -> dict[str, list[str]]:
        folded: dict[str, list[str]] = {}
        for name in self._entries:
            folded.setdefault(fold(name), []).append(name)
        return folded
