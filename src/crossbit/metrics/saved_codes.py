"""Codes and labels in files of other code bases: their form is recognised, or they are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Shaped
from numpy import ndarray

from ..codes import Codes
from ..data.label_arrays import decide_arrays
from ..errors import InputError
from ..io.arrays import Array, read_array

#: Whether the first of eight bits is the highest of a byte, or the lowest.
Order: TypeAlias = Literal["big", "little"]


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
    return read_sides([place], bits)[0]


def read_sides(places: Sequence[str], bits: int | None = None) -> list[ReadCodes]:
    """Return the codes of several files that are compared; packed bits are taken in one order in all of them."""
    sides = [(place, _matrix(place, bits)) for place in places]
    packed = [side for side in sides if _packed(side[1], bits)]
    order = _order(packed, bits) if packed and bits else "big"
    return [_read(place, array, bits, order) for place, array in sides]


def _matrix(place: str, bits: int | None) -> Array:
    array = read_array(place)
    if array.ndim != 2:
        raise InputError(f"{place}: codes are a matrix with an item per row, but this has shape {array.shape}")
    if bits is not None and array.shape[1] != bits and not _packed(array, bits):
        raise InputError(
            f"{place}: {bits}-bit codes have {bits} columns, or {-(-bits // 8)} of packed uint8;"
            f" this is {array.dtype} with {array.shape[1]}"
        )
    return array


def _packed(array: Array, bits: int | None) -> bool:
    return bits is not None and array.dtype == np.uint8 and array.shape[1] == -(-bits // 8) != bits


def _read(place: str, array: Array, bits: int | None, order: Order) -> ReadCodes:
    if not _packed(array, bits):
        positive, kind = _recognised(place, array)
        return ReadCodes(Codes.from_bits(positive), f"{len(array):,} codes of {array.shape[1]} bits, given as {kind}")
    how = f"{len(array):,} codes of {bits} packed bits"
    if order == "big":
        return ReadCodes(Codes(array, bits or 0), how)
    unpacked = np.unpackbits(array, axis=1, count=bits, bitorder="little")
    return ReadCodes(
        Codes.from_bits(unpacked > 0), f"{how}, the low bit of a byte first: its padding is at the other end"
    )


def _order(packed: Sequence[tuple[str, Array]], bits: int) -> Order:
    """Return the order in which bits lie in bytes, which the padding of the last byte tells: it must be 0 everywhere.

    Where there is no padding, or only zeros, both orders give the same distances.
    """
    padding = -bits % 8
    masks: dict[Order, int] = {"big": 0xFF >> (8 - padding), "little": 0xFF & ~(0xFF >> padding)}
    wrong = {order: [place for place, array in packed if (array[:, -1] & mask).any()] for order, mask in masks.items()}
    for order in wrong:
        if not wrong[order]:
            return order
    if {*wrong["big"]} & {*wrong["little"]}:
        raise InputError(
            f"{wrong['big'][0]}: {bits}-bit codes leave {padding} bits of their last byte 0, the lowest (as"
            " numpy.packbits does) or the highest (bitorder='little'), but here both have ones; check --bits"
        )
    raise InputError(
        f"{wrong['little'][0]} is packed with the high bit of a byte first, {wrong['big'][0]} with the low bit first:"
        " pack both in one order, as numpy.packbits does"
    )


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
