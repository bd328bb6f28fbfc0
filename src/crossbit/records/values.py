"""The values of metadata: texts stay texts, and a column is of numbers only if nothing is lost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from ..errors import InputError, suggestion

#: A value as JSON holds it.
Value: TypeAlias = Any

_NUMBER = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,17})?")
_COMMA = re.compile(r"-?[0-9]{1,16},[0-9]{1,17}")
#: The largest number up to which every program tells whole numbers apart.
_LARGEST = 1 << 53
_FLAGS = {**dict.fromkeys(("true", "yes", "1", "1.0"), True), **dict.fromkeys(("false", "no", "0", "0.0"), False)}
_PARTIAL_DATE = re.compile(r"[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?")


def lossless(text: str) -> Value:
    """Return a text as a number if the number is written with the same characters, and else the text.

    >>> [lossless(text) for text in ("2020", "9.5", "-3", "00123", "1e5", "9.50", "1_000", "nan")]
    [2020, 9.5, -3, '00123', '1e5', '9.50', '1_000', 'nan']
    """
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text) if "." in text else int(text)
    return number if str(number) == text and abs(number) <= _LARGEST else text


def numbers(cells: Sequence[str | None]) -> tuple[list[Value], str]:
    """Return the cells of a column as numbers if that loses nothing in any of them, else as they are.

    The second value says so where only some of them look like numbers.

    >>> numbers(["2020", None, "2021"])
    ([2020, None, 2021], '')
    >>> numbers(["02116", "10001"])
    (['02116', '10001'], "text, because of '02116'")
    """
    values = [cell if cell is None else lossless(cell) for cell in cells]
    odd = next((value for value in values if isinstance(value, str)), None)
    if odd is None:
        return values, ""
    given = [value for value in values if value is not None]
    if all(isinstance(value, str) and _COMMA.fullmatch(value) for value in given):
        return list(cells), f"text, because of the comma in {odd[:40]!r}: numbers have a decimal point"
    count = sum(isinstance(value, str) for value in given)
    if 2 * count > len(given) > count:  # what is odd is the number
        odd = str(next(value for value in given if not isinstance(value, str)))
        return list(cells), f"text, though {odd!r} is a number"
    return list(cells), f"text, because of {odd[:40]!r}" if count < len(given) else ""


def decimals(cells: Sequence[Any], column: str) -> tuple[list[Value], str]:
    """Return the cells of a column of Parquet or JSON as JSON holds them: decimals as numbers if all are the same.

    >>> decimals([Decimal("9.50"), None], "price"), decimals([Decimal("0.1000000000000000055")], "x")[0]
    (([9.5, None], ''), ['0.1000000000000000055'])
    """
    given = [cell for cell in cells if isinstance(cell, Decimal) and cell.is_finite()]
    odd = next((each for each in given if Decimal(repr(float(each))) != each or abs(each) > _LARGEST), None)
    if not given or odd is not None:
        note = "" if odd is None else f"text, because of {odd}; types={column}=float would round it"
        return [plain(cell) for cell in cells], note
    kind = int if all("." not in str(each) for each in given) else float
    return [kind(cell) if isinstance(cell, Decimal) and cell.is_finite() else plain(cell) for cell in cells], ""


def plain(value: Any) -> Value:
    """Return a value of Parquet or JSON as JSON holds it; None is none.

    >>> plain(date(2021, 5, 3)), plain(float("nan")), plain({"a": [b"x", 1]})
    ('2021-05-03', None, {'a': [None, 1]})
    """
    if value is None or isinstance(value, str | int):  # a bool is one
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return None if isinstance(value, bytes) or callable(value) else str(value)


def declared(types: str, columns: Sequence[str], name: str) -> dict[str, str]:
    """Return the declared types of columns, as in `year=int,price=float` or `year:int+price:float`.

    >>> declared("year=int, taken=date", ["year", "taken"], "a.csv")
    {'year': 'int', 'taken': 'date'}
    """
    found = {}
    for part in filter(None, map(str.strip, re.split("[,+]", types))):
        match = re.fullmatch(r"(.*\S)\s*[=:]\s*(\w+)", part)
        if match is None or match[2] not in TYPES:
            raise InputError(f"types: {part!r} should be a column and one of {', '.join(TYPES)}, as in year=int")
        column, kind = match.groups()
        if column not in columns:
            raise InputError(f"{name} has no metadata {column!r} to take as {kind}; {suggestion(column, columns)}")
        found[column] = kind
    return found


def typed(cells: Sequence[Any], kind: str, column: str, where: Callable[[int], str]) -> list[Value]:
    """Return the cells of a column in its declared type; the first that is not of it is refused by `where(row)`."""
    values = []
    for row, cell in enumerate(cells):
        try:
            values.append(None if cell is None or cell != cell else TYPES[kind](cell))
        except (ValueError, TypeError, OverflowError):
            raise InputError(f"{where(row)}: {column} is {cell!r:.60}, which is not {_ARTICLES[kind]}") from None
    return values


def _int(cell: Any) -> int:
    if isinstance(cell, str):
        match = re.fullmatch(r"\s*([+-]?[0-9]{1,18})(?:\.0*)?\s*", cell)
        if not match:
            raise ValueError(cell)
        return int(match[1])
    if isinstance(cell, bool) or cell != int(cell):
        raise ValueError(cell)
    return int(cell)


def _float(cell: Any) -> float:
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        raise ValueError(cell)
    number = float(cell)
    if not math.isfinite(number):
        raise ValueError(cell)
    return number


def _date(cell: Any) -> str:
    text = str(plain(cell)).strip()
    if _PARTIAL_DATE.fullmatch(text):
        return text
    return (date if len(text) == len("2021-05-03") else datetime).fromisoformat(text).isoformat()


def _bool(cell: Any) -> bool:
    word = str(cell).strip().casefold()
    if word not in _FLAGS:
        raise ValueError(cell)
    return _FLAGS[word]


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else str(plain(cell))


#: The types that can be declared.
TYPES: dict[str, Callable[[Any], Value]] = {"int": _int, "float": _float, "date": _date, "bool": _bool, "text": _text}
_ARTICLES = {
    "int": "a whole number",
    "float": "a number",
    "date": "a date, as in 2021-05-03 or 2021-05-03T14:00",
    "bool": "true or false",
    "text": "a text",
}
