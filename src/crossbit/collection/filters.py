"""What `--where` understands, and the SQL that it becomes.

::

    year >= 2020 and license in ("cc-by", "cc0")        not favourite or 2018 <= year < 2021
    "sea" in labels                                     camera.model == "X100"
    "dog" in text                                       picture != None

A comparison with a field that an item lacks, or whose value is of another kind, is false. The text is read by Python's
parser and walked here; nothing of it is run, and every value goes into the SQL as a parameter.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, final

from ..errors import InputError

MAX_CHARACTERS = 4000
MAX_PARTS = 300

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=",
    ast.NotEq: "<>",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_EXAMPLE = 'as in: year >= 2020 and license in ("cc-by", "cc0")'


@final
@dataclass(frozen=True)
class Filter:
    """A condition on items as SQL over the table `items`, with the parameters that its marks stand for."""

    text: str
    sql: str
    parameters: tuple[Any, ...]


def parse(text: str) -> Filter:
    """Return the filter that a text describes.

    >>> parse('id == "a"')
    Filter(text='id == "a"', sql="(coalesce(typeof(id) = 'text' AND id = ?, 0))", parameters=('a',))
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a filter may have {MAX_CHARACTERS:,} characters, but this has {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError) as fault:
        hint = "; equality is written ==" if "=" in text.replace("==", "") else ""
        raise InputError(
            f"the filter {text!r} cannot be read: {getattr(fault, 'msg', fault)}{hint}; {_EXAMPLE}"
        ) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
        raise InputError(f"the filter {text[:60]!r}... has more than {MAX_PARTS} parts; make it shorter")
    return Filter(text, *_Reader(text).condition(tree.body))


@final
@dataclass(frozen=True)
class _Field:
    """A field of the metadata by its JSON path, or a column of its own."""

    path: str | None
    column: str = ""

    def kind(self) -> tuple[str, list[Any]]:
        """Return SQL that tells the kind of the value: text, integer, real, true, false, null, array or object."""
        return ("json_type(metadata, ?)", [self.path]) if self.path else (f"typeof({self.column})", [])

    def value(self) -> tuple[str, list[Any]]:
        """Return SQL that gives the value."""
        return ("json_extract(metadata, ?)", [self.path]) if self.path else (self.column, [])


_Sql = tuple[str, tuple[Any, ...]]


@final
@dataclass(frozen=True)
class _Reader:
    """Walks one filter; `text` goes into messages."""

    text: str

    def fault(self, node: ast.AST, why: str) -> InputError:
        return InputError(f"the filter {self.text!r} cannot be used: {ast.unparse(node)!r} {why}; {_EXAMPLE}")

    def condition(self, node: ast.expr) -> _Sql:
        match node:
            case ast.BoolOp(op, values):
                word = " AND " if isinstance(op, ast.And) else " OR "
                return _joined(word, [self.condition(value) for value in values])
            case ast.UnaryOp(ast.Not(), operand):
                sql, parameters = self.condition(operand)
                return f"NOT {sql}", parameters
            case ast.Compare(left, ops, comparators):
                sides = [left, *comparators]
                pairs = zip(sides, ops, sides[1:], strict=False)
                return _joined(" AND ", [self.comparison(*pair) for pair in pairs])
            case ast.Name() | ast.Attribute() | ast.Subscript():
                kind, told = self.field(node).kind()
                return _leaf(f"{kind} = 'true'", told)
        raise self.fault(node, "is no condition")

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Sql:
        if isinstance(op, ast.In | ast.NotIn):
            sql, parameters = self.membership(left, right)
            return (f"NOT {sql}", parameters) if isinstance(op, ast.NotIn) else (sql, parameters)
        sign = {ast.Is: "=", ast.IsNot: "<>"}.get(type(op)) or _COMPARISONS[type(op)]
        if self.is_field(left):
            return self.compared(self.field(left), sign, self.constant(right), left)
        if self.is_field(right):
            return self.compared(self.field(right), _MIRRORED[sign], self.constant(left), right)
        raise self.fault(left, "is no field, and neither is what it is compared with")

    def compared(self, field: _Field, sign: str, value: Any, node: ast.AST) -> _Sql:
        kind, kind_parameters = field.kind()
        if value is None or isinstance(value, bool):
            if sign not in ("=", "<>"):
                raise self.fault(node, f"cannot be ordered against {value}")
            if value is None:
                return f"coalesce({kind}, 'null') {sign} 'null'", tuple(kind_parameters)
            wanted = {"=": value, "<>": not value}[sign]
            return _leaf(f"{kind} = ?", [*kind_parameters, "true" if wanted else "false"])
        if field.column == "texts":
            raise self.fault(node, 'is asked as in "dog" in text')
        kinds = "= 'text'" if isinstance(value, str) else "IN ('integer', 'real')"
        sql, parameters = field.value()
        return _leaf(f"{kind} {kinds} AND {sql} {sign} ?", [*kind_parameters, *parameters, value])

    def membership(self, left: ast.expr, right: ast.expr) -> _Sql:
        if self.is_field(right):
            return self.contains(self.field(right), self.constant(left), left)
        values = self.constant(right)
        options = values if isinstance(values, tuple) else (values,)  # ("cc-by") is a text in parentheses
        field = self.field(left)
        return _joined(" OR ", [self.compared(field, "=", value, left) for value in options] or [("0", ())])

    def contains(self, field: _Field, value: Any, node: ast.AST) -> _Sql:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.fault(node, "is no text or number, which a list or text could hold")
        if field.column == "texts":
            return _leaf("EXISTS (SELECT 1 FROM json_each(texts) WHERE instr(lower(value), lower(?)))", [value])
        kind, kind_parameters = field.kind()
        sql, parameters = field.value()
        inside = f"{kind} = 'text' AND instr({sql}, ?) > 0"
        if not field.path:
            return _leaf(inside, [*kind_parameters, *parameters, str(value)])
        kinds = "= 'text'" if isinstance(value, str) else "IN ('integer', 'real')"
        some = f"SELECT 1 FROM json_each(metadata, ?) WHERE type {kinds} AND value = ?"  # noqa: S608
        among = f"{kind} = 'array' AND EXISTS ({some})"
        listed = [*kind_parameters, field.path, value]
        return _leaf(f"({among}) OR ({inside})", [*listed, *kind_parameters, *parameters, str(value)])

    def is_field(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id.lower() not in _CONSTANTS
        return isinstance(node, ast.Attribute | ast.Subscript)

    def field(self, node: ast.expr) -> _Field:
        columns = {"id": "id", "picture": "picture", "text": "texts"}
        if isinstance(node, ast.Name) and node.id in columns:
            return _Field(None, columns[node.id])
        keys = self.keys(node)
        return _Field("$" + "".join(f'."{key}"' for key in keys))

    def keys(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Name(name):
                return [] if name == "metadata" else [name]
            case ast.Attribute(value, name):
                return [*self.keys(value), name]
            case ast.Subscript(value, ast.Constant(str(name))) if name and not {'"', "\\", "\0"} & {*name}:
                return [*self.keys(value), name]
        raise self.fault(node, 'is no field; fields are names as in year or camera.model, or metadata["date taken"]')

    def constant(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(str() | int() | float() | bool() | None as value):
                if isinstance(value, int) and abs(value) >= 1 << 63:
                    raise self.fault(node, "is too large")
                return value
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return -value
            case ast.Name(name) if name.lower() in _CONSTANTS:
                return _CONSTANTS[name.lower()]
            case ast.Tuple(elements) | ast.List(elements) | ast.Set(elements):
                return tuple(self.constant(element) for element in elements)
        raise self.fault(node, "is no number, no text in quotes and no list of them")


def _leaf(sql: str, parameters: Sequence[Any]) -> _Sql:
    """Return a condition that is never NULL, so that `not` means what it says."""
    return f"coalesce({sql}, 0)", tuple(parameters)


def _joined(word: str, parts: list[_Sql]) -> _Sql:
    return f"({word.join(sql for sql, _ in parts)})", reduce(operator.add, (each for _, each in parts), ())
