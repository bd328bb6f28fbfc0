"""Cells of label columns as lists of tokens: names, numbers and flags, however they are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..errors import InputError

#: A name, or a number; flags are the numbers 0 and 1, or -1 and 1.
Token: TypeAlias = str | int | float

#: What may be chosen where a column can be read in several ways, with the separator of names.
SEPARATORS = {"names": ";", "commas": ",", "bars": "|", "blanks": " "}
FORMS = (*SEPARATORS, "numbers", "flags")

_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.0*)?")
_FRACTION = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_LIST_OF_NUMBERS = re.compile(r"[+-]?[0-9]+(?:\.0*)?(?:[,;|\s]+[+-]?[0-9]+(?:\.0*)?)*[,;|]?")
_BITS = re.compile(r"[01]{2,}")
_BETWEEN_NUMBERS = re.compile(r"[,;|\s]+")
_FLAG_WORDS = {"true": 1, "false": 0, "yes": 1, "no": 0, "y": 1, "n": 0}
_GAP_WORDS = {"nan", "null", "none", "na", "n/a"}
_BETWEEN = {";": "between semicolons", ",": "between commas", "|": "between bars", " ": "between blanks"}
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_ITEM = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"\[\](){}]*[^,'"\[\](){}\s]))\s*(?:,|(?=['"])|$)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


class Tokens(NamedTuple):
    """A list of tokens per cell; `lists` is how several of them are written, and empty where a cell holds one."""

    rows: list[list[Token]]
    lists: str = ""
    notes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """The words for flags that the numbers stand for."""

    def present(self) -> Iterator[Token]:
        """Yield every token."""
        return (token for row in self.rows for token in row)


def tokens_of(cells: Sequence[Any], column: str, choose: str, form: str = "") -> Tokens:
    """Return the tokens of a column's cells; None, NaN, blanks and an empty list are no label.

    A column that can be read in two ways is refused; `choose` and a form is how a user says which, as in
    `labels=sea:flags`.

    >>> tokens_of(["sea; night sky", None, "sea"], "kinds", "labels=kinds:").rows
    [['sea', 'night sky'], [], ['sea']]
    >>> tokens_of(["[1, 0]", "[0, 1]"], "kinds", "labels=kinds:").rows
    [[1, 0], [0, 1]]
    """
    plain = [_plain(cell, column) for cell in cells]
    given = [cell for cell in plain if cell is not None]
    if form in SEPARATORS:
        return _parted(plain, SEPARATORS[form])
    if given and all(isinstance(cell, str) for cell in given):
        return _numbered(_written(plain, column, choose, form))
    lists = "lists" if any(isinstance(cell, list) for cell in given) else ""
    return _numbered(Tokens([_row(cell) for cell in plain], lists))


def _row(cell: Any) -> list[Token]:
    """Return the tokens of a cell of a column that holds more than texts."""
    if isinstance(cell, str):
        return [name for each in cell.split(";") if (name := each.strip())]
    return [] if cell is None else cell if isinstance(cell, list) else [cell]


def _plain(cell: Any, column: str) -> Any:
    """Return a cell as a token, as a list of tokens, or as None."""
    if hasattr(cell, "tolist"):  # an array or a number of NumPy
        cell = cell.tolist()
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, list | tuple | set | frozenset):
        inner = [_plain(each, column) for each in cell]
        if any(isinstance(each, list) for each in inner):
            raise InputError(f"column {column!r} holds lists of lists, such as {str(cell)[:60]}: labels are names")
        return [each for each in inner if each is not None] or None
    if cell is None or cell != cell:
        return None
    if isinstance(cell, int | float):  # a bool is one
        return cell
    raise InputError(f"column {column!r} holds the {type(cell).__name__} {str(cell)[:60]}, which is no label")


def _parted(cells: Iterable[Any], separator: str) -> Tokens:
    rows: list[list[Token]] = []
    for cell in cells:
        values = [] if cell is None else cell.split(separator) if isinstance(cell, str) else cell
        names = [_name(each).strip() for each in (values if isinstance(values, list) else [values])]
        rows.append([name for name in names if name])
    return Tokens(rows, _BETWEEN[separator] if any(len(row) > 1 for row in rows) else "")


def _written(cells: Sequence[str | None], column: str, choose: str, form: str) -> Tokens:
    """Return the tokens of cells of text: written lists, numbers between blanks or signs, or names."""
    given = [cell for cell in cells if cell is not None]
    literal = _literals(cells, given, column, choose)
    if literal:
        return literal
    if all(_BITS.fullmatch(cell) for cell in given) and (form == "flags" or any(cell[0] == "0" for cell in given)):
        if form != "flags":
            raise InputError(
                f"column {column!r} holds {given[0]!r} and alike: a flag per character, or names of classes;"
                f" choose {choose}flags or {choose}names"
            )
        return Tokens([[*(cell or "")] for cell in cells], "written without blanks")
    if all(_LIST_OF_NUMBERS.fullmatch(cell) for cell in given):
        rows: list[list[Token]] = [[each for each in _BETWEEN_NUMBERS.split(cell or "") if each] for cell in cells]
        if all(_WHOLE.fullmatch(str(token)) for row in rows for token in row):
            sign = next((sign for sign in ";,|" if any(sign in cell for cell in given)), " ")
            several = any(len(row) > 1 for row in rows)
            return Tokens(rows, _BETWEEN[sign] if several else "")
    parted = _parted(cells, ";")
    return parted._replace(notes=_doubts(parted, column, choose))


def _literals(cells: Sequence[str | None], given: Sequence[str], column: str, choose: str) -> Tokens | None:
    """Return the tokens of cells that are written as lists of Python, JSON or NumPy, or None."""
    other = next((cell for cell in given if _BRACKETS.get(cell[0]) != cell[-1]), None)
    if other is not None:
        quoted = next((cell for cell in given if cell[:2] in {"['", '["'} and cell[-1] == "]"), None)
        if quoted is None:
            return None
        raise InputError(
            f"column {column!r} holds cells that are written as lists, such as {quoted[:60]!r}, and others are not,"
            f" such as {other[:60]!r}; write all in one way, or choose {choose}names"
        )
    rows: list[list[Token]] = []
    for cell in cells:
        row = [] if cell is None else _items(cell[1:-1])
        if row is None and cell and cell[0] != "[":  # names that stand in parentheses
            return None
        if row is None:
            raise InputError(f"column {column!r} holds {cell!r:.60}, which cannot be read as a list")
        rows.append(row)
    return Tokens(rows, "lists written as text")


def _items(text: str) -> list[Token] | None:
    r"""Return the items of a written list without its brackets, or None where it cannot be read.

    >>> _items("'sea', 'night\\x20sky'"), _items("1. 0. 1."), _items("sea, 'boat"), _items("1 ... 0")
    (['sea', 'night sky'], ['1.', '0.', '1.'], None, None)
    """
    items: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _ITEM.match(text, at)
        if match is None:
            return None
        single, double, bare = match.groups()
        if bare is None:
            name = _ESCAPE.sub(_unescaped, single if double is None else double).encode("utf-16-le", "surrogatepass")
            items += [name.decode("utf-16-le", "replace")] if name else []
        else:
            parts = bare.split()
            if "..." in parts:  # NumPy's, which leaves items out
                return None
            items += parts if all(_WHOLE.fullmatch(part) for part in parts) else [bare]
        at = match.end()
    return items


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(match[3], match[3])


def _doubts(parted: Tokens, column: str, choose: str) -> tuple[str, ...]:
    """Return what to say of names with commas or bars in them; where these may separate, the column is refused."""
    names = {str(token) for token in parted.present()}
    notes = []
    for form, sign in (("commas", ","), ("bars", "|")):
        joined = sorted(name for name in names if sign in name)
        parts = Counter(part for name in joined for part in {each.strip() for each in name.split(sign)} if part)
        shared = sum(count > 1 or part in names for part, count in parts.items())
        if shared and not parted.lists:
            apart = len(names.difference(joined) | parts.keys())
            raise InputError(
                f"column {column!r} holds {joined[0][:60]!r} and alike: names {_BETWEEN[sign]} ({apart:,} classes), or"
                f" one name each ({len(names):,} classes); choose {choose}{form} or {choose}names"
            )
        if joined:
            notes.append(f"{form} are parts of names, as in {joined[0][:60]!r}")
    words = {word for name in names for word in name.split()}
    if len(words) < len(names) and not parted.lists:  # as of tags that are written one after another
        joined = sorted(name for name in names if len(name.split()) > 1)
        notes.append(f"blanks are parts of names, as in {joined[0][:60]!r}, unless {choose}blanks says otherwise")
    return tuple(notes)


def _name(token: Token) -> str:
    if isinstance(token, str):
        return token
    return str(int(token) if token == token // 1 else token)


def _numbered(tokens: Tokens) -> Tokens:
    """Return tokens as numbers where all of them are: whole ones, or words for flags; other tokens are names."""
    distinct = {*tokens.present()}
    numbers = {token: _number(token) for token in distinct}
    known = {*numbers.values()} - {None}
    words = tuple(sorted(token for token in distinct if isinstance(token, str) and token.casefold() in _FLAG_WORDS))
    if not known or "" in known or (words and not known <= {0, 1}):
        rows: list[list[Token]] = [[_name(token) for token in row] for row in tokens.rows]
        return tokens._replace(rows=rows)
    rows = [[number for token in row if (number := numbers[token]) is not None] for row in tokens.rows]
    gaps = sorted(str(token) for token, number in numbers.items() if number is None)
    return Tokens(rows, tokens.lists, (*tokens.notes, *(f"{gap!r} is no label" for gap in gaps)), words)


def odd_names(names: Sequence[str]) -> list[str]:
    """Return what to say of names of classes that may not be meant.

    >>> odd_names(["N/A", "Sea", "sea"])
    ["classes that differ in case alone: 'Sea', 'sea'", "'N/A' is a class; leave the cell empty for no label"]
    """
    alike = Counter(map(str.casefold, names))
    cases = [repr(name) for name in names if alike[name.casefold()] > 1]
    notes = [f"classes that differ in case alone: {', '.join(cases[:6])}"] if cases else []
    notes += [f"{each!r} is a class; leave the cell empty for no label" for each in names if _number(each) is None]
    words = [name for name in names if not _WHOLE.fullmatch(name)]
    if words and not notes and 2 * len(words) < len(names):
        notes.append(f"numbers are names too, because of {words[0][:40]!r}")
    return notes


def _number(token: Token) -> Token | None:
    """Return the number that a token is, None for a word that stands for none, and an empty text for a name."""
    if not isinstance(token, str):
        return int(token) if token == token // 1 else token
    if _WHOLE.fullmatch(token):
        return int(token.partition(".")[0])
    if _FRACTION.fullmatch(token):
        return float(token)
    word = token.casefold()
    return None if word in _GAP_WORDS else _FLAG_WORDS.get(word, "")
