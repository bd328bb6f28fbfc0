"""Bag of words: the words of a fitted vocabulary that a text contains."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np

from ...data.pairs import Array, Modality
from ...errors import InputError, ItemError
from ..base import Extractor
from ..raw import open_text

#: Scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORDS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED} ]+")


@final
@dataclass(frozen=True)
class Bow(Extractor):
    """Bag of words over a vocabulary fitted on the training texts: float32 CSR, binary unless `counts`.

    Words are maximal runs of letters, marks and digits in any script, lower-cased after NFKC; scripts written without
    spaces (Chinese, Japanese, Thai, ...) give overlapping pairs of characters. `tokens="spaces"` splits at white
    space alone, for tags. The vocabulary is the `max_words` words found in most texts, at least `min_count` of them,
    ties in alphabetical order; or the lines of the file `words`, in its order.
    """

    name: ClassVar[str] = "bow"
    modalities: ClassVar[tuple[Modality, ...]] = ("text",)
    cheap: ClassVar[bool] = True

    modality: Modality = "text"
    max_words: int = 4096
    min_count: int = 2
    counts: bool = False
    tokens: Literal["words", "spaces"] = "words"
    words: Path | None = None
    vocabulary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse limits that exclude every word."""
        if self.max_words < 1 or self.min_count < 1:
            raise InputError(f"bow needs max_words and min_count of at least 1, not {self.max_words}, {self.min_count}")

    def fit(self, raws: Sequence[str]) -> Bow:
        """Return the extractor with the vocabulary of these texts, or of the file `words`."""
        vocabulary = self._found(raws) if self.words is None else self._listed(self.words)
        return replace(self, words=None, vocabulary=vocabulary)

    def prepare(self, raw: str) -> list[str]:
        """Return the tokens of a text."""
        text = unicodedata.normalize("NFKC", open_text(raw)).lower()
        return text.split() if self.tokens == "spaces" else tokenise(text)

    def compute(self, prepared: Sequence[list[str]]) -> Array:
        """Return one CSR row per text; a text without a known word is a row of zeros."""
        from scipy.sparse import csr_array

        if not self.vocabulary:
            raise InputError("bow has no vocabulary yet: fit it to the training texts")
        rows = [Counter(self._column[word] for word in tokens if word in self._column) for tokens in prepared]
        ordered = [sorted(row.items()) for row in rows]
        columns = np.fromiter((column for row in ordered for column, _ in row), np.int32)
        counts = np.fromiter((count if self.counts else 1 for row in ordered for _, count in row), np.float32)
        ends = np.cumsum([0, *map(len, ordered)], dtype=np.int32)
        return csr_array((counts, columns, ends), shape=(len(rows), len(self.vocabulary)))

    def knows(self, raw: str) -> bool:
        """Return whether a word of a text is in the vocabulary."""
        return not self._column.keys().isdisjoint(self.prepare(raw))

    @cached_property
    def _column(self) -> dict[str, int]:
        return {word: column for column, word in enumerate(self.vocabulary)}

    def _found(self, raws: Sequence[str]) -> tuple[str, ...]:
        texts = Counter(chain.from_iterable(map(self._words, raws)))
        frequent = [(word, count) for word, count in texts.items() if count >= self.min_count]
        if not frequent:
            raise InputError(f"no word occurs in {self.min_count} of the {len(raws)} training texts; lower min_count")
        frequent.sort(key=lambda entry: (-entry[1], entry[0]))
        return tuple(word for word, _ in frequent[: self.max_words])

    def _words(self, raw: str) -> set[str]:
        try:
            return set(self.prepare(raw))
        except ItemError:
            return set()  # extraction reports it, by the name of its item

    def _listed(self, path: Path) -> tuple[str, ...]:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as fault:
            raise InputError(f"{path} is no list of words in UTF-8: {fault}") from None
        found = [self.prepare(line) for line in lines if line.strip()]
        wrong = [" ".join(tokens) for tokens in found if len(tokens) != 1]
        if wrong or not found:
            raise InputError(
                f"{path} should hold one word a line, but {len(wrong)} of its {len(found)} lines do not, such as"
                f" {', '.join(map(repr, wrong[:3]))}; tokens=spaces accepts anything without white space"
            )
        return tuple(dict.fromkeys(tokens[0] for tokens in found))


def tokenise(text: str) -> list[str]:
    """Return the words of a text that is already normalised and lower-cased.

    >>> tokenise("two dogs: 犬が走る")
    ['two', 'dogs', '犬が', 'が走', '走る']
    """
    runs = _WORDS.findall(text.translate(_KEEP))
    return [token for run in runs for token in (_pairs(run) if re.match(f"[{_UNSPACED}]", run) else (run,))]


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(max(1, len(run) - 1))]


class _Letters(dict[int, str]):
    """Maps every character that is no letter, mark or digit to a space, as `str.translate` asks for it."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character if unicodedata.category(character)[0] in "LMN" else " "
        return self[code]


_KEEP = _Letters()
