"""The contract of a method, kept by one and broken in each of its parts by others."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.data.pairs import Paired
from crossbit.methods.base import Method, Source
from crossbit.models.encoder import DualEncoder
from crossbit.nn.linear import Centred
from crossbit.nn.towers import LAYERS, Layer
from crossbit.testing import check_method
from crossbit.training.run import PLAIN

SOURCE = Source("An inter-battery method", "Tucker", "Psychometrika", 1958, "https://doi.org/10.1007/BF02289009")


@dataclass(frozen=True)
class Sound(Method):
    source: ClassVar = SOURCE
    supervised: ClassVar = False

    scale: float = 1.0

    def fit(self, train, dim, *, seed=0, training=PLAIN):
        X, Y = Centred.of(train.image), Centred.of(train.text)
        U, _, Vt = torch.linalg.svd(X.rows.T @ Y.rows, full_matrices=False)
        return DualEncoder(X.tower(self.scale * U[:, :dim]), Y.tower(self.scale * Vt[:dim].T), "cosine", dim)


@dataclass
class Mutable(Method):
    source: ClassVar = SOURCE
    supervised: ClassVar = False
    fit = Sound.fit


class Unsourced(Sound):
    source: ClassVar = None


class Undecided(Sound):
    supervised: ClassVar = None


class Insecure(Sound):
    source: ClassVar = replace(SOURCE, url="http://example.org")


class Random(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        return Sound.fit(Sound(1 + float(np.random.default_rng().random())), train, dim)


class Peeking(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        return Sound.fit(Sound(1.0 if train.labels is None else 2.0), train, dim)


class Trusting(Sound):
    supervised: ClassVar = True


class Spoiling(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        train.image[0] += 1
        return Sound.fit(self, train, dim)


@dataclass(frozen=True)
class Growing(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        object.__setattr__(self, "scale", self.scale + 1)
        return Sound.fit(self, train, dim)


class Crowd(nn.Module):
    """Sees the whole batch."""

    def forward(self, x):
        return x - x.mean(0)


class Sociable(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        encoder = Sound.fit(self, train, dim)
        return DualEncoder(nn.Sequential(encoder.image, Crowd()), encoder.text, "cosine", dim)


class Unopenable(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        encoder = Sound.fit(self, train, dim)
        return DualEncoder(nn.Sequential(encoder.image, nn.Softsign()), encoder.text, "cosine", dim)


class Short(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        encoder = Sound.fit(self, train, dim - 1)
        return DualEncoder(encoder.image, encoder.text, "hamming", dim - 1)


class Long(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        return Sound.fit(self, train, 16)


class Outdated(Sound):
    def fit(self, train, dim):
        return Sound.fit(self, train, dim)


class Needing(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        len(train.labels)
        return Sound.fit(self, train, dim)


class Crashing(Sound):
    supervised: ClassVar = True

    def fit(self, train, dim, *, seed=0, training=PLAIN):
        train.labels.sum()
        return Sound.fit(self, train, dim)


class Fragile(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        for x in (train.image, train.text):
            np.linalg.inv(np.cov(x.astype(np.float64).T))
        return Sound.fit(self, train, dim)


class Unfinished(Method):
    source: ClassVar = SOURCE
    supervised: ClassVar = False


class Blind(Sound):
    def fit(self, train, dim, *, seed=0, training=PLAIN):
        return Sound.fit(self, Paired(train.image, train.text[::-1].copy()), dim)


def test_a_sound_method_passes_as_a_class_and_as_an_instance(toy):
    check_method(Sound)
    check_method(Sound(2.0), bits=8, data=toy)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Mutable, "Mutable is no frozen dataclass"),
        (Unsourced, "Unsourced has no `source`: say where it was published"),
        (Undecided, "Undecided: `supervised` is None: say True or False"),
        (Insecure, "the address of its source is 'http://example.org': give https://"),
        (Random, "two fits with the same seed without labels differ"),
        (Peeking, "two fits with the same seed without labels differ"),
        (Trusting, "Trusting is supervised and takes pairs without labels; it must raise InputError"),
        (Spoiling, "fit changes its training data"),
        (Growing, "fit changes the method"),
        (Sociable, "images encoded 1 at a time have other embeddings than all at once"),
        (Unopenable, "Unopenable: Softsign is not a layer that a model can be saved with"),
        (Short, "fit returns 15 dimensions where 16 were asked for"),
        (Long, "fit returns 16 dimensions where 12 were asked for"),
        (Outdated, r"fit\(train, 1., seed=1, training=...\) fails: TypeError: .*unexpected keyword argument 'seed'"),
        (Needing, r"fit\(.*\) without labels fails: TypeError"),
        (Crashing, "without labels, fit raises InputError, not AttributeError"),
        (
            Fragile,
            r"fit on images that are all the same raises LinAlgError: .*; raise InputError",
        ),
        (Unfinished, r"Unfinished\(\) without parameters fails: .* abstract"),
        (Blind, r"image to text has precision 0\.\d\d among the ten nearest, chance is 0\.\d\d"),
    ],
)
def test_a_broken_method_is_told_what_is_broken(broken, message, monkeypatch):
    monkeypatch.setitem(LAYERS.builtin, "crowd", Layer(Crowd, Crowd, lambda crowd: {}))
    with pytest.raises(AssertionError, match=message):
        check_method(broken, bits=12 if broken is Long else 16)
