"""Filters: the language of `--where`, and its translation to SQL.

::

    year >= 2020 and license in ("cc-by", "cc0")        not favourite or 2018 <= year < 2021
    taken >= 2021-05 and taken < 2021-08-15             camera contains "pixel"
    "sea" in labels                                     camera.model == "X100"
    "dog" in text                                       picture != None

A comparison with a field that an item lacks, or whose value is of another kind, is false, with `!=` and `not in` too;
`not` before a comparison turns that around. A field that no item has is refused when the filter is used. The text is
read by Python's parser and walked here; nothing of it is run, and every value goes into the SQL as a parameter.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, final

from ...errors import InputError
from ..item import MAX_DEPTH, storable
from .filter_fields import COLUMNS, Field, Need, Sql, described, folded
from .filter_syntax import EXAMPLE, Date, condition_of, is_date, unparsed

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
#: What a text that begins with a year and a month looks like.
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]*"


@final
@dataclass(frozen=True)
class Filter:
    """A condition on items as SQL over the table `items`, with the parameters that its marks stand for.

    The SQL calls the functions of `filter_fields.register`; `needs` are what `filter_fields.refuse_unknown` checks.
    """

    text: str
    sql: str
    parameters: tuple[Any, ...]
    needs: tuple[Need, ...] = ()


def parse(text: str) -> Filter:
    """Return the filter that a text describes.

    >>> parse('id == "a"')
    Filter(text='id == "a"', sql="(coalesce(typeof(id) IN ('text') AND id = ?, 0))", parameters=('a',), needs=())
    """
    reader = _Reader(text)
    return Filter(text, *reader.condition(condition_of(text)), tuple(reader.needs))


@final
@dataclass(frozen=True)
class _Reader:
    """Walks the syntax tree of a filter; `text` goes into messages, and `needs` are collected on the way."""

    text: str
    needs: list[Need] = field(default_factory=list)

    def fault(self, node: ast.AST, why: str) -> InputError:
        return InputError(f"the filter {self.text!r} cannot be used: {unparsed(node)!r} {why}; {EXAMPLE}")

    def condition(self, node: ast.expr, level: int = 0) -> Sql:
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
            case ast.BinOp(left, ast.MatMult() | ast.Mod() as op, right):
                return self.membership(right, left, isinstance(op, ast.Mod))
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self.compared(self.field(node), "=", True, node)
        raise self.fault(node, "is no condition")

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Sql:
        if isinstance(op, ast.In | ast.NotIn):
            return self.membership(left, right, isinstance(op, ast.NotIn))
        sign = {ast.Is: "=", ast.IsNot: "<>"}.get(type(op)) or _COMPARISONS[type(op)]
        if self.is_field(left):
            return self.compared(self.field(left), sign, self.constant(right), left)
        if self.is_field(right):
            return self.compared(self.field(right), _MIRRORED[sign], self.constant(left), right)
        raise self.fault(left, "is no field, and neither is what it is compared with")

    def compared(self, field: Field, sign: str, value: Any, node: ast.AST) -> Sql:
        """Return the comparison of a field with a value, and note what it needs."""
        if value is not None:
            self.need(field, _comparable(field, value), f"compares {field.name!r} with {described(value)}")
        return self.tested(field, sign, value, node)

    def tested(self, field: Field, sign: str, value: Any, node: ast.AST) -> Sql:
        if value is None or isinstance(value, bool):
            if sign not in ("=", "<>"):
                raise self.fault(node, f"cannot be ordered against {value}")
            kind, path = field.kind()
            if value is None:
                return f"coalesce({kind}, 'null') {sign} 'null'", path
            wanted = {"=": value, "<>": not value}[sign]
            return _leaf(f"{kind} = ?", (*path, "true" if wanted else "false"))
        if field.column == "texts":
            raise self.fault(node, 'is tested as in "dog" in text')
        sql, own = field.value()
        if isinstance(value, Date) or (isinstance(value, str) and is_date(value) and sign not in ("=", "<>")):
            sql, own = f"substr({sql}, 1, ?)", (*own, len(value))
        has, parameters = _of_kind(field, value)
        test = _leaf(f"{has} AND {sql} {sign} ?", (*parameters, *own, _plain(value)))
        return _joined(" OR ", [test, self.tested(field, sign, Date(value), node)]) if _is_year(value) else test

    def membership(self, left: ast.expr, right: ast.expr, outside: bool) -> Sql:
        """Return whether one side is in the other, or, for an item that has the field, outside of it."""
        if self.is_field(right):
            field, value = self.field(right), self.constant(left)
            kind, path = field.kind()
            has, among = _leaf(f"{kind} IN ('array', 'text')", path), self.contains(field, value, left)
            self.need(field, has, f"looks into {field.name!r}, as into a text or a list")
        else:
            field, values = self.field(left), self.constants(right)
            kind, path = field.kind()
            known = [_comparable(field, value) for value in values if value is not None]
            has = _joined(" OR ", list(dict.fromkeys(known)) or [_leaf(f"{kind} <> 'null'", path)])
            among = _joined(" OR ", [self.tested(field, "=", value, left) for value in values] or [("0", ())])
            if known and None not in values:
                kinds = " or ".join(dict.fromkeys(map(described, values)))
                self.need(field, has, f"compares {field.name!r} with {kinds}")
        sql, parameters = among
        return _joined(" AND ", [has, (f"NOT {sql}", parameters)]) if outside else among

    def need(self, field: Field, has: Sql, does: str) -> None:
        if field.keys:
            self.needs.append(Need(field, has, does))

    def contains(self, field: Field, value: Any, node: ast.AST) -> Sql:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.fault(node, "is no text or number, which a list or text could hold")
        part = folded(str(value))
        if field.column == "texts":
            return _leaf("EXISTS (SELECT 1 FROM json_each(texts) WHERE instr(folded(value), ?))", (part,))
        kind, path = field.kind()
        sql, parameters = field.value()
        inside = f"{kind} = 'text' AND instr(folded({sql}), ?) > 0", (*path, *parameters, part)
        if field.column:
            return _leaf(*inside)
        elements, listed = field.elements()
        same = "folded(value) = ?" if isinstance(value, str) else "value = ?"
        some = f"SELECT 1 FROM {elements} WHERE type IN {_kinds(value)} AND {same}"  # noqa: S608
        among = f"{kind} = 'array' AND EXISTS ({some})", (*path, *listed, folded(value))
        return _leaf(f"({among[0]}) OR ({inside[0]})", (*among[1], *inside[1]))

    def is_field(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id.lower() not in _CONSTANTS
        return isinstance(node, ast.Attribute | ast.Subscript)

    def field(self, node: ast.expr) -> Field:
        if isinstance(node, ast.Name) and node.id in COLUMNS:
            return Field((), COLUMNS[node.id])
        keys = self.keys(node)
        if len(keys) > MAX_DEPTH:
            raise self.fault(node, f"leads deeper than the {MAX_DEPTH} levels of metadata")
        return Field(tuple(keys))

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


def _is_year(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 9999


def _plain(value: Any) -> Any:
    """Return a value as SQLite takes it."""
    return str(value) if isinstance(value, Date) else value


def _of_kind(field: Field, value: Any) -> Sql:
    """Return SQL for whether a field holds a value of the kind of another; a date is a text that begins as one."""
    kind, path = field.kind()
    if not isinstance(value, Date):
        return f"{kind} IN {_kinds(value)}", path
    sql, parameters = field.value()
    return f"{kind} = 'text' AND {sql} GLOB '{_DATED}'", (*path, *parameters)


def _comparable(field: Field, value: Any) -> Sql:
    """Return the condition that a field can be compared with a value; a year can be compared with dates too."""
    if _is_year(value):
        return _joined(" OR ", [_leaf(*_of_kind(field, value)), _leaf(*_of_kind(field, Date(value)))])
    return _leaf(*_of_kind(field, value))


def _leaf(sql: str, parameters: Sequence[Any]) -> Sql:
    """Return a condition that is never NULL, so that `not` inverts it."""
    return f"coalesce({sql}, 0)", tuple(parameters)


def _joined(word: str, parts: list[Sql]) -> Sql:
    return f"({word.join(sql for sql, _ in parts)})", reduce(operator.add, (each for _, each in parts), ())
