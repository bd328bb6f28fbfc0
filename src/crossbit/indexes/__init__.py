"""Indexes: the codes nearest to a query in Hamming distance. `exact` is the definition that all others are tested by.

`Index` is the protocol: what an engine promises, whether it is an array in memory or a table on a server. An engine is
one file here and one line in the table, or a class of another package or of a notebook.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from jaxtyping import Shaped
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError
from ..registry import Registry
from .base import Balls, Index, Neighbours, in_order

__all__ = ["INDEXES", "Balls", "Index", "Neighbours", "build", "in_order", "register_index", "scan", "scan_name"]

INDEXES: Registry[type[Index]] = Registry(
    "index",
    {"exact": "exact:Exact", "flat": "flat:Flat", "ivf": "ivf:InvertedFile"},
    group="crossbit.indexes",
    package=__name__,
)


def build(name: str, codes: Codes, ids: Shaped[ndarray, "n"] | None = None, **options: Any) -> Index:
    """Return the index of that name over codes; without ids, the ids are row numbers. Options are those of its class.

    >>> import numpy as np
    >>> codes = Codes.from_bits(np.array([[0, 0, 0], [0, 1, 1], [1, 1, 1]], bool))
    >>> build("exact", codes, ids=np.array([7, 8, 9])).search(codes[2:], k=2)
    Neighbours(ids=array([[9, 8]]), distances=array([[0, 1]], dtype=uint16))
    """
    make: Callable[..., Index] = INDEXES[name]
    names = [option for option in inspect.signature(make).parameters if option not in ("codes", "ids")]
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise InputError(f"index {name!r} has no options {unknown}; it has {names or 'none'}")
    return make(codes, ids, **options)


def scan(codes: Codes, ids: Shaped[ndarray, "n"] | None = None) -> Index:
    """Return the fastest exact index that is installed; building it costs nothing."""
    return build(scan_name(), codes, ids)


def scan_name() -> str:
    """Return the name of the fastest exact index that is installed: FAISS's scan, or numpy's where FAISS is missing."""
    return "flat" if find_spec("faiss") else "exact"


def register_index(name: str, index: type[Index]) -> None:
    """Make an index known by name in this process.

    Raises:
        InputError: where the name is taken, or the index cannot be called.

    """
    if not callable(index):
        raise InputError(f"index {name!r} is {index!r}, but must be a class, called with codes and ids")
    INDEXES.register(name, index)
