"""Evaluation of a model in one call: scores both ways with intervals, cost, and paired tests against another model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias, Unpack, final

from ..data.corpus import Corpus
from ..data.pairs import Dataset
from ..errors import InputError
from ..features import ExtractionOptions, Featurised, featurise
from ..io.tables import html_table, text_table, to_pandas
from ..methods.fitting import Data, featurised, loaded
from ..metrics import Measure, Scores, parse_all
from ..models.bundle import Bundle
from ..models.encoder import DualEncoder
from ..protocols.base import RECALLS
from .scoring import Search, score_searches, searches
from .tables import cost, differences, for_people, quality

#: A fitted model, the folder that it was saved in, or its encoder alone, which takes features only.
AnyModel: TypeAlias = Bundle | DualEncoder | str | Path


@final
@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of a model on a dataset, by direction (`image->text`, `text->image`) and query.

    Printed, it is a table of means with 95 % intervals and what a search costs; in a notebook, an HTML table.
    `scores` and `searches` hold an entry for each fold: one, or each gallery of its own.
    """

    measures: tuple[Measure, ...]
    data: Dataset
    searches: Sequence[dict[str, Search]]
    scores: Sequence[dict[str, Scores]]
    other: Evaluation | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The directions of search."""
        return tuple(self.scores[0])

    def of(self, task: str) -> list[Scores]:
        """Return the scores of one direction, by fold."""
        return [fold[task] for fold in self.scores]

    def mean(self, measure: Measure | str, task: str) -> float:
        """Return the mean of a measure over the queries of one direction, averaged over the folds."""
        (wanted,) = parse_all([measure])
        return fmean(fold.mean(wanted) for fold in self.of(task))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each direction and measure: mean, 95 % interval over queries, cost; rsum where its recalls are."""
        rows = [
            {**row, **cost([fold[task][:2] for fold in self.searches])}
            for task in self.tasks
            for row in quality(task, self.of(task), self.measures)
        ]
        if sorted(each.cut for each in self.measures if each.name == "R") == [1, 5, 10]:
            total = 100 * sum(row["value"] for row in rows if row["metric"].startswith("R@"))
            rows.append({**dict.fromkeys(rows[0]), "task": "both", "metric": "rsum", "value": total})
        return rows

    @cached_property
    def differences(self) -> list[dict[str, Any]]:
        """A row for each direction and measure: the difference from the other model and the p of a paired test."""
        if self.other is None:
            return []
        if self.data.split.sha256 != self.other.data.split.sha256:
            raise InputError("each model left out other items, so their queries differ: use on_error='fail'")
        return [
            row for task in self.tasks for row in differences(task, self.of(task), self.other.of(task), self.measures)
        ]

    def to_pandas(self) -> Any:
        """Return the rows as a `pandas.DataFrame`."""
        return to_pandas(self.rows)

    def __repr__(self) -> str:
        """Return the tables as text."""
        return "\n\n".join(text_table(rows) for rows in (for_people(self.rows), self.differences) if rows)

    def _repr_html_(self) -> str:
        return "".join(html_table(rows) for rows in (for_people(self.rows), self.differences) if rows)


def evaluate(
    model: AnyModel,
    data: Data,
    measures: Measure | str | Iterable[Measure | str] | None = None,
    *,
    against: AnyModel | None = None,
    fold: int | None = None,
    data_dir: Path | str | None = None,
    **options: Unpack[ExtractionOptions],
) -> Evaluation:
    """Return how well a model finds texts by images and images by texts among the database of a dataset's split.

    By default the measures are MAP and precision@10 or, where a picture's own captions are searched, R@1, R@5 and R@10.
    The model extracts its own features, unless `data` are features already. `against` names another model whose
    difference is tested on the same queries; `fold` splits instance retrieval into galleries of that many images.

    Raises:
        InputError: where queries were in the model's training part, a measure is unknown, or features do not fit.

    """
    opened = load_model(model) if isinstance(model, str | Path) else model
    other = load_model(against) if isinstance(against, str | Path) else against
    corpus = loaded(data, None if data_dir is None else Path(data_dir)) if isinstance(data, str) else data
    ready = _features(opened, corpus, options)
    wanted = parse_all(measures) if measures is not None else usual_measures(ready.dataset)
    beside = None if other is None else run(other, _features(other, corpus, options).dataset, wanted, fold)
    return run(opened, ready.dataset, wanted, fold, beside)


def run(
    model: Bundle | DualEncoder,
    data: Dataset,
    measures: Sequence[Measure],
    fold: int | None = None,
    other: Evaluation | None = None,
) -> Evaluation:
    """Return the evaluation of a model on features of its own."""
    if isinstance(model, Bundle):
        model.refuse_leak(data.split)
        model = model.encoder
    found = searches(model.represent, data, fold)
    return Evaluation(tuple(measures), data, found, score_searches(found, data, measures), other)


def usual_measures(data: Dataset) -> tuple[Measure, ...]:
    """Return the measures that are taken where none are named."""
    return RECALLS if data.split.instance else parse_all(["MAP", "precision@10"])


def load_model(folder: str | Path, *, device: str = "auto") -> Bundle:
    """Return the model that `Bundle.save` or `crossbit fit` wrote into a folder, to encode on a device.

    Raises:
        InputError: where the folder holds no model, a damaged one, or one that needs a plug-in that is not installed,
            and where there is no such device.

    """
    if not isinstance(folder, str | Path):
        raise InputError(f"a saved model is named by its folder, a string or a path, not by {type(folder).__name__}")
    return Bundle.load(Path(folder), device)


def _features(
    model: Bundle | DualEncoder, data: Corpus | Featurised | Dataset, options: ExtractionOptions
) -> Featurised:
    if not isinstance(data, Corpus):
        return featurised(data)
    if isinstance(model, DualEncoder):
        raise InputError(
            "an encoder alone takes features: give a model of crossbit.fit, or features of crossbit.featurise"
        )
    extraction: ExtractionOptions = {"captions": model.captions, **options}
    return featurise(data, model.pipelines["image"], model.pipelines["text"], **extraction)
