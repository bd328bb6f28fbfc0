"""Words: ids in order, a vocabulary of the training texts alone, and files of word vectors that may be hostile."""

import numpy as np
import pytest

from crossbit.data.pairs import BEGIN, END, PADDING, UNKNOWN
from crossbit.errors import InputError
from crossbit.features import Pipeline, featurise
from crossbit.features.extractors.words import Words, read_vectors

TEXTS = ["A dog, a cat.", "the dog", "a bird"]


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a file of word vectors."""

    def write(content):
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_rows_are_ids_between_their_marks():
    fitted = Words(min_count=1, longest=6).fit(TEXTS)
    assert (PADDING, UNKNOWN, BEGIN, END) == (0, 1, 2, 3)
    assert fitted.vocabulary == ("a", "dog", "bird", "cat", "the")  # by frequency, then by alphabet
    rows = fitted(["the CAT!", "a zebra", "a dog a dog a dog"])
    assert rows.dtype == np.int64
    assert rows.tolist() == [[2, 8, 7, 3, 0, 0], [2, 4, 1, 3, 0, 0], [2, 4, 5, 4, 5, 3]]


def test_it_says_whether_it_knows_a_word_of_a_text():
    fitted = Words(min_count=1).fit(TEXTS)
    assert (fitted.knows("a zebra"), fitted.knows("zebra")) == (True, False)


def test_marks_can_be_left_out():
    fitted = Words(min_count=1, longest=4, unknown="", begin="").fit(TEXTS)
    assert fitted(["a zebra dog a a a"]).tolist() == [[4, 5, 4, 3]]
    bare = Words(min_count=1, longest=4, unknown="", begin="", end="").fit(TEXTS)
    assert bare(["zebra", "a dog"]).tolist() == [[0, 0, 0, 0], [4, 5, 0, 0]]


def test_rare_words_are_unknown_and_the_order_of_texts_does_not_matter():
    fitted = Words(min_count=2).fit(TEXTS)
    assert fitted.vocabulary == ("a", "dog")
    assert Words(min_count=2).fit(TEXTS[::-1]) == fitted
    assert fitted(["the dog"])[0, :5].tolist() == [BEGIN, UNKNOWN, 5, END, PADDING]


def test_ids_are_read_back_as_a_sentence():
    fitted = Words(min_count=1).fit(TEXTS)
    said = fitted.token_vocabulary.sentence(fitted(["the zebra, a dog"])[0])
    assert said == "the <unk> a dog"
    assert fitted.token_vocabulary.sentence(np.array([4, 5])) == "a dog"
    assert len(fitted.token_vocabulary) == 4 + 5


def test_the_vocabulary_is_of_training_texts_and_is_saved(make_corpus, tmp_path):
    texts = [*make_corpus().texts[:6], *[("secret words",)] * 6]
    made = featurise(make_corpus(texts=texts), "hog", "words(min_count=1,longest=8)", captions="each")
    assert "secret" not in made.text.extractor.vocabulary
    made.text.save(tmp_path / "text")
    assert {file.suffix for file in (tmp_path / "text").iterdir()} == {".json", ".safetensors"}
    again = Pipeline.load(tmp_path / "text")
    assert (again(["a red dog"]) == made.text(["a red dog"])).all()
    train, known = made.dataset.train, made.text.extractor.token_vocabulary
    for pairs in (train, train[:3], train.unlabelled(), train.side("image")):
        assert pairs.vocabulary.words == known.words
    assert known.sentence(train.text[0]) == "a red red"


@pytest.mark.parametrize("counts", [[1] * 12, [5] * 12, [3, 1, 7, 2, 5, 1, 4, 6, 1, 2, 3, 5]])
def test_any_number_of_captions_stays_in_order(make_corpus, counts):
    texts = [tuple(f"w{item} n{number}" for number in range(count)) for item, count in enumerate(counts)]
    data = featurise(make_corpus(texts=texts), "hog", "words(min_count=1)", captions="each").dataset
    known = data.train.vocabulary
    said = [known.sentence(row) for row in data.train.text]
    assert said == [text for item in texts[:6] for text in item]
    assert data.train.item.tolist() == [item for item, count in enumerate(counts[:6]) for _ in range(count)]
    first = np.flatnonzero(np.diff(data.train.item, prepend=-1))
    assert (data.train.image == data.train.image[first][data.train.item]).all()


@pytest.mark.parametrize("head", ["", "4 3\n"])
def test_vectors_come_from_word2vec_and_glove(save, head):
    path = save(head + "dog 1 2 3\nof the 7 7 7\nzebra x y z\na -1 0.5 1e-3 \ndog 9 9 9\n")
    table = read_vectors(path, ["", "<unk>", "dog", "a", "the", "cat"])
    assert table.dtype == np.float32
    assert table[2:4].tolist() == [[1, 2, 3], [-1, 0.5, np.float32(1e-3)]]
    assert np.isnan(table[[0, 1, 4, 5]]).all()


def test_vectors_reach_the_pairs_and_not_the_saved_model(make_corpus, save, tmp_path):
    path = save("red 1 0\ndog 0 1\n")
    made = featurise(make_corpus(), "hog", f"words(min_count=1,vectors={path})")
    plain = featurise(make_corpus(), "hog", "words(min_count=1)")
    words, vectors = made.dataset.train.vocabulary.words, made.dataset.train.vocabulary.vectors
    assert vectors.shape == (len(words), 2)
    assert vectors[words.index("dog")].tolist() == [0, 1]
    assert plain.dataset.train.vocabulary.vectors is None
    assert made.dataset.sha256 != plain.dataset.sha256
    made.text.save(tmp_path / "text")
    assert path.name not in {file.name for file in (tmp_path / "text").iterdir()}
    assert Pipeline.load(tmp_path / "text").fingerprint == made.text.fingerprint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("dog 1 2 3\ncat 1 2\n", "line 2 has 2 numbers, the first has 3"),
        ("x 1 2\n\ndog 1 2\n", "line 2 has 0 numbers"),
        ("dog 1 two\n", "line 1 holds no vector"),
        ("dog 1 nan\n", "not finite"),
        ("dog 1 1e39\n", "not finite"),
        ("bird 1 2\n", r"none of the 2 words of the training texts, such as 'cat'"),
        ("", "none of the 2 words"),
        ("dog\n", "begins with 0 numbers; the binary format"),
        ("dog" + " 1" * 5000, "2 to 4,096 numbers a line, but begins with 5000"),
        ("dog " + "1" * 100_000, "a line of 100,000 bytes or more"),
        (b"3 300\n\x00\xff\x80\n", "binary format"),
    ],
)
def test_a_file_that_holds_no_vectors_is_refused(save, content, reason):
    with pytest.raises(InputError, match=reason):
        read_vectors(save(content), ["", "dog", "cat"])


def test_what_cannot_work_is_refused(tmp_path):
    with pytest.raises(InputError, match="min_count of at least 1"):
        Words(min_count=0)
    with pytest.raises(InputError, match="longest of at least 3"):
        Words(longest=2)
    with pytest.raises(InputError, match="lower min_count"):
        Words(min_count=9).fit(TEXTS)
    with pytest.raises(InputError, match="no vocabulary yet"):
        Words()(["a"])
    with pytest.raises(InputError, match="vectors should be a file"):
        Pipeline.parse("words(vectors=none.txt)", "text")
