"""The bag of words: tokens in any script, a deterministic vocabulary, sparse rows."""

import numpy as np
import pytest
from scipy.sparse import issparse

from crossbit.errors import InputError
from crossbit.features import Pipeline
from crossbit.features.extractors.bow import Bow, tokenise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Ein Straßen-Café, 35mm", ["ein", "straßen", "café", "35mm"]),
        ("e\u0301te\u0301", ["été"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("собака бежит", ["собака", "бежит"]),
        ("서울의 봄", ["서울의", "봄"]),
        ("一只狗 dog", ["一只", "只狗", "dog"]),
        ("狗", ["狗"]),
        ("new_york", ["new", "york"]),
        ("ＦＵＬＬ", ["full"]),
        ("🐕 !?", []),
    ],
)
def test_tokens_in_any_script(text, tokens):
    assert Bow().prepare(text) == tokens


def test_tags_split_at_white_space_alone():
    assert Bow(tokens="spaces").prepare("geo:tool=gmif 360° 台灣") == ["geo:tool=gmif", "360°", "台灣"]


def test_the_vocabulary_is_ordered_by_texts_then_by_alphabet():
    texts = ["b a", "b c c c", "a d", "c b"]
    assert Bow(min_count=1).fit(texts).vocabulary == ("b", "a", "c", "d")
    assert Bow(min_count=2, max_words=2).fit(texts).vocabulary == ("b", "a")
    assert Bow(min_count=2).fit(texts[::-1]) == Bow(min_count=2).fit(texts)


def test_rows_are_sparse_binary_or_counted():
    fitted = Bow(min_count=1).fit(["a b", "b c"])
    rows = fitted(["c c a", "nothing known"])
    assert issparse(rows)
    assert (rows.format, rows.dtype) == ("csr", np.float32)
    assert rows.toarray().tolist() == [[0, 1, 1], [0, 0, 0]]
    assert Bow(min_count=1, counts=True).fit(["a b", "b c"])(["c c a"]).toarray().tolist() == [[0, 1, 2]]


def test_a_list_of_words_is_the_vocabulary(tmp_path):
    (tmp_path / "tags.txt").write_text("Sky\nblue\nsky\n\n360°\n", encoding="utf-8")
    (tmp_path / "pairs.txt").write_text("new york\n")
    with pytest.raises(InputError, match="tokens=spaces"):
        Bow(words=tmp_path / "pairs.txt").fit([])
    fitted = Pipeline.parse(f"bow(words={tmp_path / 'tags.txt'},tokens=spaces)", "text").extractor.fit(["any"])
    assert fitted.vocabulary == ("sky", "blue", "360°")
    assert fitted(["SKY 360°"]).toarray().tolist() == [[1, 0, 1]]


def test_a_list_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "tags.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="no list of words in UTF-8"):
        Bow(words=tmp_path / "tags.txt").fit([])


def test_what_cannot_work_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        Bow(max_words=0)
    with pytest.raises(InputError, match="lower min_count"):
        Bow(min_count=3).fit(["a", "b"])
    with pytest.raises(InputError, match="no vocabulary yet"):
        Bow()(["a"])


@pytest.mark.parametrize(
    ("text", "reason"), [(" \n", "empty"), ("caf\udce9", "not UTF-8"), ("x" * 1_000_001, "more than the 1,000,000")]
)
def test_unusable_texts_are_refused(text, reason):
    with pytest.raises(InputError, match=reason):
        Bow().prepare(text)


def test_tokenise_splits_at_everything_else():
    assert tokenise("a\u00a0b\tc/d") == ["a", "b", "c", "d"]


def test_it_says_whether_it_knows_a_word_of_a_text():
    fitted = Bow(min_count=1).fit(["a red dog", "犬が走る"])
    assert [fitted.knows(text) for text in ("RED!", "xyzzy", "!!", "犬が", "红色")] == [True, False, False, True, False]
