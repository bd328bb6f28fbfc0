"""Experiments: a recipe on a dataset under a protocol; as a file, one row of one published table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, final

from .data import CROSSINGS, Corpus, Dataset, Modality, Split
from .datasets import load
from .encoder import DualEncoder
from .errors import InputError
from .features import Captions, featurise
from .methods import Recipe
from .metrics.evaluation import Scores, evaluate
from .metrics.measure import Measure
from .progress import Log, silent
from .spec import build, parse_call

Verdict = Literal["OK", "near", "off"]


@final
@dataclass(frozen=True)
class Setup:
    """A dataset and the features taken from it: what is fixed while methods are compared.

    `dataset` may carry the loader's options, as in `scenes(size=500)`. An empty `image` or `text` means the features
    that came with the dataset, else the extractor that needs no weights: hog, bow.
    """

    dataset: str
    image: str = ""
    text: str = ""
    captions: Captions = "join"

    def corpus(self, data_dir: Path | None = None) -> Corpus:
        """Return what the dataset's loader finds under `data_dir`."""
        call = parse_call(self.dataset)
        return load(call.name, data_dir, **call.options)

    def features(self, corpus: Corpus) -> dict[Modality, str]:
        """Return the feature spec of each modality, defaults filled in."""
        image = self.image or ("precomputed" if "image" in corpus.features else "hog")
        text = self.text or ("precomputed" if "text" in corpus.features else "bow")
        return {"image": image, "text": text}


def score(encoder: DualEncoder, data: Dataset, measures: Sequence[Measure]) -> dict[str, Scores]:
    """Return the scores of both directions, `image->text` and `text->image`.

    In a Hamming space the items are ranked by the distance of their codes, in a cosine space by the cosine.
    """
    represent = encoder.encode if encoder.space == "hamming" else encoder.embed
    scores = {}
    for source, target in CROSSINGS:
        scores[f"{source}->{target}"] = evaluate(
            represent(data.query.of(source), source),
            represent(data.database.of(target), target),
            data.query.known_labels,
            data.database.known_labels,
            measures,
        )
    return scores


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
        return cls(
            recipe,
            build(Setup, {"dataset": file.dataset, **file.features}, f"{path}: [features]"),
            Measure.parse(file.measure),
            {int(bits): values for bits, values in file.published.items()},
            file.where,
            **{name: getattr(file, name) for name in ("split", "seed", "ok", "near", "notes")},
        )

    def run(
        self, data_dir: Path | None = None, *, log: Log = silent, cache: Path | None = None
    ) -> Iterator[Comparison]:
        """Yield each published number beside ours, in the order of the file."""
        corpus = self.setup.corpus(data_dir)
        self._refuse_other_split(corpus.split)
        specs = self.setup.features(corpus)
        data = featurise(corpus, specs["image"], specs["text"], captions=self.setup.captions, cache=cache).dataset
        for bits, values in self.published.items():
            encoder = self.recipe.fit(data.train, bits, seed=self.seed, log=log)
            scores = score(encoder, data, [self.measure])
            for task, published in values.items():
                value = scores[task].mean(self.measure)
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
    split: str = ""
    seed: int = 0
    ok: float = 0.01
    near: float = 0.03
    notes: str = ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} is not TOML: {fault}") from None
