"""The sources of a collection's items: a short label each, which items carry, and the place it stands for.

A place is the path of a folder, which ends in a slash, or of a list; or a name, such as that of a dataset. Folders may
lie within each other: one picture file then has a key in each of them, and is found under any.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, final

#: The fact that holds the places by their labels.
SOURCES = "sources"
#: Characters of a label at most.
LONGEST = 80


@final
@dataclass(frozen=True)
class Sources:
    """The places of a collection's sources by their labels, in the order in which they came."""

    places: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Sources:
        """Return the sources that the facts of a collection name."""
        return cls(facts.get(SOURCES, {}))

    def label(self, place: str) -> str | None:
        """Return the label of a place, or none where it is not among the sources."""
        return next((label for label, each in self.places.items() if _bare(each) == _bare(place)), None)

    def with_place(self, place: str) -> tuple[Sources, str]:
        """Return the sources with a place among them, and its label: as much of the end of the place as tells it.

        >>> Sources({"DCIM": "/a/DCIM/"}).with_place("/b/DCIM/")[1]
        'b/DCIM'
        """
        known = self.label(place)
        if known is not None:
            return self, known
        label = next(label for label in _labels(place) if label not in self.places)
        return Sources({**self.places, label: place}), label

    def moved(self, old: str, new: str) -> Sources:
        """Return the sources of which those at or below an old place are at a new one."""
        return Sources({label: moved(place, old, new) or place for label, place in self.places.items()})

    def keys_elsewhere(self, place: str) -> Iterator[tuple[str, str, str]]:
        """Yield each other source that may hold the picture files of a place: its label, and how keys differ.

        A key of the place that begins with the first text has the second in its stead there.
        """
        base = folder_of(place)
        for label, other in self.places.items():
            root = folder_of(other)
            both_lists = not is_folder(place) and not is_folder(other)
            if base is None or root is None or both_lists or _bare(other) == _bare(place):
                continue
            if base.startswith(root):
                yield label, "", base[len(root) :]
            elif root.startswith(base):
                yield label, root[len(base) :], ""

    def below(self, folder: str) -> Iterator[tuple[str, str, str]]:
        """Yield each folder that shares files with a folder, itself too, as `keys_elsewhere` does."""
        own = self.label(folder)
        if own is not None:
            yield own, "", ""
        yield from (each for each in self.keys_elsewhere(folder) if is_folder(self.places[each[0]]))


def place_of(source: str | os.PathLike[str]) -> str:
    """Return the place that a source stands for: a folder's path ends in a slash."""
    text = os.fspath(source)
    return f"{_bare(text)}/" if os.path.isabs(text) and os.path.isdir(text) else text


def is_folder(place: str) -> bool:
    """Return whether a place is that of a folder."""
    return place.endswith("/")


def is_path(place: str) -> bool:
    """Return whether a place is a path, which can move."""
    return place.startswith("/")


def folder_of(place: str) -> str | None:
    """Return the folder from which the names in a source lead, with its slash, or none where it is no path."""
    if not is_path(place):
        return None
    return place if is_folder(place) else f"{_bare(str(PurePosixPath(place).parent))}/"


def moved(path: str, old: str, new: str) -> str | None:
    """Return a path at or below an old place as it is at the new one, or none where it lies elsewhere.

    >>> moved("/a/b/c.png", "/a/b", "/x"), moved("/a/b/", "/a/b", "/x"), moved("/a/bc", "/a/b", "/x")
    ('/x/c.png', '/x/', None)
    """
    old, new = _bare(old), _bare(new)
    if path == old or path.startswith(f"{old}/"):
        return new + path[len(old) :]
    return None


def _bare(place: str) -> str:
    return place.rstrip("/")


def _labels(place: str) -> Iterator[str]:
    """Yield labels for a place, the shortest first: of its last names, then numbered ones."""
    parts = [_shown(part) for part in _bare(place).split("/") if part] or ["source"]
    for count in range(1, len(parts) + 1):
        label = "/".join(parts[-count:])
        if len(label) <= LONGEST:
            yield label
    number = 2
    while True:
        yield f"{parts[-1][:LONGEST]} ({number})"
        number += 1


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in name)
