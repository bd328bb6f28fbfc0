"""Measures as values: they print, parse, say what they range over and who defines them.

    MAP  MAP@50(over=hits,ties=stable)  precision@100  NDCG@10  lookup-F1(r=2)  R@1

An option that is not written has its default: `over=relevant`, `ties=expected`, `unanswerable=drop`, `empty=zero`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NoReturn, TypeAlias, final, get_args, get_type_hints

from jaxtyping import Float
from numpy import ndarray

from ..errors import InputError, known
from . import definitions, expected, lookup
from .definitions import Grades, Over
from .tally import Tally, Ties

#: What becomes of a query for which nothing in the database is relevant: it scores 0, or it does not count.
Unanswerable: TypeAlias = Literal["zero", "drop"]
#: What becomes of a query whose Hamming ball holds no item.
Empty: TypeAlias = Literal["zero", "drop"]


def _undefined(data: object, measure: Measure) -> NoReturn:
    raise InputError(f"{measure} has no value here: it is a measure of {measure.kind.family}")


@final
@dataclass(frozen=True, kw_only=True)
class Kind:
    """What all measures of one name share."""

    family: Literal["ranking", "lookup", "instance"]
    about: str
    source: str
    cut: Literal["none", "optional", "required"] = "none"
    options: tuple[str, ...] = ("ties", "unanswerable")
    lowest: float = 0.0
    highest: float = 1.0
    higher_is_better: bool = True
    graded: bool = False
    of_order: Callable[[Grades, Measure], float] = _undefined
    of_ties: Callable[[Tally, Measure], Float[ndarray, "q"]] = _undefined


@final
@dataclass(frozen=True)
class Measure:
    """One measure with every choice made.

    >>> Measure.parse("MAP@50(over=hits, ties=stable)")
    Measure.parse('MAP@50(over=hits,ties=stable)')
    >>> str(Measure("precision", 100)), Measure("MAP").range, Measure("lookup-empty").higher_is_better
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
        kind = self.kind
        if self.k is None and kind.cut == "required":
            raise InputError(f"{self.name} needs the rank to cut at, as in {self.name}@100")
        if self.k is not None and kind.cut == "none":
            raise InputError(f"{self.name} has no cut, but was given @{self.k}")
        if self.k is not None and self.k < 1:
            raise InputError(f"{self.name}@{self.k}: the rank to cut at is at least 1")
        if self.r < 0:
            raise InputError(f"{self.name}(r={self.r}): a Hamming radius is at least 0")
        allowed = get_type_hints(Measure)
        for option, value in self.choices.items():
            if option not in kind.options:
                raise InputError(f"{self.name} has no option {option!r}; it has {', '.join(kind.options) or 'none'}")
            if option != "r" and value not in get_args(allowed[option]):
                raise known(str(value), f"choice of {option}", get_args(allowed[option]))

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Return the measure that `str` would print as this text."""
        match = re.fullmatch(r"\s*([A-Za-z][\w-]*)(?:@(-?\d+))?(?:\((.*)\))?\s*", text)
        if match is None:
            raise InputError(f"{text!r} is not a measure; one looks like MAP@50(over=hits,ties=stable)")
        name, cut, options = match.groups()
        values: dict[str, Any] = {}
        for part in filter(None, (options or "").replace(" ", "").split(",")):
            option, _, value = part.partition("=")
            if option in values or not value:
                raise InputError(f"{text!r}: {part!r} is not one option=value")
            values[option] = _integer(text, value) if option == "r" else value
        kind_of(name)
        unknown = sorted(values.keys() - set(OPTIONS))
        if unknown:
            raise InputError(f"{text!r}: no option {unknown[0]!r}; there are {', '.join(OPTIONS)}")
        return cls(name, None if cut is None else int(cut), **values)

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


OPTIONS = tuple(f.name for f in fields(Measure)[2:])


def parse_all(measures: Iterable[Measure | str]) -> tuple[Measure, ...]:
    """Return measures that are given as values or as text, each once."""
    return tuple(dict.fromkeys(m if isinstance(m, Measure) else Measure.parse(m) for m in measures))


def kind_of(name: str) -> Kind:
    """Return what is known of a measure's name."""
    if name not in KINDS:
        raise known(name, "measure", KINDS)
    return KINDS[name]


def _integer(text: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{text!r}: r={value} is not a whole number") from None


_MCSHERRY = "ties: McSherry and Najork, ECIR 2008"
_JARVELIN = "Järvelin and Kekäläinen, TOIS 20(4), 2002; " + _MCSHERRY
_AP = ("over", "ties", "unanswerable")
_BALL = ("r", "empty", "unanswerable")

KINDS: Mapping[str, Kind] = {
    "MAP": Kind(
        family="ranking",
        about="mean precision at the ranks of relevant items",
        source="TREC; over=hits: DJSRH lineage; over=first: calc_map_k of the DCMH lineage; " + _MCSHERRY,
        cut="optional",
        options=_AP,
        of_order=lambda grades, m: definitions.average_precision(grades, m.k, m.over),
        of_ties=lambda tally, m: expected.average_precision(tally, m.k, m.over, m.ties),
    ),
    "WAP": Kind(
        family="ranking",
        about="mean, over the ranks of relevant items, of the average number of shared labels so far",
        source="Zhao et al., Deep Semantic Ranking Based Hashing, CVPR 2015 (with over=hits)",
        cut="optional",
        options=_AP,
        highest=math.inf,
        graded=True,
        of_order=lambda grades, m: definitions.weighted_average_precision(grades, m.k, m.over),
        of_ties=lambda tally, m: expected.average_precision(tally, m.k, m.over, m.ties, graded=True),
    ),
    "MRR": Kind(
        family="ranking",
        about="mean of 1 over the rank of the first relevant item",
        source="Voorhees, TREC-8, 1999; " + _MCSHERRY,
        of_order=lambda grades, m: definitions.reciprocal_rank(grades),
        of_ties=lambda tally, m: expected.reciprocal_rank(tally, m.ties),
    ),
    "R-precision": Kind(
        family="ranking",
        about="precision at the rank that equals the number of relevant items",
        source="TREC",
        of_order=lambda grades, m: definitions.r_precision(grades),
        of_ties=lambda tally, m: expected.r_precision(tally, m.ties),
    ),
    "precision": Kind(
        family="ranking",
        about="share of relevant items among the first k",
        source="TREC; topN-precision of the hashing literature; " + _MCSHERRY,
        cut="required",
        of_order=lambda grades, m: definitions.precision(grades, m.cut),
        of_ties=lambda tally, m: expected.precision(tally, m.cut, m.ties),
    ),
    "recall": Kind(
        family="ranking",
        about="share of the relevant items that are among the first k",
        source="TREC; " + _MCSHERRY,
        cut="required",
        of_order=lambda grades, m: definitions.recall(grades, m.cut),
        of_ties=lambda tally, m: expected.recall(tally, m.cut, m.ties),
    ),
    "NDCG": Kind(
        family="ranking",
        about="discounted gain 2^shared - 1, as a share of the best possible over the whole database",
        source=_JARVELIN + "; gain 2^g - 1: Burges et al., ICML 2005",
        cut="optional",
        graded=True,
        of_order=lambda grades, m: definitions.ndcg(grades, m.k),
        of_ties=lambda tally, m: expected.ndcg(tally, m.k, m.ties),
    ),
    "ACG": Kind(
        family="ranking",
        about="mean number of shared labels among the first k",
        source=_JARVELIN,
        cut="required",
        highest=math.inf,
        graded=True,
        of_order=lambda grades, m: definitions.average_cumulated_gain(grades, m.cut),
        of_ties=lambda tally, m: expected.average_cumulated_gain(tally, m.cut, m.ties),
    ),
    "lookup-precision": Kind(
        family="lookup",
        about="share of relevant items among those within Hamming radius r",
        source="hash lookup; empty=zero: HashNet, CSQ and torchcmh",
        options=_BALL,
        of_ties=lambda tally, m: lookup.precision(tally, m.r, m.empty),
    ),
    "lookup-recall": Kind(
        family="lookup",
        about="share of the relevant items that are within Hamming radius r",
        source="hash lookup",
        options=("r", "unanswerable"),
        of_ties=lambda tally, m: lookup.recall(tally, m.r),
    ),
    "lookup-F1": Kind(
        family="lookup",
        about="harmonic mean of precision and recall within Hamming radius r",
        source="hash lookup; van Rijsbergen, 1979",
        options=_BALL,
        of_ties=lambda tally, m: lookup.f1(tally, m.r, m.empty),
    ),
    "lookup-empty": Kind(
        family="lookup",
        about="share of queries with no item within Hamming radius r",
        source="supervised hashing literature, rarely reported",
        options=("r", "unanswerable"),
        higher_is_better=False,
        of_ties=lambda tally, m: lookup.empty(tally, m.r),
    ),
}
