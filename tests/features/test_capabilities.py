"""Extractors from elsewhere have the capabilities of ours: precomputed rows, fitting, vocabularies of token ids."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from crossbit.data.pairs import END, Vocabulary
from crossbit.features import Pipeline, featurise
from crossbit.features.base import Extractor
from crossbit.features.raw import open_text


@dataclass(frozen=True)
class Given(Extractor):
    """Rows from elsewhere, as they are."""

    name: ClassVar[str] = "given"
    modalities: ClassVar = ("image",)
    precomputed: ClassVar[bool] = True

    modality: str = "image"

    def prepare(self, raw):
        return raw

    def compute(self, prepared):
        return np.stack(prepared).astype(np.float32)


@dataclass(frozen=True)
class Letters(Extractor):
    """The first letters of a text as ids."""

    name: ClassVar[str] = "letters"
    modalities: ClassVar = ("text",)

    modality: str = "text"
    letters: str = ""

    def fit(self, raws):
        return replace(self, letters="".join(sorted({*"".join(raws)})))

    @property
    def token_vocabulary(self):
        return Vocabulary(("", "?", "<", ">", *self.letters))

    def prepare(self, raw):
        return [END + 1 + self.letters.find(letter) if letter in self.letters else 1 for letter in open_text(raw)[:4]]

    def compute(self, prepared):
        return np.array(prepared, np.int64)


def test_they_are_used_as_ours_are(make_corpus, rng):
    rows = rng.normal(size=(12, 5))
    found = featurise(make_corpus(features={"image": rows}), Pipeline("given", Given()), Pipeline("letters", Letters()))
    assert found.dataset.train.image.tobytes() == rows[:6].astype(np.float32).tobytes()
    assert found.text.extractor.letters
    assert found.dataset.train.vocabulary.words[4:] == tuple(found.text.extractor.letters)
    assert found.dataset.train.vocabulary.sentence(found.dataset.train.text[0]) == "a   r e"
