"""Values of metadata: nothing is lost, and what is declared is of its type."""

import datetime
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.records.values import TYPES, lossless, numbers, plain

ALIKE = st.from_regex(r"[+-]?[0-9_,.]{0,6}([eE][+-]?[0-9])?|0x[0-9]+|nan|inf|true|١٢", fullmatch=True)


@given(st.text() | ALIKE | st.integers().map(str) | st.floats().map(str))
def test_a_number_gives_back_its_characters(text):
    value = lossless(text)
    assert str(value) == text
    assert isinstance(value, str) or (math.isfinite(value) and abs(value) <= 1 << 53)


@given(st.lists(st.none() | ALIKE.filter(bool)))
def test_a_column_is_of_numbers_or_of_texts(cells):
    values, note = numbers(cells)
    assert [None if value is None else str(value) for value in values] == cells
    assert len({isinstance(value, str) for value in values if value is not None}) <= 1
    assert not note or any(isinstance(value, str) for value in values)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("007", "007"),
        (True, True),
        (math.nan, None),
        (math.inf, "inf"),
        (Decimal("9.50"), "9.50"),
        (datetime.date(2021, 5, 3), "2021-05-03"),
        (datetime.datetime(2021, 5, 3, 14, tzinfo=datetime.UTC), "2021-05-03T14:00:00+00:00"),
        (datetime.time(14), "14:00:00"),
        (datetime.timedelta(hours=1), "1:00:00"),
        ({1: [b"x", math.nan, (1,)]}, {"1": [None, None, [1]]}),
        (print, None),
    ],
)
def test_values_of_other_files_are_kept_as_json_holds_them(value, kept):
    assert plain(value) == kept
    json.dumps(plain(value), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("int", "07", 7),
        ("int", " -3 ", -3),
        ("int", "2020.0", 2020),
        ("int", 3.0, 3),
        ("float", "9.50", 9.5),
        ("float", "1e5", 1e5),
        ("float", Decimal("1.5"), 1.5),
        ("date", "2021", "2021"),
        ("date", "2021-05", "2021-05"),
        ("date", "2021-05-03 14:00", "2021-05-03T14:00:00"),
        ("date", datetime.date(2021, 5, 3), "2021-05-03"),
        ("bool", "Yes", True),
        ("bool", 0, False),
        ("bool", 1.0, True),
        ("text", "007", "007"),
        ("text", 7, "7"),
    ],
)
def test_declared_types(kind, cell, value):
    found = TYPES[kind](cell)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("int", "2020.5"),
        ("int", "1_000"),
        ("int", "1,000"),
        ("int", True),
        ("int", "9" * 5000),
        ("float", "1_000"),
        ("float", "nan"),
        ("float", "1e999"),
        ("float", True),
        ("date", "03.05.2021"),
        ("date", "2021-13"),
        ("date", "2021-02-30"),
        ("bool", "maybe"),
    ],
)
def test_what_is_not_of_its_type_is_refused(kind, cell):
    with pytest.raises((ValueError, TypeError)):
        TYPES[kind](cell)
