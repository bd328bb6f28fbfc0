"""Experiments: a recipe on a dataset under a protocol; as a file, one row of one published table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, final

from ..data.pairs import CROSSINGS
from ..data.splits import Split
from ..errors import InputError
from ..features import Pipeline, featurise
from ..methods.recipe import Recipe
from ..metrics import Measure
from ..progress import Log, silent
from ..protocols import protocol
from ..spec import build
from ..training.run import Training
from .scoring import mean_scores, score_folds
from .setup import Setup

Verdict = Literal["OK", "near", "off"]


@final
@dataclass(frozen=True)
class Comparison:
    """One published number and ours."""

    task: str
    bits: int
    metric: str
    value: float
    published: float
    verdict: Verdict


@final
@dataclass(frozen=True)
class Experiment:
    """One row of one published table: what was run and what was printed for it.

    A value within `ok` of the published one is OK, within `near` it is near, else off.
    """

    recipe: Recipe
    setup: Setup
    measure: Measure
    published: Mapping[int, Mapping[str, float]]
    where: str
    split: str = ""
    seed: int = 0
    ok: float = 0.01
    near: float = 0.03
    notes: str = ""

    @classmethod
    def load(cls, path: Path) -> Experiment:
        """Read an experiment file; a key it does not know is an error, never ignored."""
        file = build(_File, _toml(path), str(path))
        recipe = Recipe.parse(file.method, file.parameters)
        unspoken = sorted(recipe.parameters.keys() - file.parameters.keys())
        if unspoken:
            raise InputError(f"{path}: [parameters] must spell out every one, but lacks {', '.join(unspoken)}")
        chosen = {"captions": protocol(file.protocol).captions} if file.protocol else {}
        chosen |= {"dataset": file.dataset, "protocol": file.protocol, **file.features}
        return cls(
            recipe,
            build(Setup, chosen, f"{path}: [features]"),
            Measure.parse(file.measure),
            _published(file.published, path),
            file.where,
            **{name: getattr(file, name) for name in ("split", "seed", "ok", "near", "notes")},
        )

    def run(
        self, data_dir: Path | None = None, *, log: Log = silent, cache: Path | None = None
    ) -> Iterator[Comparison]:
        """Yield each published number beside ours, in the order of the file."""
        corpus = self.setup.corpus(data_dir)
        self._refuse_other_split(corpus.split)
        image, text = (Pipeline.parse(spec, m, data_dir=data_dir) for m, spec in self.setup.features(corpus).items())
        data = featurise(corpus, image, text, captions=self.setup.captions, cache=cache).dataset
        for bits, values in self.published.items():
            encoder = self.recipe.fit(data.train, bits, seed=self.seed, training=Training(log=log))
            scores = mean_scores(score_folds(encoder, data, [self.measure], self.setup.fold))
            for task, published in values.items():
                value = scores[task][str(self.measure)]
                yield Comparison(task, bits, str(self.measure), value, published, self.verdict(value, published))

    def verdict(self, value: float, published: float) -> Verdict:
        """Return how well our value agrees with the published one."""
        gap = abs(value - published)
        return "OK" if gap <= self.ok else "near" if gap <= self.near else "off"

    def _refuse_other_split(self, split: Split) -> None:
        if self.split and split.sha256 != self.split:
            raise InputError(
                f"the experiment was recorded on the split {self.split[:12]}…, but {split.name!r} here has the ids"
                f" {split.sha256[:12]}…: its numbers do not compare; check the dataset's files"
            )


@final
@dataclass(frozen=True)
class _File:
    """The keys of an experiment file, as TOML reads them."""

    method: str
    dataset: str
    where: str
    measure: str
    parameters: Mapping[str, Any]
    published: Mapping[str, Mapping[str, float]]
    features: Mapping[str, str] = field(default_factory=dict)
    protocol: str = ""
    split: str = ""
    seed: int = 0
    ok: float = 0.01
    near: float = 0.03
    notes: str = ""


def _published(table: Mapping[str, Mapping[str, float]], path: Path) -> dict[int, Mapping[str, float]]:
    tasks = [f"{source}->{target}" for source, target in CROSSINGS]
    for bits, values in table.items():
        if not bits.isdecimal() or not {*values} <= {*tasks}:
            raise InputError(
                f"{path}: [published] maps a number of bits to numbers by task, {' and '.join(tasks)},"
                f" but has {bits} = {values}"
            )
    return {int(bits): values for bits, values in table.items()}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} is not TOML: {fault}") from None
