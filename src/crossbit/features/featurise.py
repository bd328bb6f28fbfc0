"""Featurisation: a corpus becomes the dataset of features that an experiment runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict, final

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.pairs import MODALITIES, Array, Dataset, Modality, Paired
from ..data.rows import select
from ..data.splits import Split
from ..errors import InputError
from ..progress import Log, silent
from .extraction import Extracted, OnError, extract
from .pipeline import Pipeline
from .trained_on import TrainedOn

#: One text of all captions; the first alone; or every caption a row of its own, its image repeated.
Captions: TypeAlias = Literal["join", "first", "each"]


class ExtractionOptions(TypedDict, total=False):
    """The options of extraction, all by keyword.

    `captions` chooses the text of an item with several captions. `cache` is a folder for extracted features. With
    `on_error="skip"` unusable items are left out and counted. `log` receives the progress.
    """

    captions: Captions
    cache: Path | None
    on_error: OnError
    log: Log


class Failure(NamedTuple):
    """An item that could not be used, and why."""

    id: str
    modality: Modality
    reason: str


@final
@dataclass(frozen=True, eq=False)
class Featurised:
    """A dataset of features, the fitted pipelines that produced it, and the items left out of it.

    `trained_on` hashes the contents of the training items, which it reads again.
    """

    dataset: Dataset
    image: Pipeline
    text: Pipeline
    failures: tuple[Failure, ...] = ()
    captions: Captions = "join"
    trained_on: Callable[[], TrainedOn] = TrainedOn

    @property
    def pipelines(self) -> dict[Modality, Pipeline]:
        """The pipeline of each modality."""
        return {"image": self.image, "text": self.text}


def featurise(
    corpus: Corpus,
    image: str | Pipeline = "",
    text: str | Pipeline = "",
    *,
    captions: Captions = "join",
    cache: Path | None = None,
    on_error: OnError = "fail",
    log: Log = silent,
) -> Featurised:
    """Return the features of the items that a corpus' split names, by two pipelines or their specs.

    An empty spec means the features that came with the dataset, else the extractor that needs no weights: hog, bow.
    Pipelines are fitted to the training items; one that is already fitted, such as a model's, is used as it is.
    With `on_error="skip"` an item with an unusable image or caption is left out of the split, whose name then says
    how many are missing, and reported among the `failures`. `Paired.item` is the row of the item in the corpus.
    """
    specs = default_specs(corpus)
    items = np.unique(corpus.rows([i for part in _PARTS for i in getattr(corpus.split, part)]))
    train = corpus.rows(corpus.split.train)
    images = _images(corpus, items, _pipeline(image or specs["image"], "image"))
    texts = _texts(corpus, items, _pipeline(text or specs["text"], "text"), captions)
    total = len(images.names) + len(texts.names)
    read = partial(extract, cache=cache, on_error=on_error)
    images, image_failures = _extracted(images, train, partial(read, log=_part(log, 0, total)))
    texts, text_failures = _extracted(texts, train, partial(read, log=_part(log, total - len(texts.names), total)))
    lost = np.array(sorted(image_failures | text_failures), np.int64)
    images, texts = images.finished(train, lost), texts.finished(train, lost)
    failures = [Failure(corpus.ids[item], "image", reason) for item, reason in image_failures.items()]
    failures += [Failure(corpus.ids[item], "text", reason) for item, reason in text_failures.items()]
    split = _without(corpus.split, {failure.id for failure in failures})
    parts = {part: _paired(corpus, getattr(split, part), images, texts) for part in _PARTS if getattr(split, part)}
    dataset = Dataset(corpus.name, split=split, classes=corpus.classes, **parts)
    trained_on = partial(TrainedOn.of, corpus.images, corpus.texts, corpus.rows(split.train))
    return Featurised(dataset, images.pipeline, texts.pipeline, tuple(failures), captions, trained_on)


def default_specs(corpus: Corpus) -> dict[Modality, str]:
    """Return the default feature spec of each modality."""
    return {
        "image": "precomputed" if "image" in corpus.features else "hog",
        "text": "precomputed" if "text" in corpus.features else "bow",
    }


def precomputed(data: Dataset) -> Featurised:
    """Return a dataset of features from elsewhere with the pipelines that take such features as they are."""
    image, text = (_fitted(Pipeline.parse("precomputed", m), data.train.of(m)) for m in MODALITIES)
    return Featurised(data, image, text)


_PARTS = ("train", "query", "database", "validation")


def _fitted(pipeline: Pipeline, rows: Array) -> Pipeline:
    return replace(pipeline, extractor=pipeline.extractor.fit(rows)).fit(rows)


class _Column(Sequence[Any]):
    """Some entries of a column, each read on access."""

    def __init__(self, entries: Sequence[Any], rows: Int[ndarray, "n"]) -> None:
        self.entries, self.rows = entries, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Any:
        return _Column(self.entries, self.rows[at]) if isinstance(at, ndarray) else self.entries[self.rows[at]]


class _Side(NamedTuple):
    """One modality in progress: `rows` are raw items, then features; `item` is each row's item, ascending."""

    pipeline: Pipeline
    rows: Any
    item: Int[ndarray, "n"]
    names: list[str]

    def finished(self, train: Int[ndarray, "t"], lost: Int[ndarray, "l"]) -> _Side:
        """Return the side without lost items, through the steps, which are fitted to training rows if need be."""
        kept = np.flatnonzero(~np.isin(self.item, lost))
        features, item = select(self.rows, kept), self.item[kept]
        pipeline = self.pipeline
        if not pipeline.width:
            pipeline = pipeline.fit(select(features, np.flatnonzero(np.isin(item, train))))
        return _Side(pipeline, pipeline.apply(features), item, [])

    def rows_of(self, items: Int[ndarray, "m"]) -> Int[ndarray, "k"]:
        """Return the rows of items, in the order of the items."""
        starts = np.searchsorted(self.item, items, side="left")
        ends = np.searchsorted(self.item, items, side="right")
        return np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])


def _part(log: Log, before: int, total: int) -> Log:
    return lambda done, _, values: log(before + done, total, values)


def _pipeline(chosen: str | Pipeline, modality: Modality) -> Pipeline:
    return Pipeline.parse(chosen, modality) if isinstance(chosen, str) else chosen


def _images(corpus: Corpus, items: Int[ndarray, "n"], pipeline: Pipeline) -> _Side:
    names = [corpus.ids[item] for item in items]
    if pipeline.extractor.precomputed:
        return _Side(pipeline, select(_given(corpus, "image"), items), items, names)
    if corpus.images is None:
        raise _absent(corpus, "image", pipeline)
    return _Side(pipeline, _Column(corpus.images, items), items, names)


def _texts(corpus: Corpus, items: Int[ndarray, "n"], pipeline: Pipeline, captions: Captions) -> _Side:
    names = [corpus.ids[item] for item in items]
    if pipeline.extractor.precomputed:
        if captions == "each":
            raise InputError(
                f"{corpus.name}: precomputed text features have one row an item; captions=each needs texts"
            )
        return _Side(pipeline, select(_given(corpus, "text"), items), items, names)
    if corpus.texts is None:
        raise _absent(corpus, "text", pipeline)
    if captions == "each":
        rows = [(item, n, text) for item in items for n, text in enumerate(corpus.texts[item] or ("",), 1)]
        names = [f"{corpus.ids[item]} (caption {n})" for item, n, _ in rows]
        return _Side(pipeline, _column([text for *_, text in rows]), np.array([item for item, *_ in rows]), names)
    most = 1 if captions == "first" else None
    return _Side(pipeline, _column([" ".join(corpus.texts[item][:most]) for item in items]), items, names)


def _column(entries: Sequence[str]) -> _Column:
    return _Column(entries, np.arange(len(entries)))


def _given(corpus: Corpus, modality: Modality) -> Array:
    if modality not in corpus.features:
        raise InputError(
            f"{corpus.name} has no precomputed {modality} features; choose an extractor for raw {modality}s"
        )
    return corpus.features[modality]


def _absent(corpus: Corpus, modality: Modality, pipeline: Pipeline) -> InputError:
    remedy = "; it has precomputed features: use the extractor precomputed" if modality in corpus.features else ""
    return InputError(f"{corpus.name} has no {modality}s for {pipeline.spec}{remedy}")


def _extracted(side: _Side, train: Int[ndarray, "t"], read: Callable[..., Extracted]) -> tuple[_Side, dict[int, str]]:
    pipeline = side.pipeline
    if not pipeline.width:
        learned = pipeline.extractor.fit(select(side.rows, np.flatnonzero(np.isin(side.item, train))))
        pipeline = replace(pipeline, extractor=learned)
    found = read(pipeline.extractor, side.rows, side.names)
    failures = {int(side.item[row]): reason for row, reason in found.failures.items()}
    return _Side(pipeline, found.features, side.item[found.rows], []), failures


def _without(split: Split, lost: set[str]) -> Split:
    if not lost:
        return split
    kept: dict[str, Any] = {part: tuple(i for i in getattr(split, part) if i not in lost) for part in _PARTS}
    return replace(split, name=f"{split.name}-without-{len(lost)}", **kept)


def _paired(corpus: Corpus, ids: Sequence[str], images: _Side, texts: _Side) -> Paired:
    rows = texts.rows_of(corpus.rows(ids))
    item = texts.item[rows]
    labels = None if corpus.labels is None else corpus.labels[item]
    vocabulary = texts.pipeline.extractor.token_vocabulary
    image = select(images.rows, np.searchsorted(images.item, item))
    return Paired(image, select(texts.rows, rows), labels, item, vocabulary)
