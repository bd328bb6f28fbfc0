"""Experiments: a recipe on a dataset under a protocol; as a file, one row of one published table."""

from __future__ import annotations

import logging
import statistics
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, final

from .data import CROSSINGS, Corpus, Dataset, Modality, Paired, Split
from .datasets import load
from .encoder import DualEncoder
from .errors import InputError
from .features import Captions, featurise, parse
from .methods import Recipe
from .metrics import Measure, Scores, evaluate, parse_all
from .metrics.checks import Searched
from .metrics.instance import evaluate_pairs, in_folds
from .progress import Log, silent
from .protocols import Protocol, protocol
from .protocols.base import RECALLS
from .spec import build, parse_call
from .splits import memory

Verdict = Literal["OK", "near", "off"]
logger = logging.getLogger("crossbit.experiment")


@final
@dataclass(frozen=True)
class Setup:
    """A dataset, its split and the features taken from it: what is fixed while methods are compared.

    `dataset` may carry the loader's options, as in `scenes(size=500)`. An empty `image` or `text` means the features
    that came with the dataset, else the extractor that needs no weights: hog, bow. The split is that of the named
    `protocol` or of a file written by `Split.save`, else the loader's.
    """

    dataset: str
    image: str = ""
    text: str = ""
    captions: Captions = "join"
    protocol: str = ""
    split: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a setup without a dataset, or with two splits."""
        if not self.dataset:
            raise InputError("a dataset or a protocol must be named: give --dataset or --protocol")
        if self.protocol and self.split:
            raise InputError(f"protocol {self.protocol} and {self.split} are two splits: give --protocol or --split")

    @property
    def frozen(self) -> Protocol | None:
        """The protocol that is followed, if there is one."""
        return protocol(self.protocol) if self.protocol else None

    def corpus(self, data_dir: Path | None = None) -> Corpus:
        """Return what the dataset's loader finds under `data_dir`; what speaks against its split is logged."""
        frozen = self.frozen
        call = frozen.loads(self.dataset) if frozen else parse_call(self.dataset)
        corpus = load(call.name, data_dir, **call.options)
        split = Split.load(self.split) if self.split else frozen.split(corpus) if frozen else corpus.split
        for doubt in frozen.doubts(corpus, split) if frozen else memory(split):
            logger.warning(doubt)
        return replace(corpus, split=split)

    def measures(self, split: Split, usual: Sequence[str] = ("MAP",)) -> tuple[Measure, ...]:
        """Return what is measured if nothing else is asked for: the protocol's, recalls of instances, or the usual."""
        if self.frozen:
            return self.frozen.measures
        return RECALLS if split.instance else parse_all(usual)

    @property
    def fold(self) -> int | None:
        """The number of images of a gallery of its own, where the protocol has such folds."""
        return self.frozen.fold if self.frozen else None

    def features(self, corpus: Corpus) -> dict[Modality, str]:
        """Return the feature spec of each modality, defaults filled in."""
        image = self.image or ("precomputed" if "image" in corpus.features else "hog")
        text = self.text or ("precomputed" if "text" in corpus.features else "bow")
        return {"image": image, "text": text}


def score(encoder: DualEncoder, data: Dataset, measures: Sequence[Measure]) -> dict[str, Scores]:
    """Return the scores of both directions, `image->text` and `text->image`.

    In a Hamming space the items are ranked by the distance of their codes, in a cosine space by the cosine. Relevance
    is a shared label; in instance retrieval, where the queries search each other, it is to be of the same item.
    """
    represent = encoder.encode if encoder.space == "hamming" else encoder.embed
    if data.split.instance:
        return score_folds(encoder, data, measures)[0]
    scores = {}
    for source, target in CROSSINGS:
        query, database = data.query.side(source), data.database.side(target)
        codes = represent(query.of(source), source), represent(database.of(target), target)
        scores[f"{source}->{target}"] = evaluate(*codes, query.known_labels, database.known_labels, measures)
    return scores


def score_folds(
    encoder: DualEncoder, data: Dataset, measures: Sequence[Measure], fold: int | None = None
) -> list[dict[str, Scores]]:
    """Return the scores of each fold of `fold` query images, or of all: one gallery and so one entry."""
    if not data.split.instance:
        return [score(encoder, data, measures)]
    represent = encoder.encode if encoder.space == "hamming" else encoder.embed
    image = represent(data.query.side("image").image, "image")
    return score_galleries(image, represent(data.query.text, "text"), data.query, measures, fold)


def score_galleries(
    image: Searched, text: Searched, query: Paired, measures: Sequence[Measure], fold: int | None = None
) -> list[dict[str, Scores]]:
    """Return the scores of instance retrieval, given each query item's image once and all its texts."""
    items = query.side("image").item
    found = [
        evaluate_pairs(image[images], text[texts], items[images], query.item[texts], measures)
        for images, texts in in_folds(items, query.item, fold or len(items))
    ]
    return [{"image->text": each.image_to_text, "text->image": each.text_to_image} for each in found]


def mean_scores(folds: Sequence[Mapping[str, Scores]]) -> dict[str, dict[str, float]]:
    """Return the mean of each measure by direction, averaged over the folds."""
    return {
        task: {str(each): statistics.fmean(fold[task].mean(each) for fold in folds) for each in scores.measures}
        for task, scores in folds[0].items()
    }


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
        image, text = (parse(spec, m, data_dir=data_dir) for m, spec in self.setup.features(corpus).items())
        data = featurise(corpus, image, text, captions=self.setup.captions, cache=cache).dataset
        for bits, values in self.published.items():
            encoder = self.recipe.fit(data.train, bits, seed=self.seed, log=log)
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
