"""Measures as values: what prints parses, and what does not exist is refused by name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.errors import InputError
from crossbit.metrics import KINDS, Measure, parse_all

OPTIONS = {
    "over": st.sampled_from(["relevant", "hits", "first"]),
    "ties": st.sampled_from(["expected", "stable", "best", "worst"]),
    "unanswerable": st.sampled_from(["zero", "drop"]),
    "empty": st.sampled_from(["zero", "drop"]),
    "r": st.integers(0, 64),
}


@st.composite
def measures(draw):
    name = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[name]
    cut = st.integers(1, 10**6)
    k = draw({"none": st.none(), "optional": st.none() | cut, "required": cut}[kind.cut])
    values = {option: draw(OPTIONS[option]) for option in kind.options}
    if kind.family == "instance" and values["ties"] == "stable":
        values["ties"] = "worst"
    return Measure(name, k, **values)


@given(measures())
def test_what_prints_parses(measure):
    for text in (str(measure), measure.full, str(measure).replace(",", " , ")):
        assert Measure.parse(text) == measure
    assert str(Measure.parse(str(measure))) == str(measure)
    assert repr(measure) == f"Measure.parse({str(measure)!r})"


def test_only_choices_that_differ_are_printed():
    assert str(Measure("MAP", 50, over="hits", ties="stable")) == "MAP@50(over=hits,ties=stable)"
    assert str(Measure("MAP")) == "MAP"
    assert Measure("MAP").full == "MAP(over=relevant,ties=expected,unanswerable=drop)"
    assert str(Measure("lookup-recall")) == "lookup-recall(r=2)"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_measure_declares_itself(name):
    kind = KINDS[name]
    measure = Measure(name, 5 if kind.cut == "required" else None)
    low, high = measure.range
    assert low < high
    assert measure.source
    assert kind.about
    assert measure.higher_is_better is not name.endswith(("rank", "empty"))
    assert (high == math.inf) == (name in {"ACG", "WAP", "median-rank", "mean-rank"})


def test_repeated_measures_are_kept_once():
    assert parse_all(["MAP", Measure("MAP"), "MAP@5"]) == (Measure("MAP"), Measure("MAP", 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mAP@@5", "'mAP@@5' is not a measure; one looks like MAP@50"),
        ("mAP", "no measure 'mAP'; there are ACG, MAP, MRR, NDCG, R, R-precision, WAP, lookup-F1"),
        ("precision", "precision needs the rank to cut at, as in precision@100"),
        ("MRR@5", "MRR has no cut, but was given @5"),
        ("MAP@0", "MAP@0: the rank to cut at is at least 1"),
        ("MAP@-3", "MAP@-3: the rank to cut at is at least 1"),
        ("MAP(over=all)", "over is 'all', but must be one of 'relevant', 'hits', 'first'"),
        ("MAP(order=hits)", "Measure has no order; it has empty, k, name, over, r, ties, unanswerable"),
        ("NDCG(over=hits)", "NDCG has no option 'over'; it has ties, unanswerable"),
        ("MAP(ties)", "cannot read option 'ties': it should be key=value"),
        ("MAP@5(k=6)", "gives a cut or a name twice"),
        ("lookup-recall(r=-1)", "a Hamming radius is at least 0"),
        ("lookup-recall(r=two)", "r is 'two', but must be of type int"),
        ("R@1(ties=stable)", "matches are counted, not sorted"),
    ],
)
def test_a_measure_that_does_not_exist_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        Measure.parse(text)


def test_a_single_measure_is_taken_as_the_only_one():
    assert parse_all("MAP@50") == parse_all(Measure("MAP", 50)) == parse_all(["MAP@50"]) == (Measure("MAP", 50),)


def test_a_choice_that_does_not_exist_is_refused():
    measure = Measure("MAP")
    object.__setattr__(measure, "ties", "random")  # the tests' own check of types would come first
    with pytest.raises(InputError, match="no choice of ties 'random'; there are best, expected, stable, worst"):
        measure.__post_init__()
