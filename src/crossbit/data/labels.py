"""Labels of a whole column, decided on purpose: class numbers, names, lists of names, rows of flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Bool
from numpy import ndarray


class Labels(NamedTuple):
    """The labels of `n` items, the names of the classes, and the form that was recognised, in words."""

    matrix: Bool[ndarray, "n classes"]
    classes: tuple[str, ...]
    form: str


def decide(cells: Sequence[Any], column: str) -> Labels:
    """Return the labels that the cells of a column mean; a column that can be read in two ways is refused with both."""
    raise NotImplementedError
