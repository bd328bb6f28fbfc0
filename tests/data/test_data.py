"""Paired, Split and Corpus: alignment, leaks, checksums."""

import numpy as np
import pytest

from crossbit.data.corpus import Corpus
from crossbit.data.pairs import Paired
from crossbit.data.splits import Split
from crossbit.errors import InputError

SPLIT = Split("s", train=("a", "b"), query=("c",), database=("a", "b"))


def test_a_split_survives_its_file(tmp_path):
    SPLIT.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == SPLIT


def test_a_split_file_that_was_edited_is_refused(tmp_path):
    path = tmp_path / "split.json"
    SPLIT.save(path)
    path.write_text(path.read_text().replace('"c"', '"d"'))
    with pytest.raises(InputError, match="sha256"):
        Split.load(path)


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"\xff", b'{"name": "s", "train": [1]}', b'{"name": "s", "train": "ab"}']
)
def test_what_is_no_split_file_is_refused(tmp_path, content):
    (tmp_path / "split.json").write_bytes(content)
    with pytest.raises(InputError, match="not a split file"):
        Split.load(tmp_path / "split.json")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": ("a", "c"), "query": ("c",), "database": ("a",)}, "1 items are in both query and train: c"),
        ({"train": ("a",), "query": ("c",), "database": ("a", "c")}, "in both query and database: c"),
        ({"train": ("a", "a"), "query": ("c",), "database": ("a",)}, "train repeats a"),
        ({"train": (), "query": ("c",), "database": ("a",)}, "train part is empty"),
        ({"train": ("a",), "query": ("c",), "database": ("a",), "validation": ("a",)}, "both validation and train"),
        ({"train": ("a",), "query": ("c",), "database": ("d",), "instance": True}, "query items themselves"),
    ],
)
def test_a_leaking_split_is_refused(parts, message):
    with pytest.raises(InputError, match=message):
        Split("s", **parts)


def test_instance_retrieval_searches_the_query_items():
    assert Split("s", train=("a",), query=("c",), database=("c",), instance=True).instance


def test_pairs_must_be_aligned():
    with pytest.raises(InputError, match="one row per pair"):
        Paired(np.zeros((3, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match="carry no labels"):
        _ = Paired(np.zeros((1, 2)), np.zeros((1, 2))).known_labels


def test_an_image_is_once_on_its_side_and_a_text_always():
    rows = np.arange(5)[:, None]
    pairs = Paired(rows, rows, item=np.array([7, 7, 2, 2, 9]))
    assert pairs.side("image").image.ravel().tolist() == [0, 2, 4]
    assert pairs.side("text") is pairs
    alone = Paired(rows, rows)
    assert alone.side("image") is alone


def test_one_pass_of_batches_visits_every_pair_once(rng):
    pairs = Paired(np.arange(10)[:, None], np.arange(10)[:, None])
    rows = [r for r, _ in pairs.batches(4, rng)]
    assert [len(r) for r in rows] == [4, 4, 2]
    assert sorted(np.concatenate(rows)) == list(range(10))
    assert [len(r) for r, _ in pairs.batches(4, rng, drop_last=True)] == [4, 4]


def corpus(**changes):
    return Corpus(**{"name": "toy", "ids": ("a", "b", "c"), "split": SPLIT, **changes})


def test_a_corpus_knows_its_rows():
    assert corpus().rows(("c", "a")).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ("a", "b", "a")}, "a are repeated"),
        ({"ids": ("a", "b", "x")}, "has no items c"),
        ({"texts": [("t",)]}, "'texts': 1"),
        ({"features": {"image": np.zeros((2, 2))}}, "'image features': 2"),
        ({"labels": np.zeros((4, 2), bool)}, "'labels': 4"),
    ],
)
def test_a_corpus_with_holes_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        corpus(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", 'must say "name", a text, and "instance", true or false'),
        ('{"name": "a", "instance": 1}', 'must say "name", a text, and "instance"'),
        ('{"name": "a", "instance": false}', 'must list the ids of "train", if only as'),
        ('{"name": "a", "instance": false, "train": ["a", 1]}', "train holds 1, and an id is a text in quotes"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_what_a_split_file_lacks_is_said_in_words(tmp_path, text, message):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError, match=f"is not a split file: .*{message}"):
        Split.load(tmp_path / "split.json")
