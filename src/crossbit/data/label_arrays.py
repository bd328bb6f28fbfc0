"""Labels in arrays: multi-hot matrices, class numbers, flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped
from numpy import ndarray
from scipy.sparse import csr_array, issparse

from ..errors import InputError
from .labels import ONE_CLASS, Labels, counted


def decide_arrays(arrays: Mapping[str, Any], form: str = "", choose: str = "form=") -> list[Labels]:
    """Return the labels in the arrays of one task, by the place of each, with the same classes.

    Matrices, dense or sparse, have a row per item and a column per class, in 0/1, bool or -1/+1. Vectors, and matrices
    of one column, hold a class number per item, or bools that are flags of one class. A column of 0 and 1 alone can be
    either and is refused, unless `form` says `numbers` or `flags`; such a vector holds numbers.

    >>> [labels] = decide_arrays({"y.npy": np.array([2, 0, 2])})
    >>> labels.form, labels.classes
    ('class numbers, 2 classes', ('0', '2'))
    """
    if form not in ("", "numbers", "flags"):
        raise InputError(f"no form of labels {form!r}; choose numbers or flags")
    if not all(array.dtype.kind in "biuf" for array in arrays.values()):
        kinds = " and ".join(f"{place} ({_holding(array)})" for place, array in arrays.items())
        raise InputError(f"labels are numbers, or in all their parts texts, but there is {kinds}")
    shapes = {place: tuple(array.shape) for place, array in arrays.items()}
    listed = " and ".join(f"{place} {shape}" for place, shape in shapes.items())
    if not all(len(shape) in (1, 2) for shape in shapes.values()):
        raise InputError(f"labels are a matrix or a vector, but there is {listed}")
    single = {len(shape) == 1 or shape[1] == 1 for shape in shapes.values()}
    if len(single) > 1:
        raise InputError(f"one side's labels are multi-hot, the other's class numbers: {listed}")
    if single == {True}:
        vectors = {place: _dense(array).ravel() for place, array in arrays.items()}
        if not _are_flags(vectors, {len(shape) for shape in shapes.values()}, form, choose):
            return _class_numbers(vectors)
        return [_multi_hot(place, vector[:, None]) for place, vector in vectors.items()]
    if len({shape[1] for shape in shapes.values()}) > 1:
        raise InputError(f"multi-hot labels have a column per class, but these differ: {listed}")
    return [_multi_hot(place, array) for place, array in arrays.items()]


def _holding(array: Any) -> str:
    return "numbers" if array.dtype.kind in "biuf" else "texts" if array.dtype.kind in "OUS" else str(array.dtype)


def _dense(array: Any) -> Shaped[ndarray, "..."]:
    return np.asarray(array.toarray() if issparse(array) else array)


def _are_flags(vectors: Mapping[str, ndarray], axes: set[int], form: str, choose: str) -> bool:
    """Return whether vectors of arrays of so many axes are flags; where both can be, they are refused."""
    if form:
        return form == "flags"
    if all(vector.dtype == bool for vector in vectors.values()):
        return True
    values = {*np.unique(np.concatenate([np.unique(vector) for vector in vectors.values()])).tolist()}
    signs = values == {-1, 1}
    if not signs and (1 in axes or not values <= {0, 1}):
        return False
    raise InputError(
        f"{' and '.join(vectors)}: a column of {-1 if signs else 0} and 1 alone is flags of one class, which items with"
        f" 1 share, or numbers of two classes; choose {choose}flags or {choose}numbers"
    )


def _class_numbers(vectors: Mapping[str, ndarray]) -> list[Labels]:
    whole = [_whole(place, vector) for place, vector in vectors.items()]
    numbers = np.unique(np.concatenate(whole))
    classes = tuple(map(str, numbers.tolist()))
    form = f"class numbers, {counted(len(classes))}"
    found = []
    for each in whole:
        parts = (np.ones(len(each), bool), np.searchsorted(numbers, each), np.arange(len(each) + 1))
        found.append(Labels(csr_array(parts, shape=(len(each), len(classes))), classes, form, numbered=True))
    return found


def _whole(place: str, vector: Shaped[ndarray, "n"]) -> Int[ndarray, "n"]:
    odd = ~np.isfinite(vector) | (vector != np.round(vector))
    if odd.any():
        raise InputError(f"{place}: class numbers are whole, but {odd.sum():,} are not, such as {vector[odd][0]}")
    if vector.dtype != bool and (vector < 0).any():
        raise InputError(f"{place}: {(vector < 0).sum():,} class numbers are negative; leave unlabelled items out")
    return vector.astype(np.int64)


def _multi_hot(place: str, array: Any) -> Labels:
    values = array.data if issparse(array) else np.asarray(array)
    signs = bool((values == -1).any())
    if signs and ((values == 0).any() or values.size < np.prod(array.shape)):
        what = ", and what a sparse matrix leaves out is 0" if issparse(array) else " and 0"
        raise InputError(f"{place}: multi-hot labels are 0 or 1, or else -1 or 1, but it has -1{what}; save 0 for -1")
    odd = (values != (-1 if signs else 0)) & (values != 1)
    if odd.any():
        raise InputError(
            f"{place}: multi-hot labels are 0 or 1, or else -1 or 1, but {odd.sum():,} are not, such as"
            f" {values[odd].flat[0]}"
        )
    marks = csr_array(array == 1)
    width = marks.shape[1]
    form = ONE_CLASS if width == 1 else f"multi-hot, {counted(width)}"
    return Labels(marks, tuple(map(str, range(width))), form, numbered=True)
