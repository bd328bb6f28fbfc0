"""Labels of whole columns, decided on purpose and in words: class numbers, names, lists of them, flags.

::

    decide   the cells of one column      join   several columns      mark   lists of names as a matrix
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any, final

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from scipy.sparse import csr_array

from ..errors import InputError
from .label_cells import FORMS, Token, Tokens, odd_names, tokens_of

#: The most entries of a matrix of items by classes.
LARGEST = 1 << 32
#: The form of flags that stand for a class each.
ONE_CLASS = "flags of one class"
#: Names of columns that hold labels of any kind, so that none of them is the name of a class.
GENERIC = {"label", "labels", "class", "classes", "category", "categories", "target", "targets", "tag", "tags", "y"}


@final
@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of `n` items: `marks` is a sparse matrix of bools, `form` says what was recognised."""

    marks: csr_array
    classes: tuple[str, ...]
    form: str
    numbered: bool = False
    """Whether the names of the classes are mere numbers."""

    @property
    def matrix(self) -> Bool[ndarray, "n classes"]:
        """Return the labels as a dense matrix; one that cannot be meant is refused."""
        rows, classes = self.marks.shape
        if rows * classes > LARGEST:
            raise InputError(f"{classes:,} classes are too many: these are ids of items rather than labels")
        dense: ndarray = self.marks.toarray()
        return dense

    def names(self) -> list[list[str]]:
        """Return the names of each item's labels."""
        found = [self.classes[each] for each in self.marks.indices]
        return [found[a:b] for a, b in pairwise(self.marks.indptr.tolist())]


def mark(rows: Iterable[Iterable[str]], classes: Sequence[str]) -> csr_array:
    """Return the sparse matrix of items by classes from the names of each item's classes.

    >>> mark([["sea"], [], ["sky", "sea"]], ("sea", "sky")).toarray().astype(int).tolist()
    [[1, 0], [0, 0], [1, 1]]
    """
    column = {name: i for i, name in enumerate(classes)}
    return _marked(([column[name] for name in dict.fromkeys(row)] for row in rows), len(column))


def decide(cells: Sequence[Any], column: str, form: str = "", choose: str = "") -> Labels:
    """Return the labels that the cells of a column mean; one that can be read in two ways is refused with both.

    A cell is None, NaN or empty where an item has no label; else a text, a number, a bool, or a list of these. `form`
    is one of `FORMS` where a user chose it; `choose` is how, as errors say it: `labels=sea:` by default.

    >>> decide(["3", "0", "", "7"], "kind").form
    'class numbers, 3 classes'
    >>> decide([1.0, None, 0.0], "sea").form, decide([1.0, None, 0.0], "sea").classes
    ('flags of one class', ('sea',))
    >>> decide(["sea; boat", "sea"], "kinds").form
    'names between semicolons, 2 classes'
    """
    if form and form not in FORMS:
        raise InputError(f"no form of labels {form!r}; there are {', '.join(FORMS)}")
    reading = _Reading(column, form, choose or f"labels={column}:")
    tokens = tokens_of(cells, column, reading.choose, form)
    found = reading.decided(tokens)
    return replace(found, form="; ".join((found.form, *tokens.notes)))


def join(parts: Mapping[str, Labels]) -> Labels:
    """Return the union of the labels of several columns; numbers are classes of their own column.

    >>> join({"sea": decide([1, 0], "sea"), "size": decide([3, 7], "size")}).classes
    ('sea', 'size.3', 'size.7')
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    named = [
        replace(part, classes=tuple(f"{column}.{name}" for name in part.classes) if part.numbered else part.classes)
        for column, part in parts.items()
    ]
    classes = tuple(dict.fromkeys(chain.from_iterable(part.classes for part in named)))
    rows = (chain.from_iterable(row) for row in zip(*(part.names() for part in named), strict=True))
    form = "; ".join(f"{column}: {part.form}" for column, part in parts.items())
    if {part.form for part in named} == {ONE_CLASS}:
        form = f"flags, {counted(len(classes))}"
    return Labels(mark(rows, classes), classes, form)


def counted(classes: int) -> str:
    """Return a number of classes in words."""
    return f"{classes:,} class" + ("es" if classes != 1 else "")


def _marked(rows: Iterable[Sequence[int]], classes: int) -> csr_array:
    indices: list[int] = []
    ends = [0]
    for row in rows:
        indices += row
        ends.append(len(indices))
    return csr_array((np.ones(len(indices), bool), indices, ends), shape=(len(ends) - 1, classes))


@final
@dataclass(frozen=True)
class _Reading:
    """How one column is read: its name, the form that a user chose, and how one is chosen."""

    column: str
    form: str
    choose: str

    def decided(self, tokens: Tokens) -> Labels:
        distinct = {*tokens.present()}
        if any(isinstance(token, str) for token in distinct) or not distinct:
            return self._names(tokens, distinct)
        if self._are_flags(tokens, distinct):
            return self._flags(tokens)
        return self._numbers(tokens, distinct)

    def _error(self, what: str, *forms: str) -> InputError:
        advice = " or ".join(f"{self.choose}{form}" for form in forms)
        return InputError(f"column {self.column!r} holds {what}" + (f" choose {advice}" if advice else ""))

    def _names(self, tokens: Tokens, distinct: set[Token]) -> Labels:
        if self.form in ("numbers", "flags"):
            odd = next((f"{token!r:.60}" for token in distinct), "nothing")
            raise self._error(f"{odd}, and {self.form} are asked for")
        classes = tuple(sorted(map(str, distinct)))
        found = _classified(tokens, classes, "names", numbered=False)
        return replace(found, form="; ".join([found.form, *odd_names(classes)]))

    def _are_flags(self, tokens: Tokens, distinct: set[Token]) -> bool:
        """Return whether the numbers of a column are flags; numbers that can be either are refused."""
        binary = distinct <= {0, 1} or distinct <= {-1, 1}
        if self.form == "flags" and not binary:
            raise self._error(f"{max(distinct, key=_far)}, and flags are 0 and 1, or -1 and 1")
        if self.form or not binary:
            return self.form == "flags"
        lengths = {len(row) for row in tokens.rows if row}
        if len(lengths) > 1 and -1 not in distinct and all(len({*row}) == len(row) for row in tokens.rows):
            return False  # lists of the numbers of two classes
        if lengths != {1} or not (tokens.lists or self.column.strip().casefold() in GENERIC):
            return True
        if tokens.words:
            what = f"only {' and '.join(map(repr, tokens.words))}: flags of one class, or names of classes;"
            raise self._error(what, "flags", "names")
        what = f"only {-1 if -1 in distinct else 0} and 1: flags of one class, which items with 1 share,"
        raise self._error(f"{what} or numbers of two classes;", "flags", "numbers")

    def _flags(self, tokens: Tokens) -> Labels:
        lengths = sorted({len(row) for row in tokens.rows if row})
        if len(lengths) > 1:
            short, long = (next(row for row in tokens.rows if len(row) == length) for length in lengths[:2])
            what = f"{short!s:.60} and {long!s:.60}, and flags are as many in every cell; if these are class numbers,"
            raise self._error(what, "numbers")
        width = lengths[0]
        marks = _marked(([i for i, flag in enumerate(row) if flag == 1] for row in tokens.rows), width)
        if width == 1:
            return Labels(marks, (self.column,), ONE_CLASS)
        kind = "multi-hot" if tokens.lists.startswith("lists") else "flags"
        return Labels(marks, tuple(map(str, range(width))), f"{kind} {tokens.lists}, {counted(width)}", numbered=True)

    def _numbers(self, tokens: Tokens, distinct: set[Token]) -> Labels:
        fraction = next((token for token in distinct if not isinstance(token, int)), None)
        if fraction is not None:
            raise self._error(f"{fraction}, which is no class number; if it is a name,", "names")
        numbers = sorted(int(token) for token in distinct)
        if numbers[0] < 0 and not self.form:
            what = f"{numbers[0]}: a class, or no label, for which the cell is left empty; if it is a class,"
            raise self._error(what, "numbers")
        lengths = {len(row) for row in tokens.rows if row}
        twice = next((row for row in tokens.rows if len({*row}) < len(row)), None)
        if twice is not None and len(lengths) == 1 and not self.form:
            what = f"{twice!s:.60} and as many in every cell: flags are 0 and 1; if these are class numbers,"
            raise self._error(what, "numbers")
        return _classified(tokens, tuple(map(str, numbers)), "class numbers", numbered=True)


def _far(token: Token) -> float:
    return abs(float(token) - 0.5)


def _classified(tokens: Tokens, classes: tuple[str, ...], what: str, *, numbered: bool) -> Labels:
    """Return labels whose tokens are classes, with a form such as `lists of names, 3 classes`."""
    how, lists, where = tokens.lists.partition("lists")
    kind = f"lists of {what}{where}" if lists else f"{what} {how}".strip()
    marks = mark(([str(token) for token in row] for row in tokens.rows), classes)
    return Labels(marks, classes, f"{kind}, {counted(len(classes))}", numbered)
