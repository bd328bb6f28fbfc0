"""From a corpus to a dataset: captions, splits, labels, and items left out aloud."""

import numpy as np
import pytest

from crossbit.data import rows
from crossbit.errors import InputError
from crossbit.features import Failure, Pipeline, featurise, pipeline
from crossbit.features.featurise import precomputed
from crossbit.features.matrix import dense

BOW = "bow(min_count=1)"


def test_a_dataset_follows_the_split(make_corpus, pixels):
    corpus = make_corpus()
    made = featurise(corpus, "hog|pca3", BOW)
    data = made.dataset
    assert [len(part) for part in (data.train, data.query, data.database)] == [6, 2, 10]
    assert data.validation is None
    assert data.split == corpus.split
    assert data.database.item.tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]
    assert (data.query.labels == corpus.labels[6:8]).all()
    assert data.query.image.tobytes() == made.image(pixels[6:8]).tobytes()
    assert (data.query.text != made.text([" ".join(t) for t in corpus.texts[6:8]])).nnz == 0


def test_pipelines_learn_from_training_items_alone(make_corpus, pixels):
    corpus = make_corpus()
    texts = [*corpus.texts[:6], *[("secret words",)] * 6]
    made = featurise(make_corpus(texts=texts), "hog|pca3", BOW)
    assert "secret" not in made.text.extractor.vocabulary
    alone = Pipeline.parse("hog|pca3", "image").fit(Pipeline.parse("hog", "image").extractor(pixels[:6]))
    assert made.image.fingerprint == alone.fingerprint


@pytest.mark.parametrize(("captions", "rows", "first"), [("join", 6, "a red red the red"), ("first", 6, "a red red")])
def test_captions_as_one_text(make_corpus, captions, rows, first):
    made = featurise(make_corpus(), "hog", BOW, captions=captions)
    assert len(made.dataset.train) == rows
    assert (made.dataset.train.text[:1] != made.text([first])).nnz == 0


def test_each_caption_is_a_row_that_shares_its_image(make_corpus):
    corpus = make_corpus()
    texts = list(corpus.texts)
    texts[1] = ("one", "two", "three")
    made = featurise(make_corpus(texts=texts), "hog", BOW, captions="each")
    train = made.dataset.train
    assert train.item.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert (train.image[2] == train.image[4]).all()
    assert (train.text[2:5] != made.text(["one", "two", "three"])).nnz == 0
    assert (train.labels == corpus.labels[train.item]).all()


def test_items_that_cannot_be_used_are_left_out_aloud(make_corpus):
    texts = list(make_corpus().texts)
    texts[6] = ("caf\udce9", "fine")
    corpus = make_corpus(texts=texts)
    corpus.images[1].write_bytes(b"")
    with pytest.raises(InputError, match="the image of i1 cannot be used"):
        featurise(corpus, "hog", BOW)
    corpus.images[9].write_bytes(b"no picture")
    made = featurise(corpus, "hog", BOW, on_error="skip")
    assert [(f.id, f.modality) for f in made.failures] == [("i1", "image"), ("i9", "image"), ("i6", "text")]
    assert made.failures[0] == Failure("i1", "image", "the file is empty (0 bytes)")
    assert made.dataset.split.name == "toy-without-3"
    assert made.dataset.split.train == ("i0", "i2", "i3", "i4", "i5")
    assert made.dataset.query.item.tolist() == [7]
    assert made.dataset.database.item.tolist() == [0, 2, 3, 4, 5, 8, 10, 11]


def test_a_caption_that_cannot_be_used_takes_its_item_along(make_corpus):
    texts = list(make_corpus().texts)
    texts[2] = ("fine", " ")
    texts[3] = ()
    with pytest.raises(InputError, match=r"the text of i2 \(caption 2\) cannot be used: the text is empty"):
        featurise(make_corpus(texts=texts), "hog", BOW, captions="each")
    made = featurise(make_corpus(texts=texts), "hog", BOW, captions="each", on_error="skip")
    assert made.dataset.train.item.tolist() == [0, 0, 1, 1, 4, 4, 5, 5]
    assert [f.id for f in made.failures] == ["i2", "i3"]
    joined = featurise(make_corpus(texts=texts), "hog", BOW, on_error="skip")
    assert [f.id for f in joined.failures] == ["i3"]


def test_a_split_whose_part_is_lost_is_refused(make_corpus):
    texts = list(make_corpus().texts)
    texts[6] = texts[7] = ("",)
    with pytest.raises(InputError, match="query part is empty"):
        featurise(make_corpus(texts=texts), "hog", BOW, on_error="skip")


def test_a_fitted_pipeline_is_used_as_it_is(make_corpus):
    first = featurise(make_corpus(), "hog|pca3", BOW)
    other = make_corpus(texts=[("new words",)] * 12)
    again = featurise(other, first.image, first.text)
    assert again.image.fingerprint == first.image.fingerprint
    assert again.text is first.text or again.text.fingerprint == first.text.fingerprint
    assert not dense(again.dataset.train.text).any()


def test_a_corpus_without_texts_says_so(make_corpus):
    with pytest.raises(InputError, match=r"toy has no texts for bow$"):
        featurise(make_corpus(texts=None), "hog", "bow")


def test_the_raw_corpus_is_read_only_where_the_split_points(make_corpus):
    corpus = make_corpus()
    corpus.images[11].unlink()
    smaller = corpus.split.__class__("s", corpus.ids[:6], corpus.ids[6:8], corpus.ids[:6])
    made = featurise(make_corpus(split=smaller), "hog", BOW)
    assert np.isfinite(made.dataset.train.image).all()


def test_progress_counts_both_modalities(make_corpus):
    reports = []

    def log(done, total, values):
        reports.append((done, total))

    featurise(make_corpus(), "hog", BOW, captions="each", log=log)
    assert reports == sorted(reports)
    assert reports[-1] == (12 + 24, 12 + 24)


@pytest.mark.parametrize("spec", ["precomputed", "precomputed|standard|l2", "precomputed|centre|pca3"])
def test_features_in_a_file_are_those_in_memory(make_corpus, tmp_path, rng, monkeypatch, spec):
    matrix = rng.normal(size=(12, 8))
    np.save(tmp_path / "image.npy", matrix)
    lying = np.load(tmp_path / "image.npy", mmap_mode="r")
    monkeypatch.setattr(rows, "WHOLE", 30)
    monkeypatch.setattr(rows, "BLOCK", 30)
    expected = featurise(make_corpus(features={"image": matrix}), spec, BOW)
    monkeypatch.setattr(rows, "COPIED", 0)
    monkeypatch.setattr(pipeline, "KEPT", 0)
    found = featurise(make_corpus(features={"image": lying}), spec, BOW)
    assert isinstance(found.dataset.train.image, rows.Rows)
    assert found.image.fingerprint == expected.image.fingerprint
    assert found.dataset.sha256 == expected.dataset.sha256
    assert precomputed(found.dataset).image.width == found.image.width
