"""Indexes: who is nearest in Hamming distance. `exact` is the definition; every other one is held to it.

An index is built from codes and never changes: the codes are the truth, and an index is thrown away and built
again rather than stored (a file that FAISS writes has no checksum, and is not replaced atomically).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from ..codes import Codes
from ..errors import InputError
from ..registry import Registry
from .base import Balls, Index, Neighbours

__all__ = ["INDEXES", "Balls", "Index", "Neighbours", "build", "register_index"]

INDEXES: Registry[Callable[..., Index]] = Registry(
    "index",
    {"exact": "exact:Exact", "faiss": "flat:Flat", "faiss-ivf": "ivf:InvertedFile"},
    group="crossbit.indexes",
    package=__name__,
)


def build(name: str, codes: Codes, **options: int) -> Index:
    """Return the index of that name over the codes; the options are those of its class.

    >>> import numpy as np
    >>> codes = Codes.from_bits(np.array([[0, 0, 0], [0, 1, 1], [1, 1, 1]], bool))
    >>> build("exact", codes).search(codes[2:], k=2)
    Neighbours(rows=array([[2, 1]]), distances=array([[0, 1]], dtype=uint16))
    """
    make = INDEXES[name]
    takes = [option for option in inspect.signature(make).parameters if option != "codes"]
    unknown = sorted(set(options) - set(takes))
    if unknown:
        raise InputError(f"index {name!r} has no options {unknown}; it has {takes or 'none'}")
    return make(codes, **options)


def register_index(name: str, make: Callable[..., Index]) -> None:
    """Make an index known by name in this process."""
    INDEXES.register(name, make)
