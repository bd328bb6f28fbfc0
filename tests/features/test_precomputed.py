"""Precomputed features: dense or sparse, and finite."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.features.extractors.precomputed import Precomputed
from crossbit.features.matrix import dense, finite


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_the_matrix_is_taken_as_it_is(make_corpus, rng, make):
    x = rng.normal(size=(12, 5)).round(1)
    made = featurise(make_corpus(features={"image": make(x)}, images=None), "precomputed|l2", "bow")
    train = made.dataset.train.image
    assert train.dtype == np.float32
    np.testing.assert_allclose(dense(train), x[:6] / np.linalg.norm(x[:6], axis=1, keepdims=True), rtol=1e-5)
    again = made.image([make(x)[row] for row in range(6)])
    np.testing.assert_allclose(dense(again), dense(train), rtol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_numbers_that_are_not_finite_are_refused_by_id(make_corpus, make):
    x = np.ones((12, 5))
    x[3, 1], x[7, 4] = np.nan, np.inf
    corpus = make_corpus(features={"image": make(x)})
    with pytest.raises(InputError, match="the image of i3 cannot be used: its features hold NaN or infinity"):
        featurise(corpus, "precomputed", "bow")
    made = featurise(corpus, "precomputed", "bow", on_error="skip")
    assert [failure.id for failure in made.failures] == ["i3", "i7"]


def test_finite_looks_into_the_right_rows():
    x = np.eye(4)
    x[2, 2] = np.inf
    assert finite(csr_array(x)).tolist() == finite(x).tolist() == [True, True, False, True]


def test_new_rows_need_the_fitted_width():
    fitted = Precomputed("text").fit(np.ones((3, 4)))
    with pytest.raises(InputError, match="have 4 columns, not 5"):
        fitted([np.ones(5)])
    with pytest.raises(InputError, match="NaN or infinity"):
        fitted([np.array([1, 2, 3, np.nan])])


def test_a_raw_item_is_refused():
    with pytest.raises(InputError, match=r"a raw text cannot become one; fit the model with an extractor"):
        Precomputed("text").fit(np.ones((3, 4)))(["a dog"])


def test_a_corpus_without_the_features_says_so(make_corpus):
    with pytest.raises(InputError, match="toy has no precomputed text features"):
        featurise(make_corpus(), "hog", "precomputed")
    with pytest.raises(InputError, match="use the extractor precomputed"):
        featurise(make_corpus(images=None, features={"image": np.ones((12, 2))}), "hog", "bow")
    with pytest.raises(InputError, match="captions=each needs texts"):
        featurise(make_corpus(features={"text": np.ones((12, 2))}), "hog", "precomputed", captions="each")
