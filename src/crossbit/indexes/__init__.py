"""Indexes: who is nearest in Hamming distance. `exact` is the definition; every other one is held to it.

An index is built from codes and never changes: the codes are the truth, and an index is thrown away and built
again rather than stored (a file that FAISS writes has no checksum, and is not replaced atomically).
"""

from __future__ import annotations

import inspect

from ..codes import Codes
from ..errors import InputError
from ..spec import registered
from .base import Balls, Index, Neighbours

__all__ = ["INDEXES", "Balls", "Index", "Neighbours", "build"]

INDEXES = {
    "exact": "exact:Exact",
    "faiss": "flat:Flat",
    "faiss-ivf": "ivf:InvertedFile",
}


def build(name: str, codes: Codes, **options: int) -> Index:
    """Return the index of that name over the codes; the options are those of its class.

    >>> import numpy as np
    >>> codes = Codes.from_bits(np.array([[0, 0, 0], [0, 1, 1], [1, 1, 1]], bool))
    >>> build("exact", codes).search(codes[2:], k=2)
    Neighbours(rows=array([[2, 1]]), distances=array([[0, 1]], dtype=uint16))
    """
    make = registered(name, "index", INDEXES, __name__)
    takes = [option for option in inspect.signature(make).parameters if option != "codes"]
    unknown = sorted(set(options) - set(takes))
    if unknown:
        raise InputError(f"index {name!r} has no options {unknown}; it has {takes or 'none'}")
    index: Index = make(codes, **options)
    return index
