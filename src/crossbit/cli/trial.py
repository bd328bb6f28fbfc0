"""A model put to the test on a dataset, and beside another model on the same queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..data.corpus import Corpus
from ..data.pairs import Dataset
from ..errors import InputError
from ..evaluation.scoring import Search, score_searches, searches
from ..evaluation.setup import Setup
from ..evaluation.tables import cost, differences, quality
from ..metrics import Measure, Scores
from ..models.bundle import Bundle
from .setup import featurised


class Trial(NamedTuple):
    """A model's searches of a dataset and their scores, by fold and direction."""

    data: Dataset
    searches: list[dict[str, Search]]
    scores: list[dict[str, Scores]]

    @classmethod
    def run(
        cls,
        bundle: Bundle,
        setup: Setup,
        corpus: Corpus,
        measures: Sequence[Measure],
        cache: Path | None,
        on_error: str,
    ) -> Trial:
        """Return what a model finds and how it scores; its own features are extracted."""
        data = featurised(setup, corpus, cache, on_error, bundle.pipelines).dataset
        found = searches(bundle.encoder.represent, data, setup.fold)
        return cls(data, found, score_searches(found, data, measures))

    def of(self, task: str) -> list[Scores]:
        """Return the scores of one direction, by fold."""
        return [fold[task] for fold in self.scores]

    def rows(self, measures: Sequence[Measure]) -> list[dict[str, Any]]:
        """Return a row for each direction and measure, with interval and cost, and rsum where its recalls are here."""
        rows = [
            {**row, **cost([fold[task][:2] for fold in self.searches])}
            for task in self.scores[0]
            for row in quality(task, self.of(task), measures)
        ]
        if sorted(each.cut for each in measures if each.name == "R") == [1, 5, 10]:
            total = 100 * sum(row["value"] for row in rows if row["metric"].startswith("R@"))
            rows.append({**dict.fromkeys(rows[0]), "task": "both", "metric": "rsum", "value": total})
        return rows

    def against(self, other: Trial, measures: Sequence[Measure]) -> list[dict[str, Any]]:
        """Return a row for each direction and measure with the difference from another model."""
        if self.data.split.sha256 != other.data.split.sha256:
            raise InputError("each model left out other items, so their queries differ: use --on-error fail")
        return [row for task in self.scores[0] for row in differences(task, self.of(task), other.of(task), measures)]
