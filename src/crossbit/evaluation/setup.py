"""The setup of an experiment: a dataset, its split, and the features taken from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from ..data.corpus import Corpus
from ..data.pairs import Modality
from ..data.splits import Split, leakage_warnings
from ..datasets import load
from ..errors import InputError
from ..features import Captions
from ..features.featurise import default_specs
from ..metrics import Measure, parse_all
from ..protocols import Protocol, protocol
from ..protocols.base import RECALLS
from ..spec import parse_call

logger = logging.getLogger(__name__)


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
            for doubt in frozen.doubts(corpus, split) if frozen else leakage_warnings(split):
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
        usual = default_specs(corpus)
        return {"image": self.image or usual["image"], "text": self.text or usual["text"]}
