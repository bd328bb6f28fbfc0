"""Protocols: the parts of a split, how it is drawn, and the measure that papers print for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias, final

from ..data.corpus import Corpus
from ..data.splits import Split, leakage_warnings
from ..errors import InputError
from ..metrics import Measure
from ..metrics.conventions import convention
from ..spec import Call, parse_call

#: Draws the split called by a name from the items of a corpus, in their order.
Draw: TypeAlias = "Callable[[str, Corpus], Split]"


class Sizes(NamedTuple):
    """Published numbers of items, in all and in each part; `validation` overlaps no other part."""

    pairs: int
    query: int
    database: int
    train: int
    validation: int = 0


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Protocol:
    """A named, frozen way to evaluate on a dataset.

    The query and training parts have the published sizes; the database is all the rest, so that an incomplete copy of
    the dataset can be used, with scores that are indicative only. `dataset` is written with the options of its loader,
    and `captions` says how several captions of an item are used. `sha256` holds known checksums of the split by the
    number of pairs found. `fold` is the number of images of one gallery, where scores are means over such galleries.
    """

    name: str
    dataset: str
    draw: Draw
    published: Sizes
    measures: tuple[Measure, ...]
    source: str
    notes: str
    captions: str = "join"
    fold: int | None = None
    sha256: Mapping[int, str] = field(default_factory=dict)

    @property
    def instance(self) -> bool:
        """Whether relevance is the same item, rather than a shared label."""
        return self.measures[0].kind.family == "instance"

    @property
    def procedure(self) -> str:
        """How the split is drawn, as a call: `permuted(query=2000,train=10000,seed=6)`."""
        if not isinstance(self.draw, partial):
            return self.draw.__name__
        options = ",".join(f"{key}={value}" for key, value in self.draw.keywords.items())
        return f"{self.draw.func.__name__}({options})".replace(" ", "")

    def loads(self, dataset: str = "") -> Call:
        """Return the dataset to load: the protocol's, with the further options of `dataset`."""
        own, given = parse_call(self.dataset), parse_call(dataset or self.dataset)
        if given.name != own.name or any(given.options.get(key, value) != value for key, value in own.options.items()):
            raise InputError(
                f"protocol {self.name} is for dataset {self.dataset}, not {dataset}; leave the dataset out, or add"
                " options only"
            )
        return Call(own.name, {**own.options, **given.options})

    def split(self, corpus: Corpus) -> Split:
        """Return the split of a corpus; the same ids in the same order give the same split."""
        self.loads(corpus.name)
        if not self.instance and corpus.labels is None:
            raise InputError(
                f"protocol {self.name} defines relevance by label, and {corpus.name} was found without labels;"
                f" `crossbit datasets show {corpus.name}` says which files bring them"
            )
        return self.draw(self.name, corpus)

    def doubts(self, corpus: Corpus, split: Split) -> list[str]:
        """Return why scores on this split may not compare with published ones, one sentence each."""
        doubts = [*leakage_warnings(split)]
        if len(corpus) != self.published.pairs:
            doubts.append(
                f"{len(corpus):,} pairs were found, but {self.published.pairs:,} were published:"
                " scores are indicative only"
            )
        recorded = self.sha256.get(len(corpus), split.sha256)
        if recorded != split.sha256:
            doubts.append(
                f"the split's sha256 is {split.sha256[:12]}…, but {recorded[:12]}… is recorded for so many pairs:"
                " the ids differ, or their order does"
            )
        return doubts


def under(name: str) -> tuple[Measure, ...]:
    """Return the measure that papers of a convention print as MAP."""
    return (convention(name).measure,)


#: The measures of instance retrieval.
RECALLS = (Measure("R", 1), Measure("R", 5), Measure("R", 10))
