"""The registry of measures: range, direction, options, source, and the functions that compute each.

Sources that name released code were read there; papers are cited from memory, to be checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..errors import InputError
from . import definitions, expected, hash_lookup
from .definitions import Grades
from .first_match import FirstMatch
from .tally import Tally

#: Treatment of a query without a relevant item in the database: it scores 0, or does not count.
Unanswerable: TypeAlias = Literal["zero", "drop"]
#: Treatment of a query whose Hamming ball is empty.
Empty: TypeAlias = Literal["zero", "drop"]

#: A `measure.Measure`, which is defined in terms of this table.
Choices: TypeAlias = Any


def _undefined(data: object, measure: Choices) -> NoReturn:
    raise InputError(f"{measure} has no value here: it is a {measure.kind.family} measure")


def _mean(values: Float[ndarray, "q"]) -> float:
    return float(values.mean())


def _whole_median(values: Float[ndarray, "q"]) -> float:
    return float(np.floor(np.median(values)))


@final
@dataclass(frozen=True, kw_only=True)
class Kind:
    """Everything that measures of one name share."""

    family: Literal["ranking", "lookup", "instance"]
    about: str
    source: str
    cut: Literal["none", "optional", "required"] = "none"
    options: tuple[str, ...] = ("ties", "unanswerable")
    lowest: float = 0.0
    highest: float = 1.0
    higher_is_better: bool = True
    graded: bool = False
    of_order: Callable[[Grades, Choices], float] = _undefined
    of_ties: Callable[[Tally, Choices], Float[ndarray, "q"]] = _undefined
    of_first: Callable[[FirstMatch, Choices], Float[ndarray, "q"]] = _undefined
    summary: Callable[[Float[ndarray, "q"]], float] = _mean


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
        of_ties=lambda tally, m: hash_lookup.precision(tally, m.r, m.empty),
    ),
    "lookup-recall": Kind(
        family="lookup",
        about="share of the relevant items that are within Hamming radius r",
        source="hash lookup",
        options=("r", "unanswerable"),
        of_ties=lambda tally, m: hash_lookup.recall(tally, m.r),
    ),
    "lookup-F1": Kind(
        family="lookup",
        about="harmonic mean of precision and recall within Hamming radius r",
        source="hash lookup; van Rijsbergen, 1979",
        options=_BALL,
        of_ties=lambda tally, m: hash_lookup.f1(tally, m.r, m.empty),
    ),
    "lookup-empty": Kind(
        family="lookup",
        about="share of queries with no item within Hamming radius r",
        source="supervised hashing literature, rarely reported",
        options=("r", "unanswerable"),
        higher_is_better=False,
        of_ties=lambda tally, m: hash_lookup.empty(tally, m.r),
    ),
    "R": Kind(
        family="instance",
        about="share of queries with a match among the first k",
        source="Karpathy and Fei-Fei, CVPR 2015; ties=worst: VSE++ with >= for >",
        cut="required",
        options=("ties",),
        of_first=lambda first, m: first.recall(m.cut, m.ties),
    ),
    "median-rank": Kind(
        family="instance",
        about="median rank of the first match, halves rounded down",
        source="Karpathy and Fei-Fei, CVPR 2015; the rounding: VSE++",
        options=("ties",),
        lowest=1.0,
        highest=math.inf,
        higher_is_better=False,
        of_first=lambda first, m: first.rank(m.ties),
        summary=_whole_median,
    ),
    "mean-rank": Kind(
        family="instance",
        about="mean rank of the first match",
        source="Faghri et al., VSE++, BMVC 2018",
        options=("ties",),
        lowest=1.0,
        highest=math.inf,
        higher_is_better=False,
        of_first=lambda first, m: first.rank(m.ties),
    ),
}
