"""The syntax of filters: that of Python's conditions, with dates, `contains` and numbers that begin with a zero."""

from __future__ import annotations

import ast
import re

from ...errors import InputError

MAX_CHARACTERS = 4000
MAX_PARTS = 300
EXAMPLE = 'as in: year >= 2020 and license in ("cc-by", "cc0")'

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:T[0-2]\d:[0-5]\d(?::[0-5]\d)?)?)?"
_IS_DATE = re.compile(_DATE)
_WORDS = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    rf"|(?P<date>(?<![\w.]){_DATE}(?![\w:.-]))"
    r"|(?P<zeros>(?<![\w.])0\d+(?![\w.]))"
    r"|(?P<contains>(?<![\w.])(?:not\s+)?contains\b)"
    r"|(?P<foreign>[@%])"
)


class Date(str):
    """A date, or the beginning of one, as ISO 8601 writes it: `2021-05`, `2021-05-03`, `2021-05-03T14:02`."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the date as a filter writes it."""
        return str(self)


def is_date(text: str) -> bool:
    """Return whether a text is a date, or the beginning of one that has a month.

    >>> is_date("2021-05"), is_date("2021"), is_date("2021-13")
    (True, False, False)
    """
    return _IS_DATE.fullmatch(text) is not None


def condition_of(text: str) -> ast.expr:
    """Return the syntax tree of a filter; one that is too long or cannot be read is refused.

    A date is a constant `Date`, and `a contains b` the operation `a @ b`, `a not contains b` the operation `a % b`.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a filter may have {MAX_CHARACTERS:,} characters, but this has {len(text):,}")
    try:
        tree = ast.parse(_WORDS.sub(_in_python, text.strip()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError) as fault:
        hint = "; equality is written ==" if "=" in text.replace("==", "") else ""
        raise InputError(
            f"the filter {text!r} cannot be read: {getattr(fault, 'msg', fault)}{hint}; {EXAMPLE}"
        ) from None
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_PARTS:
        raise InputError(f"the filter {text[:60]!r}... has more than {MAX_PARTS} parts; make it shorter")
    for node in nodes:
        if isinstance(node, ast.Constant) and node.kind == "u":
            node.kind = None
            node.value = Date(node.value) if is_date(str(node.value)) else node.value
    return tree.body


def unparsed(node: ast.AST) -> str:
    """Return a part of a filter as it is written."""
    return ast.unparse(node).replace(" @ ", " contains ").replace(" % ", " not contains ")


def _in_python(match: re.Match[str]) -> str:
    """Return a word as Python writes it: a date is told from a text by its prefix."""
    kind, word = match.lastgroup, match[0]
    if kind == "foreign":
        raise ValueError(f"{word} is no operator of a filter")
    written = {"date": f'u"{word}"', "zeros": f'"{word}"', "contains": "%" if word.startswith("not") else "@"}
    return written.get(kind or "", word)
