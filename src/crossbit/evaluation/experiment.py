"""Experiments: a recipe on a dataset under a protocol; as a file, one row of one published table."""

from __future__ import annotations

import logging
import statistics
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, final

from ..data.pairs import CROSSINGS, MODALITIES, Array, Corpus, Dataset, Modality, Paired, Split
from ..data.splits import memory
from ..datasets import load
from ..errors import InputError
from ..features import Captions, featurise, parse
from ..methods import Recipe
from ..metrics import Measure, Scores, evaluate, parse_all
from ..metrics.checks import Searched
from ..metrics.instance import evaluate_instances, in_folds
from ..models.encoder import DualEncoder
from ..progress import Log, silent
from ..protocols import Protocol, protocol
from ..protocols.base import RECALLS
from ..spec import build, parse_call
from ..training.run import Training

Verdict = Literal["OK", "near", "off"]
#: What stands for the items of each modality, and their pairs.
Sides: TypeAlias = Mapping[Modality, tuple[Searched, Paired]]
logger = logging.getLogger("crossbit.evaluation.experiment")


@final
@dataclass(frozen=True)
class Setup:
    """A dataset, its split and the features taken from it: what is fixed while methods are compared.

    `dataset` may carry the loader's options, as in `scenes(seed=1)`. An empty `image` or `text` means the features
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

    def corpus(self, data_dir: Path | None = None, *, scored: bool = True) -> Corpus:
        """Return what the loader finds under `data_dir`; if it is to be scored on, doubts of the split are logged."""
        frozen = self.frozen
        call = frozen.loads(self.dataset) if frozen else parse_call(self.dataset)
        corpus = load(call.name, data_dir, **call.options)
        split = Split.load(self.split) if self.split else frozen.split(corpus) if frozen else corpus.split
        if scored:
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
