"""Values written as short text: `cfrh(eta=0,lr=0.001)`, `--set key=value`, tables of a TOML file, names in a table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from .errors import InputError

T = TypeVar("T")


class Call(NamedTuple):
    """A name and its options: `cca(ridge=2)`."""

    name: str
    options: dict[str, Any]


def parse_call(text: str) -> Call:
    """Return the name and options of `name` or `name(key=value,...)`.

    >>> parse_call("cfrh(eta=0,fusion=product)")
    Call(name='cfrh', options={'eta': 0, 'fusion': 'product'})
    """
    match = re.fullmatch(r"\s*([\w.-]+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if not match:
        raise InputError(f"cannot read {text!r}: it should be a name, or a name with options as in cfrh(eta=0,mu=1.2)")
    return Call(match[1], options(split_list(match[2] or "")))


def options(pairs: list[str]) -> dict[str, Any]:
    """Return `key=value` texts as a mapping; values become int, float or bool where they read so.

    >>> options(["lr=1e-3", "epochs=5", "alpha=one", "deep=true"])
    {'lr': 0.001, 'epochs': 5, 'alpha': 'one', 'deep': True}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"cannot read option {pair!r}: it should be key=value")
        values[key.strip()] = _value(value.strip())
    return values


def split_list(text: str) -> list[str]:
    """Return the parts of a comma-separated list, commas within parentheses left alone.

    >>> split_list("scm, cfrh(beta=1,eta=0), cca+itq")
    ['scm', 'cfrh(beta=1,eta=0)', 'cca+itq']
    """
    parts = re.split(r",(?![^(]*\))", text)
    return [part.strip() for part in parts if part.strip()]


def split_plus(text: str) -> list[str]:
    """Return the parts between plus signs.

    >>> split_plus("title + body+")
    ['title', 'body']
    """
    return [part.strip() for part in text.split("+") if part.strip()]


def _value(text: str) -> Any:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text.strip("\"'"))


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return the dataclass made of `values`; an unknown name or a value of the wrong type is refused.

    `where` begins the message, so that it leads to the file or option at fault.
    """
    hints = get_type_hints(cls)
    fields = {f.name: hints[f.name] for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(values.keys() - fields.keys())
    if unknown:
        raise InputError(f"{where}: {cls.__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(fields))}")
    missing = [
        f.name
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in values
    ]
    if missing:
        raise InputError(f"{where}: {cls.__name__} needs {', '.join(missing)}")
    return cls(**{name: _typed(value, fields[name], f"{where}: {name}") for name, value in values.items()})


def _typed(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) is UnionType:
        hints = [each for each in get_args(hint) if each is not type(None)]
        if (value is None and type(None) in get_args(hint)) or (len(hints) > 1 and type(value) in hints):
            return value
        hint = hints[0] if len(hints) == 1 else str
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise InputError(f"{where} is {value!r}, but must be one of {', '.join(map(repr, get_args(hint)))}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (int, float, str, bool) and type(value) is not hint:
        raise InputError(f"{where} is {value!r}, but must be of type {hint.__name__}")
    return value
