"""Scenes: random access, what is drawn is what is said, classes that are neither trivial nor certain."""

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbit.datasets.scenes import CLASSES, SIDE, Scenes, captions, masks, objects, picture
from crossbit.datasets.scenes.captions import COLOUR_WORDS, SHAPE_WORDS, SIZE_WORDS
from crossbit.datasets.scenes.objects import COLOURS, SHAPES
from crossbit.errors import InputError

places = st.tuples(st.integers(0, 2**31), st.integers(0, 10**9))


def fingerprint(seed, index):
    made = (objects(seed, index), captions(seed, index), picture(seed, index).tobytes(), masks(seed, index).tobytes())
    return hashlib.sha256(repr(made).encode()).hexdigest()


def nearest_colour(rgb):
    """Return the colour whose hue and saturation are nearest, however dark it is in a shadow."""
    palette = np.array(list(COLOURS.values()))
    return list(COLOURS)[(palette @ rgb / np.linalg.norm(palette, axis=1)).argmax()]


@settings(deadline=None)
@given(places)
def test_a_scene_is_what_it_says(place):
    things, pixels, seen = objects(*place), picture(*place), masks(*place)
    assert 1 <= len(things) <= 4
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert seen.shape == (len(things), SIDE, SIDE)
    assert seen.sum(0).max() <= 1
    for thing, mask in zip(things, seen, strict=True):
        assert thing.kind in CLASSES
        assert thing.radius <= min(thing.x, thing.y, SIDE - thing.x, SIDE - thing.y)
        if mask.sum() > 20:
            assert nearest_colour(pixels[mask].mean(0)) == thing.colour
    sentences = captions(*place)
    assert len(sentences) == 5
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)


def said(sentence):
    """Return the shapes, colours and sizes that a sentence speaks of."""
    words = {*re.findall(r"[a-z]+", sentence.lower().replace("plus sign", "cross"))}
    return {
        part
        for vocabulary in (SHAPE_WORDS, COLOUR_WORDS, SIZE_WORDS)
        for part, synonyms in vocabulary.items()
        if words & {word + ending for word in synonyms for ending in ("", "s", "es")}
    }


@settings(deadline=None)
@given(places)
def test_captions_say_nothing_false(place):
    things = objects(*place)
    parts = {part for thing in things for part in (thing.size, thing.shape, thing.colour)}
    for sentence in captions(*place):
        assert said(sentence) <= parts
        assert said(sentence) & {*SHAPES}
        for number, word in enumerate(("two", "three", "four"), 2):
            assert word not in sentence.lower().split() or len(things) >= number


RELATIONS = ((" left of ", "x", 1), (" right of ", "x", -1), (" above ", "y", 1), (" under ", "y", -1))


def test_relations_are_true():
    checked = 0
    for index in range(400):
        things = {thing.shape: thing for thing in objects(1, index)}
        for sentence in captions(1, index):
            for relation, axis, sign in RELATIONS:
                first, found, second = sentence.partition(relation)
                a, b = (said(part) & {*SHAPES} for part in (first, second))
                if found and len(things) == len(objects(1, index)) and a != b:
                    checked += 1
                    assert sign * getattr(things[a.pop()], axis) < sign * getattr(things[b.pop()], axis)
    assert checked > 50


def test_a_scene_depends_on_its_seed_and_index_alone():
    here = [fingerprint(7, index) for index in (0, 1, 99_999)]
    assert len({*here, fingerprint(8, 0)}) == 4
    code = (
        "import sys; sys.path.insert(0, 'tests/datasets'); from test_scenes import fingerprint;"
        "print(*[fingerprint(7, i) for i in (99_999, 1, 0)])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == here[::-1]


def test_the_default_corpus():
    corpus = Scenes().load()
    assert len(corpus) == 3300
    assert [len(p) for p in (corpus.split.train, corpus.split.query, corpus.split.database)] == [2000, 300, 3000]
    assert corpus.split.sha256.startswith("91bbf0a895d16b2d")
    labels = corpus.labels.astype(int)
    shared = labels[corpus.rows(corpus.split.query)] @ labels[corpus.rows(corpus.split.database)].T > 0
    assert shared.mean() == pytest.approx(0.18, abs=0.02)
    assert shared.any(1).all()
    assert labels.sum(0).min() > 100


def test_a_larger_corpus_starts_with_the_smaller():
    small, large = Scenes(4, 5, 2).load(), Scenes(4, 9, 3).load()
    assert (small.labels == large.labels[:7]).all()
    assert small.texts[:7] == large.texts[:7]
    assert (small.images[-1] == large.images[6]).all()
    assert large.texts[3] == captions(0, 3)
    with pytest.raises(IndexError, match="item 7 of 7"):
        _ = small.images[7]


@pytest.mark.parametrize("sizes", [{"train": 0}, {"train": 4, "database": 3}, {"query": 0}, {"seed": -1}])
def test_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(InputError, match="0 < train <= database"):
        Scenes(**sizes)


def test_the_task_of_captions_searches_the_queries_among_each_other():
    by_class, by_caption = (Scenes(train=4, database=6, query=3, task=task).load() for task in ("labels", "captions"))
    split = by_caption.split
    assert split.instance
    assert split.query == split.database == by_class.split.query
    assert split.train == by_class.split.train
    assert by_caption.ids == by_class.ids
