"""Shell completion of names: the library is imported only when Tab is pressed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

#: The completions of an incomplete word.
Completion: TypeAlias = Callable[[str], list[str]]


def datasets(incomplete: str) -> list[str]:
    """Return the datasets that begin with a word."""
    from ..datasets import LOADERS

    return _beginning(incomplete, LOADERS)


def protocols(incomplete: str) -> list[str]:
    """Return the protocols that begin with a word."""
    from ..protocols import PROTOCOLS

    return _beginning(incomplete, PROTOCOLS)


def extractors(incomplete: str) -> list[str]:
    """Return the feature extractors that begin with a word, or what follows `image=` or `text=` in it."""
    from ..features import EXTRACTORS

    head = incomplete[: max(incomplete.rfind(","), incomplete.rfind("=")) + 1]
    return [head + name for name in _beginning(incomplete[len(head) :], EXTRACTORS)]


def measures(incomplete: str) -> list[str]:
    """Return the measures that begin with a word."""
    from ..metrics import KINDS

    return _beginning(incomplete, KINDS)


def conventions(incomplete: str) -> list[str]:
    """Return the conventions that begin with a word, and `all`."""
    from ..metrics.conventions import CONVENTIONS

    return _beginning(incomplete, ["all", *CONVENTIONS])


def indexes(incomplete: str) -> list[str]:
    """Return the indexes that begin with a word, and `auto`."""
    from ..indexes import INDEXES

    return _beginning(incomplete, ["auto", *INDEXES])


def devices(incomplete: str) -> list[str]:
    """Return the kinds of device that begin with a word; which ones there are would take seconds to find out."""
    return _beginning(incomplete, ["auto", "cpu", "cuda", "mps"])


def after_commas(complete: Completion) -> Completion:
    """Return the completion of the last name in a comma-separated list."""

    def completed(incomplete: str) -> list[str]:
        head = incomplete[: incomplete.rfind(",") + 1]
        return [head + name for name in complete(incomplete[len(head) :])]

    return completed


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
