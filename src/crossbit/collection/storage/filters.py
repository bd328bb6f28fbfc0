"""Filters: the language of `--where`, and its translation to SQL.

::

    year >= 2020 and license in ("cc-by", "cc0")        not favourite or 2018 <= year < 2021
    "sea" in labels                                     camera.model == "X100"
    "dog" in text                                       picture != None

A comparison with a field that an item lacks, or whose value is of another kind, is false, with `!=` and `not in` too;
`not` before a comparison turns that around. The text is read by Python's parser and walked here; nothing of it is run,
and every value goes into the SQL as a parameter.
"""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, final

from ...errors import InputError
from ..item import MAX_DEPTH, storable

MAX_CHARACTERS = 4000
MAX_PARTS = 300
#: Conditions within conditions; SQLite's parser takes some twenty.
MAX_LEVELS = 16

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
    Filter(text='id == "a"', sql="(coalesce(typeof(id) IN ('text') AND id = ?, 0))", parameters=('a',))
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


_Sql = tuple[str, tuple[Any, ...]]


@final
@dataclass(frozen=True)
class _Field:
    """A field of the metadata by its keys, or a column of the table."""

    keys: tuple[str, ...] = ()
    column: str = ""

    @property
    def path(self) -> str:
        """Its JSON path, or nothing if a key has to be escaped: there SQLite's versions do not agree."""
        written = [json.dumps(key) for key in self.keys]
        return "" if any("\\" in key for key in written) else "".join(["$", *(f".{key}" for key in written)])

    def kind(self) -> _Sql:
        """Return SQL for the kind of the value: text, integer, real, true, false, null, array or object."""
        if self.column:
            return ("iif(texts = '[]', 'null', 'array')" if self.column == "texts" else f"typeof({self.column})"), ()
        return ("json_type(metadata, ?)", (self.path,)) if self.path else self.step_by_step("type")

    def value(self) -> _Sql:
        """Return SQL for the value."""
        if self.column:
            return self.column, ()
        return ("json_extract(metadata, ?)", (self.path,)) if self.path else self.step_by_step("value")

    def elements(self) -> _Sql:
        """Return SQL for the table of the elements of a list in the metadata."""
        if self.path:
            return "json_each(metadata, ?)", (self.path,)
        sql, parameters = self.step_by_step("value", "array")
        return f"json_each({sql})", parameters

    def step_by_step(self, column: str, kind: str = "") -> _Sql:
        """Return SQL that looks for one key after the other, at last for a value of a kind."""
        last = len(self.keys) - 1
        inner = (f"json_each(iif(t{n}.type = 'object', t{n}.value, NULL)) AS t{n + 1}" for n in range(last))
        tables = ", ".join(["json_each(metadata) AS t0", *inner])
        keys = " AND ".join(f"t{n}.key = ?" for n in range(last + 1))
        ending = f" AND t{last}.type = '{kind}'" if kind else ""
        return f"(SELECT t{last}.{column} FROM {tables} WHERE {keys}{ending})", self.keys  # noqa: S608


@final
@dataclass(frozen=True)
class _Reader:
    """Walks the syntax tree of a filter; `text` goes into messages."""

    text: str

    def fault(self, node: ast.AST, why: str) -> InputError:
        return InputError(f"the filter {self.text!r} cannot be used: {ast.unparse(node)!r} {why}; {_EXAMPLE}")

    def condition(self, node: ast.expr, level: int = 0) -> _Sql:
        if level > MAX_LEVELS:
            raise self.fault(node, f"stands within more than {MAX_LEVELS} conditions")
        match node:
            case ast.BoolOp(op, values):
                word = " AND " if isinstance(op, ast.And) else " OR "
                return _joined(word, [self.condition(value, level + 1) for value in values])
            case ast.UnaryOp(ast.Not(), operand):
                sql, parameters = self.condition(operand, level + 1)
                return f"NOT {sql}", parameters
            case ast.Compare(left, ops, comparators):
                sides = [left, *comparators]
                pairs = zip(sides, ops, sides[1:], strict=False)
                return _joined(" AND ", [self.comparison(*pair) for pair in pairs])
            case ast.Name() | ast.Attribute() | ast.Subscript():
                kind, path = self.field(node).kind()
                return _leaf(f"{kind} = 'true'", path)
        raise self.fault(node, "is no condition")

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Sql:
        if isinstance(op, ast.In | ast.NotIn):
            comparable, (sql, parameters) = self.membership(left, right)
            if isinstance(op, ast.In):
                return sql, parameters
            return _joined(" AND ", [comparable, (f"NOT {sql}", parameters)])
        sign = {ast.Is: "=", ast.IsNot: "<>"}.get(type(op)) or _COMPARISONS[type(op)]
        if self.is_field(left):
            return self.compared(self.field(left), sign, self.constant(right), left)
        if self.is_field(right):
            return self.compared(self.field(right), _MIRRORED[sign], self.constant(left), right)
        raise self.fault(left, "is no field, and neither is what it is compared with")

    def compared(self, field: _Field, sign: str, value: Any, node: ast.AST) -> _Sql:
        kind, path = field.kind()
        if value is None or isinstance(value, bool):
            if sign not in ("=", "<>"):
                raise self.fault(node, f"cannot be ordered against {value}")
            if value is None:
                return f"coalesce({kind}, 'null') {sign} 'null'", path
            wanted = {"=": value, "<>": not value}[sign]
            return _leaf(f"{kind} = ?", (*path, "true" if wanted else "false"))
        if field.column == "texts":
            raise self.fault(node, 'is tested as in "dog" in text')
        sql, parameters = field.value()
        return _leaf(f"{kind} IN {_kinds(value)} AND {sql} {sign} ?", (*path, *parameters, value))

    def membership(self, left: ast.expr, right: ast.expr) -> tuple[_Sql, _Sql]:
        """Return the conditions that an item has the field, and that one side is in the other."""
        if self.is_field(right):
            field = self.field(right)
            kind, path = field.kind()
            return _leaf(f"{kind} IN ('array', 'text')", path), self.contains(field, self.constant(left), left)
        field, values = self.field(left), self.constants(right)
        kind, path = field.kind()
        known = [f"{kind} IN {_kinds(value)}" for value in values if value is not None] or [f"{kind} <> 'null'"]
        has = _joined(" OR ", [_leaf(each, path) for each in dict.fromkeys(known)])
        return has, _joined(" OR ", [self.compared(field, "=", value, left) for value in values] or [("0", ())])

    def contains(self, field: _Field, value: Any, node: ast.AST) -> _Sql:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.fault(node, "is no text or number, which a list or text could hold")
        if field.column == "texts":
            return _leaf("EXISTS (SELECT 1 FROM json_each(texts) WHERE instr(lower(value), lower(?)))", (value,))
        kind, path = field.kind()
        sql, parameters = field.value()
        inside = f"{kind} = 'text' AND instr({sql}, ?) > 0"
        if field.column:
            return _leaf(inside, (*path, *parameters, str(value)))
        elements, listed = field.elements()
        some = f"SELECT 1 FROM {elements} WHERE type IN {_kinds(value)} AND value = ?"  # noqa: S608
        among = f"{kind} = 'array' AND EXISTS ({some})"
        return _leaf(f"({among}) OR ({inside})", (*path, *listed, value, *path, *parameters, str(value)))

    def is_field(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id.lower() not in _CONSTANTS
        return isinstance(node, ast.Attribute | ast.Subscript)

    def field(self, node: ast.expr) -> _Field:
        columns = {"id": "id", "picture": "picture", "text": "texts"}
        if isinstance(node, ast.Name) and node.id in columns:
            return _Field((), columns[node.id])
        keys = self.keys(node)
        if len(keys) > MAX_DEPTH:
            raise self.fault(node, f"leads deeper than the {MAX_DEPTH} levels of metadata")
        return _Field(tuple(keys))

    def keys(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Name(name):
                return [] if name == "metadata" else [name]
            case ast.Attribute(value, name):
                return [*self.keys(value), name]
            case ast.Subscript(value, ast.Constant(str(name))) if name and storable(name):
                return [*self.keys(value), name]
        raise self.fault(node, 'is no field; fields are names as in year or camera.model, or metadata["date taken"]')

    def constants(self, node: ast.expr) -> list[Any]:
        match node:
            case ast.Tuple(elements) | ast.List(elements) | ast.Set(elements):
                return [self.constant(element) for element in elements]
        return [self.constant(node)]  # ("cc-by") is a text in parentheses

    def constant(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(str(value)):
                if not storable(value):
                    raise self.fault(node, "holds characters that no text has")
                return value
            case ast.Constant(int() | float() | bool() | None as value):
                if isinstance(value, int) and abs(value) >= 1 << 63:
                    raise self.fault(node, "is too large")
                return value
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float()) as positive):
                return -self.constant(positive)
            case ast.Name(name) if name.lower() in _CONSTANTS:
                return _CONSTANTS[name.lower()]
            case ast.Tuple() | ast.List() | ast.Set():
                raise self.fault(node, "is a list, which a field is compared with by in and not in")
        raise self.fault(node, "is no number, no text in quotes and no list of them")


def _kinds(value: str | float) -> str:
    """Return SQL for the kinds of values that can be compared with one."""
    if isinstance(value, bool):
        return "('true', 'false')"
    return "('text')" if isinstance(value, str) else "('integer', 'real')"


def _leaf(sql: str, parameters: Sequence[Any]) -> _Sql:
    """Return a condition that is never NULL, so that `not` inverts it."""
    return f"coalesce({sql}, 0)", tuple(parameters)


def _joined(word: str, parts: list[_Sql]) -> _Sql:
    return f"({word.join(sql for sql, _ in parts)})", reduce(operator.add, (each for _, each in parts), ())
