"""Lines of JSON as they come in, each an item: nothing waits for the end of the stream.

A line is read as a row of a list is, but by itself: unless the options say otherwise, labels are names, even if they
are digits. The path of a picture is taken from the working folder. An item without a picture needs an id: the number of
its line would name another item in the next stream. Lines of one item that follow each other are put together.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO, cast

from ..errors import InputError
from .columns import choose
from .grouping import Grouping, same_picture
from .listed import WITHOUT_PICTURE
from .lists import entries_of
from .record import Entry, ImageData, ReadingReport, ReadOptions, Record, Unread
from .rows import Row, json_object

#: Bytes of a line, at most.
MAX_LINE = 1 << 24
#: Sets of names in lines that are stated, at most.
MAX_FORMS = 10


def stream(lines: TextIO, options: ReadOptions, report: ReadingReport) -> Iterator[Record]:
    """Yield a record for each line that is not empty; one without its picture goes into the report, or is refused."""
    grouping, last, picture = Grouping(), "", cast("ImageData | None", None)
    for entry, image, key in _entries(lines, options, report):
        if key != last or not same_picture(picture, image):
            yield from grouping.taken()
            picture = None
        grouping.add(entry, image, key)
        last, picture = key, picture or image
    yield from grouping.taken()
    grouping.account(report)


def _entries(
    lines: TextIO, options: ReadOptions, report: ReadingReport
) -> Iterator[tuple[Entry, ImageData | None, str]]:
    """Yield what a line says, its picture and its key."""
    said: set[tuple[str, ...]] = set()
    for number, line in _lines(lines):
        where = f"line {number}"
        cells, notes = json_object(line, where), ReadingReport()
        (entry,) = entries_of(
            [Row(where, cells)], list(cells), _with_names(options, cells, where), "lines", notes
        ).entries
        if tuple(cells) not in said and len(said) < MAX_FORMS:
            said.add(tuple(cells))
            report.taken += notes.taken
        image, key = Path(entry.image) if isinstance(entry.image, str) else entry.image, _key(entry)
        if not isinstance(image, Path) or image.is_file():
            yield entry, image, key
        elif options.missing == "fail":
            raise InputError(f"{where}: the picture {entry.image!r} does not exist")
        else:
            report.unread.append(Unread(f"{where}: {entry.image!r}", WITHOUT_PICTURE, "not there"))


def _with_names(options: ReadOptions, cells: Collection[str], where: str) -> ReadOptions:
    """Return options by which labels are names, where no other form is chosen."""
    labels = choose(list(cells), options, where).labels
    chosen = "+".join(f"{column}:{form or 'names'}" for column, form in labels.items())
    return replace(options, labels=chosen or options.labels)


def _key(entry: Entry) -> str:
    """Return what names an item: its id, or else the path of its picture."""
    key = entry.id or (entry.image if isinstance(entry.image, str) else "")
    if not key:
        raise InputError(f"{entry.where} has neither an id nor a picture whose path could stand for one")
    return key


def _lines(lines: TextIO) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; what is not UTF-8 is refused with the line."""
    binary = getattr(lines, "buffer", None)
    number = 0
    while line := binary.readline(MAX_LINE + 1) if binary else lines.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise InputError(f"line {number} is longer than {MAX_LINE:,} bytes")
        if isinstance(line, bytes):
            line = _decoded(line, number)
        if line.strip():
            yield number, line


def _decoded(line: bytes, number: int) -> str:
    if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError("line 1 is UTF-16; lines of JSON are UTF-8: convert them, e.g. with iconv")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as fault:
        byte = line[fault.start]
        raise InputError(f"line {number} is not UTF-8 (byte 0x{byte:02x}); convert it, e.g. with iconv") from None
