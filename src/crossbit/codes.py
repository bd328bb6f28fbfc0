"""Binary codes, packed eight bits to a byte, and the Hamming distance between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int8, Shaped, UInt8, UInt16
from numpy import ndarray

from .errors import InputError


@final
@dataclass(frozen=True, eq=False)
class Codes:
    """`n` codes of `bits` bits each.

    Packed most significant bit first; the padding bits of the last byte are zero, so that equal
    codes are equal bytes. A bit is never undecided: a sign of exactly zero is stored as +1.

    >>> Codes.from_signs(np.array([[+0.3, -1.2, 0.0]])).packed
    array([[160]], dtype=uint8)
    """

    packed: UInt8[ndarray, "n bytes"]
    bits: int

    def __post_init__(self) -> None:
        """Refuse a packing that is not the one described above."""
        if not isinstance(self.packed, ndarray):
            raise InputError(
                f"codes are an array of packed bits, not a {type(self.packed).__name__}: Codes.from_bits and"
                " Codes.from_signs make them of arrays of bits or numbers"
            )
        width = -(-self.bits // 8)
        if self.bits < 1:
            raise InputError(f"a code has at least one bit, not {self.bits}")
        if self.packed.dtype != np.uint8 or self.packed.ndim != 2 or self.packed.shape[1] != width:
            raise InputError(
                f"{self.bits}-bit codes are uint8 rows of {width} bytes,"
                f" but got {self.packed.dtype} of shape {self.packed.shape}"
            )
        padding = (1 << (8 * width - self.bits)) - 1
        if padding and (self.packed[:, -1] & padding).any():
            raise InputError(f"the last {8 * width - self.bits} bits of {self.bits}-bit codes must be zero padding")

    @classmethod
    def from_signs(cls, values: Float[ndarray, "n bits"]) -> Codes:
        """Return the signs of real values as codes; zero counts as +1, NaN is refused."""
        undefined = np.isnan(values).any(axis=1)
        if undefined.any():
            raise InputError(
                f"{undefined.sum()} of {len(values)} rows hold NaN, the first is row {undefined.argmax()}:"
                " NaN has no sign; the hash function has diverged or its features are damaged"
            )
        return cls.from_bits(values >= 0)

    @classmethod
    def from_bits(cls, bits: Bool[ndarray, "n bits"]) -> Codes:
        """Return codes whose bits are given one by one, True for +1."""
        return cls(np.packbits(bits, axis=1), bits.shape[1])

    @classmethod
    def concatenate(cls, parts: Sequence[Codes]) -> Codes:
        """Return the rows of all parts, in order; they must agree on the number of bits."""
        widths = {part.bits for part in parts}
        if len(widths) != 1:
            raise InputError(f"codes of different lengths cannot be joined: {sorted(widths)} bits")
        return cls(np.concatenate([part.packed for part in parts]), widths.pop())

    def signs(self) -> Int8[ndarray, "n bits"]:
        """Return the codes as a matrix of -1 and +1."""
        bits = np.unpackbits(self.packed, axis=1, count=self.bits)
        return bits.astype(np.int8) * 2 - 1

    def __len__(self) -> int:
        """Return the number of codes."""
        return len(self.packed)

    def __getitem__(self, rows: slice | Shaped[ndarray, "m"]) -> Codes:
        """Return the codes of some rows, given as a slice, row numbers or a mask."""
        return Codes(self.packed[rows], self.bits)


def hamming(a: Codes, b: Codes) -> UInt16[ndarray, "m n"]:
    """Return the number of bits in which each code of `a` differs from each code of `b`.

    >>> hamming(Codes.from_signs(np.array([[1.0, 1, 1]])), Codes.from_signs(np.array([[1.0, -1, -1]])))
    array([[2]], dtype=uint16)
    """
    if a.bits != b.bits:
        raise InputError(f"codes of {a.bits} and of {b.bits} bits have no Hamming distance")
    distance = np.zeros((len(a), len(b)), np.uint16)
    for x, y in zip(a.packed.T, b.packed.T, strict=True):
        distance += np.bitwise_count(x[:, None] ^ y[None, :])
    return distance
