"""Fields of a filter as SQL over the table `items`, and the refusal of those that no item has."""

from __future__ import annotations

import difflib
import json
import sqlite3
import unicodedata
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, final

from ...errors import InputError
from .filter_syntax import Date

Sql: TypeAlias = tuple[str, tuple[Any, ...]]

#: Fields that are columns of the table.
COLUMNS = {"id": "id", "picture": "picture", "text": "texts"}
#: The newest items whose names are listed, and how many of these, where a field is unknown.
_SEEN, _LISTED = 10_000, 20
_PLURALS = {"integer": "numbers", "real": "numbers", "text": "texts", "true": "true or false", "false": "true or false"}
_PLURALS |= {"array": "lists", "object": "objects", "null": "null"}


@final
@dataclass(frozen=True)
class Field:
    """A field of the metadata by its keys, or a column of the table."""

    keys: tuple[str, ...] = ()
    column: str = ""

    @property
    def name(self) -> str:
        """Its name in messages."""
        return ".".join(self.keys) or self.column

    @property
    def path(self) -> str:
        """Its JSON path, or nothing if a key has to be escaped: there SQLite's versions do not agree."""
        written = [json.dumps(key) for key in self.keys]
        return "" if any("\\" in key for key in written) else "".join(["$", *(f".{key}" for key in written)])

    def kind(self) -> Sql:
        """Return SQL for the kind of the value: text, integer, real, true, false, null, array or object."""
        if self.column:
            return ("iif(texts = '[]', 'null', 'array')" if self.column == "texts" else f"typeof({self.column})"), ()
        return ("json_type(metadata, ?)", (self.path,)) if self.path else self.step_by_step("type")

    def value(self) -> Sql:
        """Return SQL for the value."""
        if self.column:
            return self.column, ()
        return ("json_extract(metadata, ?)", (self.path,)) if self.path else self.step_by_step("value")

    def elements(self) -> Sql:
        """Return SQL for the table of the elements of a list in the metadata."""
        if self.path:
            return "json_each(metadata, ?)", (self.path,)
        sql, parameters = self.step_by_step("value", "array")
        return f"json_each({sql})", parameters

    def step_by_step(self, column: str, kind: str = "") -> Sql:
        """Return SQL that looks for one key after the other, at last for a value of a kind."""
        last = len(self.keys) - 1
        inner = (f"json_each(iif(t{n}.type = 'object', t{n}.value, NULL)) AS t{n + 1}" for n in range(last))
        tables = ", ".join(["json_each(metadata) AS t0", *inner])
        keys = " AND ".join(f"t{n}.key = ?" for n in range(last + 1))
        ending = f" AND t{last}.type = '{kind}'" if kind else ""
        return f"(SELECT t{last}.{column} FROM {tables} WHERE {keys}{ending})", self.keys  # noqa: S608


class Need(NamedTuple):
    """What a comparison needs: an item whose value of a field is of such a kind that it can be compared at all.

    `does` is what the filter does to the field, as in `compares 'year' with a text`.
    """

    field: Field
    has: Sql
    does: str


def folded(text: Any) -> Any:
    """Return a text as it is compared where case does not matter; SQLite's own `lower` knows no letter but a to z.

    >>> folded("CAFE\u0301") == folded("caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", text.casefold()) if isinstance(text, str) else text


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that filters call."""
    connection.create_function("folded", 1, folded, deterministic=True)


def described(value: Any) -> str:
    """Return the kind of a constant.

    >>> described(Date("2021-05")), described("2021-05"), described(2021)
    ('a date', 'a text', 'a number')
    """
    if isinstance(value, bool):
        return "true or false"
    return "a date" if isinstance(value, Date) else "a text" if isinstance(value, str) else "a number"


def refuse_unknown(connection: sqlite3.Connection, text: str, needs: tuple[Need, ...]) -> None:
    """Refuse a filter that compares a field which no item has, or only with values of another kind.

    It would be false, or with `not` true, of every item. Where there are no items, every filter is fine.
    """
    for need in needs:
        sql, parameters = need.has
        if _some(connection, sql, parameters) or not _some(connection, "1", ()):
            continue
        name, (kind, path) = need.field.name, need.field.kind()
        found = [k for (k,) in connection.execute(f"SELECT DISTINCT {kind} FROM items", path) if k]  # noqa: S608
        if not found:
            raise InputError(f"no item has {name!r}{_others(connection, name)}")
        kinds = " and ".join(sorted({_PLURALS.get(each, each) for each in found}))
        raise InputError(
            f"the filter {text!r} {need.does}, but its values are {kinds}; a text is written in quotes, a number or"
            " true without"
        )


def _some(connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> bool:
    query = f"SELECT 1 FROM items WHERE {sql} LIMIT 1"  # noqa: S608
    return connection.execute(query, parameters).fetchone() is not None


def _others(connection: sqlite3.Connection, name: str) -> str:
    """Return the names that there are, first the one that was probably meant."""
    newest = f"SELECT metadata FROM items ORDER BY number DESC LIMIT {_SEEN}"  # noqa: S608
    query = f"SELECT DISTINCT fullkey FROM ({newest}), json_tree(metadata) WHERE id > 0 AND fullkey NOT LIKE '%[%'"  # noqa: S608
    names = sorted(key.removeprefix("$.").replace('"', "") for (key,) in connection.execute(f"{query} LIMIT 1000"))
    near = difflib.get_close_matches(name, [*names, *COLUMNS], 1)
    meant = f"; did you mean {near[0]!r}?" if near else ";"
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    return f"{meant} fields: {listed}" if listed else f"{meant} the items have no metadata"
