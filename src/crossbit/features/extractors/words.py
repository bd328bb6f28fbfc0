"""Token ids: sentences as rows of word ids, for sequence models, with optional pretrained word vectors."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from ...data.pairs import BEGIN, END, PADDING, UNKNOWN, Modality, Vocabulary
from ...errors import InputError, ItemError
from ..base import Extractor
from ..raw import open_text
from .bow import tokenise

#: The most bytes of a line and the most numbers of a vector that a file of word vectors may have.
_LINE, _WIDTH = 100_000, 4096


@final
@dataclass(frozen=True)
class Words(Extractor):
    """The ids of a sentence's words in their order, int64 `(n, longest)`: 0 pads, 1 is an unknown word, 2 and 3 are
    the begin and the end; then the words found `min_count` times in the training texts, the most frequent first.

    Words are those of `bow`, split at everything that is no letter, mark or digit. A sentence that is too long loses
    its last words, not its end. A mark that is set to nothing is left out. `vectors` is a text file of word2vec or
    GloVe, a word and its numbers a line, from which methods start to learn their word vectors.
    """

    name: ClassVar[str] = "words"
    modalities: ClassVar[tuple[Modality, ...]] = ("text",)
    cheap: ClassVar[bool] = True

    modality: Modality = "text"
    min_count: int = 4  # VSE++
    longest: int = 64  # ours: the ids of a sentence, marks included; VSE++ has no limit
    unknown: str = "<unk>"
    begin: str = "<start>"
    end: str = "<end>"
    vectors: Path | None = None
    vocabulary: tuple[str, ...] = ()
    table: Float32[ndarray, "words width"] | None = field(default=None, compare=False, repr=False)  # read of `vectors`

    def __post_init__(self) -> None:
        """Refuse limits that exclude every word."""
        if self.min_count < 1 or self.longest < 3:
            raise InputError(
                f"words needs a min_count of at least 1 and a longest of at least 3 (a word between its marks), not"
                f" {self.min_count}, {self.longest}"
            )

    def fit(self, raws: Sequence[str]) -> Words:
        """Return the extractor with the vocabulary of these texts and the vectors of its words."""
        counts = Counter(chain.from_iterable(map(self._usable, raws)))
        frequent = sorted((-count, word) for word, count in counts.items() if count >= self.min_count)
        if not frequent:
            raise InputError(f"no word comes {self.min_count} times in {len(raws)} training texts; lower min_count")
        learned = replace(self, vectors=None, vocabulary=tuple(word for _, word in frequent))
        if self.vectors is None:
            return learned
        return replace(learned, table=read_vectors(self.vectors, learned.token_vocabulary.words))

    @property
    def token_vocabulary(self) -> Vocabulary:
        """Every id's word, the marks first."""
        return Vocabulary(("", self.unknown, self.begin, self.end, *self.vocabulary), self.table)

    def prepare(self, raw: str) -> list[str]:
        """Return the words of a text."""
        return tokenise(unicodedata.normalize("NFKC", open_text(raw)).lower())

    def compute(self, prepared: Sequence[list[str]]) -> Int64[ndarray, "n longest"]:
        """Return a row of ids for each text."""
        if not self.vocabulary:
            raise InputError("words has no vocabulary yet: fit it to the training texts")
        rows = np.full((len(prepared), self.longest), PADDING, np.int64)
        for row, words in zip(rows, prepared, strict=True):
            ids = self._framed([i for word in words if (i := self._id.get(word, UNKNOWN)) != UNKNOWN or self.unknown])
            row[: len(ids)] = ids
        return rows

    def knows(self, raw: str) -> bool:
        """Return whether a word of a text is in the vocabulary."""
        return not self._id.keys().isdisjoint(self.prepare(raw))

    def _framed(self, ids: list[int]) -> list[int]:
        begin, end = [BEGIN] if self.begin else [], [END] if self.end else []
        return [*begin, *ids[: self.longest - len(begin) - len(end)], *end]

    @cached_property
    def _id(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.vocabulary, END + 1)}

    def _usable(self, raw: str) -> list[str]:
        try:
            return self.prepare(raw)
        except ItemError:
            return []  # extraction reports it, by the name of its item


def read_vectors(path: Path, words: Sequence[str]) -> Float32[ndarray, "words width"]:
    """Return the vectors of words from a text file of word2vec or GloVe; a word that it lacks has a row of NaN.

    A file of word2vec begins with its numbers of words and dimensions. Where a word comes twice, the first counts.
    """
    wanted = {word.encode(): row for row, word in enumerate(words) if word}
    found: dict[int, list[float]] = {}
    width = 0
    for number, line in enumerate(_lines(path), 1):
        parts = line.split()
        if number == 1 and len(parts) == 2 and all(map(bytes.isdigit, parts)):
            continue
        width = width or _width(path, len(parts) - 1)
        if len(parts) <= width:
            raise InputError(f"{path}: line {number} has {max(len(parts) - 1, 0)} numbers, the first has {width}")
        row = wanted.get(b" ".join(parts[:-width]))
        if row is not None and row not in found:
            found[row] = _numbers(path, number, parts[-width:])
    if not found:
        raise InputError(f"{path} has none of the {len(wanted):,} words of the training texts, such as {words[-1]!r}")
    table = np.full((len(words), width), np.nan, np.float32)
    table[[*found]] = np.array([*found.values()], np.float32)
    return table


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(_LINE):
            if len(line) == _LINE:
                raise InputError(f"{path} has a line of {_LINE:,} bytes or more: it is no text file of word vectors")
            yield line


def _width(path: Path, numbers: int) -> int:
    if not 2 <= numbers <= _WIDTH:
        raise InputError(
            f"{path} should hold a word and 2 to {_WIDTH:,} numbers a line, but begins with {max(numbers, 0)} numbers;"
            " the binary format of word2vec must be converted to text first"
        )
    return numbers


def _numbers(path: Path, line: int, parts: Sequence[bytes]) -> list[float]:
    try:
        numbers = [float(part) for part in parts]
    except ValueError as fault:
        raise InputError(f"{path}: line {line} holds no vector: {fault}") from None
    largest = float(np.finfo(np.float32).max)
    if not all(math.isfinite(x) and abs(x) < largest for x in numbers):
        raise InputError(f"{path}: line {line} holds a number that is not finite")
    return numbers
