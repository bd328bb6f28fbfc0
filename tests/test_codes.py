"""Codes: packing, its invariants, and the distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.codes import Codes, hamming
from crossbit.errors import InputError


@given(st.integers(1, 70), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_hamming_counts_differing_signs(bits, n, seed):
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n, bits))
    codes = Codes.from_signs(signs)
    assert (codes.signs() == signs).all()
    assert (hamming(codes, codes) == (signs[:, None] != signs[None]).sum(-1)).all()


def test_zero_is_plus_one():
    assert Codes.from_signs(np.zeros((1, 3))).signs().tolist() == [[1, 1, 1]]


def test_rows_and_concatenation():
    codes = Codes.from_signs(np.random.default_rng(0).normal(size=(5, 12)))
    again = Codes.concatenate([codes[:2], codes[np.array([2, 3, 4])]])
    assert (again.packed == codes.packed).all()
    assert len(codes[codes.packed[:, 0] >= 0]) == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Codes.from_signs(np.array([[1.0], [np.nan]])), "1 of 2 rows hold NaN, the first is row 1"),
        (lambda: Codes(np.zeros((2, 3), np.uint8), 64), r"uint8 rows of 8 bytes, but got uint8 of shape \(2, 3\)"),
        (lambda: Codes(np.full((1, 1), 255, np.uint8), 7), "last 1 bits of 7-bit codes must be zero"),
        (lambda: Codes(np.zeros((1, 0), np.uint8), 0), "at least one bit"),
        (
            lambda: hamming(Codes.from_signs(np.ones((1, 8))), Codes.from_signs(np.ones((1, 9)))),
            "codes of 8 and of 9 bits",
        ),
        (
            lambda: Codes.concatenate([Codes.from_signs(np.ones((1, 8))), Codes.from_signs(np.ones((1, 9)))]),
            r"\[8, 9\] bits",
        ),
    ],
)
def test_bad_codes_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
