"""Codes and labels in files of other code bases: their form is recognised, or they are refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from ..io.arrays import Array, read_array


class ReadCodes(NamedTuple):
    """Codes, and the form that was recognised."""

    codes: Codes
    how: str


class ReadLabels(NamedTuple):
    """The labels of queries and database, and the form that was recognised."""

    query: Bool[ndarray, "_ _"]
    database: Bool[ndarray, "_ _"]
    how: str


def read_codes(place: str, bits: int | None = None) -> ReadCodes:
    """Return the codes in a file: packed bits (uint8, with `bits`), 0/1, -1/+1 or bool, an item per row."""
    array = read_array(place)
    if array.ndim != 2:
        raise InputError(f"{place}: codes are a matrix with an item per row, but this has shape {array.shape}")
    if bits is not None and array.dtype == np.uint8 and array.shape[1] == -(-bits // 8) != bits:
        return ReadCodes(Codes(array, bits), f"{len(array):,} codes of {bits} packed bits")
    if bits is not None and array.shape[1] != bits:
        raise InputError(
            f"{place}: {bits}-bit codes have {bits} columns, or {-(-bits // 8)} of packed uint8;"
            f" this is {array.dtype} with {array.shape[1]}"
        )
    positive, kind = _recognised(place, array)
    return ReadCodes(Codes.from_bits(positive), f"{len(array):,} codes of {array.shape[1]} bits, given as {kind}")


def _recognised(place: str, array: Shaped[ndarray, "n bits"]) -> tuple[Bool[ndarray, "n bits"], str]:
    """Return which entries are +1, and what the entries are."""
    if array.dtype == bool:
        return array, "bool"
    plus, minus, zero = array == 1, array == -1, array == 0
    counts = {"-1": int(minus.sum()), "0": int(zero.sum()), "+1": int(plus.sum())}
    other = array.size - sum(counts.values())
    if other:
        odd = array[~(plus | minus | zero)].flat[0]
        hint = "packed codes need --bits" if array.dtype == np.uint8 else "take the sign before saving"
        raise InputError(
            f"{place}: {other:,} of {array.size:,} entries are none of -1, 0 and +1, such as {odd}; {hint}"
        )
    if counts["-1"] and counts["0"]:
        raise InputError(
            f"{place} has three values: {counts['0']:,} zeros among {counts['-1']:,} -1 and {counts['+1']:,} +1."
            " They come from sign(0) and have no agreed bit: save x >= 0 in place of sign(x)"
        )
    return plus, "-1/+1" if counts["-1"] or not counts["0"] else "0/1"


def read_labels(query: str, database: str, rows: tuple[int, int]) -> ReadLabels:
    """Return both sides' labels: multi-hot matrices (0/1 or bool), or a class number per item."""
    places = query, database
    arrays = [_upright(read_array(place), n) for place, n in zip(places, rows, strict=True)]
    vectors = [array.ndim == 1 for array in arrays]
    if vectors[0] != vectors[1]:
        shapes = [f"{place} {array.shape}" for place, array in zip(places, arrays, strict=True)]
        raise InputError(f"one side's labels are multi-hot, the other's class numbers: {' and '.join(shapes)}")
    if vectors[0]:
        a, b = (_class_numbers(place, array) for place, array in zip(places, arrays, strict=True))
        classes = np.union1d(a, b)
        if len(classes) * max(len(a), len(b)) > 1 << 32:
            raise InputError(f"{len(classes):,} classes are too many: these are ids of items rather than labels")
        return ReadLabels(a[:, None] == classes, b[:, None] == classes, f"class numbers, {len(classes)} classes")
    hot = [_multi_hot(place, array) for place, array in zip(places, arrays, strict=True)]
    return ReadLabels(hot[0], hot[1], f"multi-hot, {hot[0].shape[1]} classes")


def _upright(array: Array, rows: int) -> Array:
    """Return a matrix of one column, or one row for `rows` items as MATLAB keeps a vector, as a vector."""
    column = array.ndim == 2 and (array.shape[1] == 1 or (array.shape == (1, rows) and rows > 1))
    return array.ravel() if column else array


def _class_numbers(place: str, array: Shaped[ndarray, "n"]) -> Shaped[ndarray, "n"]:
    odd = ~np.isfinite(array) | (array != np.round(array))
    if odd.any():
        raise InputError(f"{place}: class numbers are whole, but {odd.sum():,} are not, such as {array[odd][0]}")
    if array.dtype != bool and (array < 0).any():
        raise InputError(f"{place}: {(array < 0).sum():,} class numbers are negative; leave unlabelled items out")
    return array.astype(np.int64)


def _multi_hot(place: str, array: Array) -> Bool[ndarray, "n classes"]:
    if array.ndim != 2:
        raise InputError(f"{place}: labels are a matrix or a vector, but this has shape {array.shape}")
    odd = (array != 0) & (array != 1)
    if odd.any():
        raise InputError(
            f"{place}: multi-hot labels are 0 or 1, but {odd.sum():,} are not, such as {array[odd].flat[0]}"
        )
    hot: ndarray = array == 1
    return hot
