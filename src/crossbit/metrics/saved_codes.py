"""Codes and labels in files of other code bases: their form is recognised, or they are refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped
from numpy import ndarray

from ..codes import Codes
from ..data.label_arrays import decide_arrays
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


def read_labels(query: str, database: str, rows: tuple[int, int], form: str = "") -> ReadLabels:
    """Return both sides' labels: multi-hot matrices, or a class number per item.

    A column of 0 and 1 alone can be either, and is refused unless `form` says `numbers` or `flags`.
    """
    sides = {f"{side} labels {place}": place for side, place in (("query", query), ("database", database))}
    arrays = {name: _upright(read_array(place), n) for (name, place), n in zip(sides.items(), rows, strict=True)}
    of_query, of_database = decide_arrays(arrays, form, "--label-form ")
    return ReadLabels(of_query.matrix, of_database.matrix, of_query.form)


def _upright(array: Array, rows: int) -> Array:
    """Return a matrix of one row for `rows` items, as MATLAB may keep a vector, as one of one column."""
    return array.T if array.shape == (1, rows) and rows > 1 else array
