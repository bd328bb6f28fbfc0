"""Measures as values that print and parse, with their range, direction and source.

    MAP  MAP@50(over=hits,ties=stable)  precision@100  NDCG@10  lookup-F1(r=2)  R@1

Options that are left out have their defaults: `over=relevant`, `ties=expected`, `unanswerable=drop`, `empty=zero`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, final, get_args, get_type_hints

from ..errors import InputError, unknown_name
from ..spec import build, parse_call
from .definitions import Over
from .registry import KINDS, Empty, Kind, Unanswerable
from .tally import Ties


@final
@dataclass(frozen=True)
class Measure:
    """One measure with every choice made.

    >>> Measure.parse("MAP@50(over=hits, ties=stable)")
    Measure.parse('MAP@50(over=hits,ties=stable)')
    >>> str(Measure("precision", 100)), Measure("MAP").range, Measure("median-rank").higher_is_better
    ('precision@100', (0.0, 1.0), False)
    """

    name: str
    k: int | None = None
    over: Over = "relevant"
    ties: Ties = "expected"
    r: int = 2
    empty: Empty = "zero"
    unanswerable: Unanswerable = "drop"

    def __post_init__(self) -> None:
        """Refuse a measure that does not exist."""
        self._check_numbers()
        kind = self.kind
        if kind.family == "instance" and self.ties == "stable":
            raise InputError(f"{self}: matches are counted, not sorted; ties are expected, best or worst")
        allowed = get_type_hints(Measure)
        for option, value in self.choices.items():
            if option not in kind.options:
                raise InputError(f"{self.name} has no option {option!r}; it has {', '.join(kind.options) or 'none'}")
            if option != "r" and value not in get_args(allowed[option]):
                raise unknown_name(str(value), f"choice of {option}", get_args(allowed[option]))

    def _check_numbers(self) -> None:
        if self.k is None and self.kind.cut == "required":
            raise InputError(f"{self.name} needs the rank to cut at, as in {self.name}@100")
        if self.k is not None and self.kind.cut == "none":
            raise InputError(f"{self.name} has no cut, but was given @{self.k}")
        if self.k is not None and self.k < 1:
            raise InputError(f"{self.name}@{self.k}: the rank to cut at is at least 1")
        if self.r < 0:
            raise InputError(f"{self.name}(r={self.r}): a Hamming radius is at least 0")

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Return the measure that `str` would print as this text."""
        match = re.fullmatch(r"\s*([\w-]+)(?:@(-?\d+))?\s*(\(.*\))?\s*", text)
        if match is None:
            raise InputError(f"{text!r} is not a measure; one looks like MAP@50(over=hits,ties=stable)")
        name, cut, options = match.groups()
        kind_of(name)
        given = parse_call(name + (options or "")).options
        if "name" in given or (cut and "k" in given):
            raise InputError(f"{text!r} gives a cut or a name twice; write it once")
        return build(cls, {"name": name, **given, **({"k": int(cut)} if cut else {})}, repr(text))

    def __str__(self) -> str:
        """Return the shortest text that parses to this measure."""
        cut = "" if self.k is None else f"@{self.k}"
        shown = {**({"r": self.r} if self.kind.family == "lookup" else {}), **self.choices}
        options = ",".join(f"{option}={value}" for option, value in shown.items())
        return f"{self.name}{cut}" + (f"({options})" if options else "")

    def __repr__(self) -> str:
        """Return the expression that makes this measure."""
        return f"Measure.parse({str(self)!r})"

    @property
    def choices(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self)[2:] if getattr(self, f.name) != f.default}

    @property
    def full(self) -> str:
        """The measure with every option written out, for captions of tables."""
        cut = "" if self.k is None else f"@{self.k}"
        options = ",".join(f"{option}={getattr(self, option)}" for option in self.kind.options)
        return f"{self.name}{cut}" + (f"({options})" if options else "")

    @property
    def kind(self) -> Kind:
        """What all measures of this name share."""
        return kind_of(self.name)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.kind.lowest, self.kind.highest

    @property
    def higher_is_better(self) -> bool:
        """The direction."""
        return self.kind.higher_is_better

    @property
    def source(self) -> str:
        """Who defines it."""
        return self.kind.source

    @property
    def cut(self) -> int:
        """The rank to cut at, of a measure that has one."""
        if self.k is None:
            raise InputError(f"{self} has no rank to cut at")
        return self.k


def parse_all(measures: Measure | str | Iterable[Measure | str]) -> tuple[Measure, ...]:
    """Return measures that are given as values or as text, each once; a single one is taken as the only one.

    >>> parse_all("MAP") == parse_all(["MAP", Measure.parse("MAP")])
    True
    """
    several = [measures] if isinstance(measures, str | Measure) else measures
    return tuple(dict.fromkeys(m if isinstance(m, Measure) else Measure.parse(m) for m in several))


def kind_of(name: str) -> Kind:
    """Return what is known of a measure's name."""
    if name not in KINDS:
        raise unknown_name(name, "measure", KINDS)
    return KINDS[name]
