"""Scores of an encoder in both directions, by label or by instance, fold by fold."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from ..data.pairs import CROSSINGS, MODALITIES, Array, Dataset, Modality, Paired
from ..metrics import Measure, Scores, evaluate
from ..metrics.checks import Searched
from ..metrics.instance import evaluate_instances, in_folds
from ..models.encoder import DualEncoder

#: What stands for the items of each modality, and their pairs.
Sides: TypeAlias = Mapping[Modality, tuple[Searched, Paired]]


class Search(NamedTuple):
    """What searches and what is searched in one direction, with the pairs that it stands for."""

    query: Searched
    database: Searched
    asking: Paired
    found: Paired

    def scores(self, measures: Iterable[Measure], *, instance: bool) -> Scores:
        """Return the scores, where relevance is a shared label or, in instance retrieval, to be of the same item.

        Where the items of instance retrieval have labels, measures by label are of them, the same item included.
        """
        wanted = (*measures,)
        if not instance:
            return self._by_label(wanted)
        by_label = [m for m in wanted if m.kind.family != "instance" and self.asking.labels is not None]
        own = [m for m in wanted if m not in by_label]
        scores = evaluate_instances(self.query, self.database, self.asking.item, self.found.item, own)
        both = {**scores.values, **(self._by_label(by_label).values if by_label else {})}
        return replace(scores, values={m: both[m] for m in wanted})

    def _by_label(self, measures: Iterable[Measure]) -> Scores:
        return evaluate(self.query, self.database, self.asking.known_labels, self.found.known_labels, measures)


def searches(
    represent: Callable[[Array, Modality], Searched], data: Dataset, fold: int | None = None
) -> list[dict[str, Search]]:
    """Return the searches of both directions, `image->text` and `text->image`, given what represents an item.

    In instance retrieval the queries search each other: each fold of `fold` images, or all of them, is a gallery and an
    entry of its own. Else there is one entry.
    """
    query = _sides(represent, data.query)
    if not data.split.instance:
        return [_crossed(query, _sides(represent, data.database))]
    (image, images), (text, texts) = query["image"], query["text"]
    galleries: list[Sides] = [
        {"image": (image[i], images[i]), "text": (text[t], texts[t])}
        for i, t in in_folds(images.item, texts.item, fold or len(images))
    ]
    return [_crossed(gallery, gallery) for gallery in galleries]


def _sides(represent: Callable[[Array, Modality], Searched], pairs: Paired) -> Sides:
    return {m: (represent(pairs.side(m).of(m), m), pairs.side(m)) for m in MODALITIES}


def _crossed(query: Sides, database: Sides) -> dict[str, Search]:
    return {
        f"{source}->{target}": Search(query[source][0], database[target][0], query[source][1], database[target][1])
        for source, target in CROSSINGS
    }


def score(encoder: DualEncoder, data: Dataset, measures: Sequence[Measure]) -> dict[str, Scores]:
    """Return the scores of both directions, `image->text` and `text->image`."""
    return score_folds(encoder, data, measures)[0]


def score_folds(
    encoder: DualEncoder, data: Dataset, measures: Sequence[Measure], fold: int | None = None
) -> list[dict[str, Scores]]:
    """Return the scores of each fold of `fold` query images, or of all: one gallery and so one entry."""
    return score_searches(searches(encoder.represent, data, fold), data, measures)


def score_searches(
    folds: Sequence[Mapping[str, Search]], data: Dataset, measures: Iterable[Measure]
) -> list[dict[str, Scores]]:
    """Return the scores of every search of a dataset, by fold and direction."""
    wanted, instance = (*measures,), data.split.instance
    return [{task: search.scores(wanted, instance=instance) for task, search in fold.items()} for fold in folds]


def mean_scores(folds: Sequence[Mapping[str, Scores]]) -> dict[str, dict[str, float]]:
    """Return the mean of each measure by direction, averaged over the folds."""
    return {
        task: {str(each): statistics.fmean(fold[task].mean(each) for fold in folds) for each in scores.measures}
        for task, scores in folds[0].items()
    }
