"""Tables in text, such as CSV: cells as they are written, and errors that name the line where a quote opened."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, final

from ..errors import InputError
from .text import decoded

#: What may stand between the cells, with its name.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: Separators of files whose writers often do not quote, so that a quote is then a character like others.
_PLAIN = {"\t", "|"}
_ADVICE = 'a quote inside a cell is doubled, as in "a ""red"" house"'
_QUOTED = re.compile(r' *"[^"]*(?:""[^"]*)*"')
_FILE_ENDING = re.compile(r"\.[A-Za-z0-9]{2,5}\s*$")


class Line(NamedTuple):
    """The cells of a row, and the number of the line on which it begins."""

    number: int
    cells: list[str]


@final
class Delimited(NamedTuple):
    """A table in text: its heading, its rows without empty ones, and what was found that is not usual."""

    heading: list[str]
    rows: list[Line]
    notes: list[str]


def read_delimited(path: Path, usual: str = ",") -> Delimited:
    """Return a table in UTF-8 or UTF-16; what separates its cells is told from its heading, by default `usual`.

    Blanks before a cell do not belong to it. A cell that begins with a quote ends with one, and may hold separators,
    line breaks and doubled quotes.

    Raises:
        InputError: where a quote is not closed or is followed by something else; it names the line of the quote.

    """
    text, encoding = decoded(path.read_bytes(), str(path))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}: line {line} holds a zero byte; save the table as text in UTF-8")
    notes = [encoding] if encoding != "UTF-8" else []
    hint = re.match(r"sep=([,;\t|])\r?\n", text)  # as Excel writes it
    separator = hint[1] if hint else _sniffed(text, usual)
    if separator != usual:
        notes.append(f"cells between {SEPARATORS[separator]}")
    table = _Table(str(path), text, separator, skipped=1 if hint else 0)
    lines, unusual = table.lines()
    heading = [cell.strip() for cell in lines[0].cells] if lines else []
    return Delimited(heading, lines[1:], notes + unusual)


def _sniffed(text: str, usual: str) -> str:
    """Return the separator of the first line that is not empty, where quoted parts do not count."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    counts = Counter(re.sub(r'"[^"]*"', "", first))
    if counts[usual]:
        return usual
    return max(SEPARATORS, key=lambda each: (counts[each], each == usual))


@final
class _Table(NamedTuple):
    path: str
    text: str
    separator: str
    skipped: int

    def lines(self) -> tuple[list[Line], list[str]]:
        """Return the rows, the heading first, and what is unusual."""
        csv.field_size_limit(max(csv.field_size_limit(), len(self.text)))
        try:
            return self._quoted()
        except InputError:
            plain = self._plain() if self.separator in _PLAIN else None
            if plain is None:
                raise
            return plain, ["quotes are parts of cells"]

    def _quoted(self) -> tuple[list[Line], list[str]]:
        reader = csv.reader(self._file(), delimiter=self.separator, strict=True, skipinitialspace=True)
        found, begin, long = [], self.skipped + 1, list[tuple[int, int]]()
        try:
            for cells in reader:
                end = reader.line_num + self.skipped
                if any(map(str.strip, cells)):
                    found.append(Line(begin, cells))
                    if end > begin:
                        long.append((begin, end))
                begin = end + 1
        except csv.Error as fault:
            raise self._quote_error(begin, reader.line_num + self.skipped, str(fault)) from None
        self._refuse_swallowed(found, long)
        if not long:
            return found, []
        first = f"lines {long[0][0]} to {long[0][1]}"
        return found, [f"{len(long):,} row{'s' * (len(long) > 1)} over several lines, as {first}"]

    def _plain(self) -> list[Line] | None:
        """Return the rows where a quote is a character like others, or None where they do not fit the heading."""
        rows = [Line(number, line.rstrip("\r\n").split(self.separator)) for number, line in self._numbered()]
        rows = [row for row in rows if any(map(str.strip, row.cells))]
        return rows if rows and all(len(row.cells) <= len(rows[0].cells) for row in rows) else None

    def _file(self) -> io.StringIO:
        file = io.StringIO(self.text, newline="")
        for _ in range(self.skipped):
            file.readline()
        return file

    def _numbered(self) -> Iterator[tuple[int, str]]:
        return enumerate(self._file(), self.skipped + 1)

    def _quote_error(self, begin: int, end: int, fault: str) -> InputError:
        """Return the error for the row that begins on a line; its quote is looked for."""
        file = self._file()
        rest = "".join(line for number, line in enumerate(file, self.skipped + 1) if number >= begin)
        at, closed = self._faulty_quote(rest)
        line = begin + len(re.findall(r"\r\n|\r|\n", rest[:at]))
        shown = next(iter(rest[at : at + 40].splitlines()), "")
        if not closed:
            return InputError(f"{self.path}: line {line}: the quote before {shown!r} is never closed; {_ADVICE}")
        name = SEPARATORS[self.separator].rstrip("s")
        where = f"line {line}" if line == end else f"lines {line} to {end}"
        return InputError(
            f"{self.path}: {where}: the cell that begins {shown!r} does not end after its closing quote, with a {name}"
            f" or the end of the line; {_ADVICE} ({fault})"
        )

    def _faulty_quote(self, text: str) -> tuple[int, bool]:
        """Return where the quoted cell begins that is not closed or goes on after its end, and whether it is closed."""
        plain = re.compile(f"[^{re.escape(self.separator)}\r\n]*")
        ends = {self.separator, "\r", "\n"}
        at = 0
        while at < len(text):
            start = at
            quoted = text[start : start + 1000].lstrip(" ").startswith('"')
            match = (_QUOTED if quoted else plain).match(text, at)
            if match is None:
                return start, False
            at = match.end()
            if at < len(text) and text[at] not in ends:
                return start, True
            at += 1
        return 0, True

    def _refuse_swallowed(self, rows: Sequence[Line], long: Sequence[tuple[int, int]]) -> None:
        """Refuse a cell whose lines look like rows of their own: its quote was not meant to open."""
        if not long:
            return
        width = len(rows[0].cells)
        starts = {begin for begin, _ in long}
        spans = {number: begin for begin, end in long for number in range(begin + 1, end + 1)}
        first = next((row.cells for row in rows[1:] if row.number not in starts), [])
        endings = {at: ending[0] for at, cell in enumerate(first[:width]) if (ending := _FILE_ENDING.search(cell))}
        for number, line in self._numbered() if endings else ():
            cells = line.split(self.separator) if number in spans else []
            if len(cells) == width and any(cells[at].endswith(ending) for at, ending in endings.items()):
                raise InputError(
                    f"{self.path}: line {spans[number]}: a quote opens here, and line {number}, which looks like a row"
                    f" of its own, is inside it: {line.strip()[:60]!r}; {_ADVICE}"
                )
