"""Texts and facts beside pictures: `x.txt` and `x.json` belong to `x.jpg`, in folders and in shards alike.

The whole of `x.txt` is one text, line breaks included, as img2dataset writes and clip-retrieval reads it; `x.json` is
an object that is read as a row of a list is. Where both are there, the text is that of `x.txt`, unless an option names
the texts of the object, which gives the rest. A picture with neither is an item all the same.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import splitext
from typing import Any, NamedTuple, TypeVar, final

from ..errors import InputError
from ..io.text import decoded
from .columns import NONE
from .grouping import Grouping
from .kinds import kind_of
from .lists import entries_of
from .record import Entry, ImageData, ReadingReport, ReadOptions, Record, Says, Unread, amount
from .rows import Row

T = TypeVar("T")

#: Bytes of a text or an object beside a picture, at most.
MAX_BYTES = 1 << 22
_EMPTY = "empty"


@final
class FileSet(NamedTuple):
    """The files of a source by their paths in it."""

    names: Sequence[str]
    image: Callable[[str], ImageData]
    content: Callable[[str], bytes | None]
    """Returns the bytes of a file, or None where they are more than `MAX_BYTES`."""


def read_sidecars(files: FileSet, options: ReadOptions, report: ReadingReport) -> tuple[list[Record], tuple[str, ...]]:
    """Return a record for each picture, and the classes; every other file is beside a picture, or in the report."""
    return _Reading(files, options, report).read()


@final
@dataclass
class _Reading:
    files: FileSet
    options: ReadOptions
    report: ReadingReport

    def read(self) -> tuple[list[Record], tuple[str, ...]]:
        pictures = [name for name in self.files.names if kind_of(name).picture]
        samples = Counter(map(_sample, pictures))
        beside = self._beside(samples)
        texts = self._parsed("texts", beside, _text)
        objects = self._parsed("JSON", beside, _object)
        entries, classes = self._entries(pictures, objects)
        grouping = Grouping()
        unread = {each.name for each in self.report.unread if each.reason != _EMPTY}
        for picture in pictures:
            sample = _sample(picture)
            entry = entries.get(picture) or Entry(picture, says=frozenset())
            if sample in texts and not (self.options.text and entry.texts):
                entry.texts = [texts[sample]]
            if sample in beside["texts"]:
                of_texts = frozenset[Says](["texts"])
                entry.says = entry.says - of_texts if beside["texts"][sample] in unread else entry.says | of_texts
            own = entry.id if samples[sample] == 1 else None  # a RAW and its JPEG share their sidecars, not an id
            grouping.add(entry, self.files.image(picture), picture if own is None else own)
        self._state(pictures, texts, objects)
        return grouping.records(self.report), classes

    def _beside(self, samples: Container[str]) -> dict[str, dict[str, str]]:
        """Return the texts and objects of samples; every other file that is no picture goes into the report."""
        beside: dict[str, dict[str, str]] = {"texts": {}, "JSON": {}}
        for name in self.files.names:
            kind, sample = kind_of(name), _sample(name)
            if kind.name in beside and sample in samples and sample not in beside[kind.name]:
                beside[kind.name][sample] = name
            elif kind.name in beside:
                self._unread(name, f"{kind.name} without a picture of their name")
            elif not kind.picture:
                self._unread(name, kind.name, kind.reason)
        return beside

    def _entries(
        self, pictures: Sequence[str], objects: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Return the entries that the objects beside pictures are read as, by picture."""
        column = self.options.image or "image"
        described = [picture for picture in pictures if _sample(picture) in objects]
        rows = [Row(f"{_sample(name)}.json", {**objects[_sample(name)], column: name}) for name in described]
        if not rows:
            self._refuse_columns()
            return {}, ()
        columns = list(dict.fromkeys(name for row in rows for name in row.cells))
        options = replace(self.options, image=column)
        listed = entries_of(rows, columns, options, "the .json beside pictures", self.report)
        return dict(zip(described, listed.entries, strict=True)), listed.classes

    def _refuse_columns(self) -> None:
        """Refuse options that name columns where there are none."""
        names = ("image", "text", "labels", "id", "types")
        given = [f"{name}={value}" for name in names if (value := getattr(self.options, name)) not in ("", NONE)]
        if given:
            raise InputError(f"{' and '.join(given)}: there is no list and no .json beside a picture to have columns")

    def _parsed(self, kind: str, beside: Mapping[str, Mapping[str, str]], parse: Callable[[bytes], T]) -> dict[str, T]:
        """Return what files say, by sample; one that cannot be read goes into the report with the reason."""
        parsed: dict[str, T] = {}
        for sample, name in beside[kind].items():
            try:
                data = self.files.content(name)
                if data is None:
                    raise InputError(f"over {MAX_BYTES >> 20} MiB")
                parsed[sample] = parse(data)
            except InputError as fault:
                self._unread(name, kind, str(fault))
            except OSError as fault:
                self._unread(name, kind, (fault.strerror or "cannot be opened").lower())
        return parsed

    def _unread(self, name: str, kind: str, reason: str = "") -> None:
        self.report.unread.append(Unread(name, kind, reason))

    def _state(self, pictures: Sequence[str], texts: Mapping[str, str], objects: Container[str]) -> None:
        counts = {
            ".txt": sum(_sample(picture) in texts for picture in pictures),
            ".json": sum(_sample(picture) in objects for picture in pictures),
        }
        beside = [amount(count, f"with a {ending} beside them") for ending, count in counts.items() if count]
        self.report.taken.append(", ".join([amount(len(pictures), "pictures"), *beside]))
        several = sum("\n" in text for text in texts.values())
        if several:
            self.report.taken.append(f"{amount(several, '.txt have')} several lines, which are one text each")


def _sample(name: str) -> str:
    """Return what a picture and the files beside it have in common: the path without its ending, in NFC."""
    return unicodedata.normalize("NFC", splitext(name)[0])


def _text(data: bytes) -> str:
    try:
        text = decoded(data, "")[0].strip()
    except InputError:  # one reason for all, by which they are counted together
        raise InputError("not UTF-8; convert them, e.g. with iconv") from None
    if not text:
        raise InputError(_EMPTY)
    return text


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InputError("not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise InputError("not an object")
    return value
