"""Procedures that draw the splits of protocols; a protocol fills in sizes and seed."""

from __future__ import annotations

from dataclasses import replace

from ..data.corpus import Corpus
from ..data.splits import Split, class_balanced_split, ordered_split, random_split
from ..errors import InputError


def permuted(name: str, corpus: Corpus, *, query: int, train: int, seed: int) -> Split:
    """Return the split of a random permutation: first the queries, then the database, whose first items train."""
    return random_split(name, corpus.ids, query=query, train=train, seed=seed)


def in_order(name: str, corpus: Corpus, *, query: int, train: int | None = None, last: bool = False) -> Split:
    """Return the split in file order: the first (or `last`) rows query, the next `train` rows train, or all of them."""
    return ordered_split(name, corpus.ids, query=query, train=train, last=last)


def class_by_class(
    name: str,
    corpus: Corpus,
    *,
    each: tuple[int, int],
    first: tuple[int, int] | None = None,
    train: int,
    seed: int,
) -> Split:
    """Return a split that draws `(query, train)` items of each class in turn; `first` overrides the first.

    Random items of the database are added until `train` items train.
    """
    if corpus.labels is None:
        raise InputError(f"split {name!r} is drawn class by class, but {corpus.name} brings no labels")
    quotas = [first or each, *[each] * (corpus.labels.shape[1] - 1)]
    return class_balanced_split(name, corpus.ids, corpus.labels, quotas=quotas, train=train, seed=seed)


def published(name: str, corpus: Corpus) -> Split:
    """Return the split that the dataset's files bring; a corpus without one is refused."""
    if corpus.split.name not in ("official", "published"):
        raise InputError(
            f"protocol {name} reads its split from a file, but the files found of {corpus.name} bring none;"
            f" `crossbit datasets show {corpus.name}` says which do"
        )
    return replace(corpus.split, name=name)


def held_out(name: str, corpus: Corpus, *, validation: int) -> Split:
    """Return the published split with the first of its queries as validation part."""
    split = published(name, corpus)
    return replace(split, query=split.query[validation:], validation=split.query[:validation])
