"""The steps after an extractor: fitted once, the same bytes for a row alone or among others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from crossbit.errors import InputError
from crossbit.features.matrix import dense
from crossbit.features.steps import L2, Centre, Pca, Standard, parse_step


@pytest.fixture
def rows(rng):
    return (rng.normal(size=(40, 9)) * np.arange(1, 10)).astype(np.float32)


@pytest.mark.parametrize("n", [40, 7])  # more rows than columns, and fewer
def test_pca_agrees_with_scikit_learn_up_to_sign(rows, n):
    ours = Pca(4).fit(rows[:n])
    theirs = PCA(4, svd_solver="full").fit(rows[:n].astype(np.float64))
    np.testing.assert_allclose(np.abs(ours.axes), np.abs(theirs.components_), atol=1e-5)
    np.testing.assert_allclose(np.abs(ours(rows)), np.abs(theirs.transform(rows)), atol=1e-3)
    assert (ours.axes[np.arange(4), np.abs(ours.axes).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("step", [Pca(3), Centre(), Standard(), L2()])
@pytest.mark.parametrize("make", [np.asarray, csr_array])
@given(seed=st.integers(0, 99))
def test_a_row_alone_is_the_row_among_others(step, make, seed):
    x = np.random.default_rng(seed).normal(size=(23, 9)).astype(np.float32)
    x[x < 0] = 0
    fitted = step.fit(make(x))
    together = dense(fitted(make(x)))
    assert together.dtype == np.float32
    for row in (0, 11, 22):
        assert dense(fitted(make(x[row : row + 1]))).tobytes() == together[row : row + 1].tobytes()


def test_sparse_and_dense_rows_give_the_same(rows):
    sparse = csr_array(np.where(rows > 1, rows, 0))
    for step in (Pca(3), Centre(), Standard(), L2()):
        a, b = step.fit(sparse), step.fit(sparse.toarray())
        np.testing.assert_allclose(dense(a(sparse)), b(sparse.toarray()), rtol=1e-5, atol=1e-5)
    assert L2()(sparse).format == "csr"


def test_l2_leaves_a_row_of_zeros(rows):
    rows[3] = 0
    scaled = L2()(rows)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), np.arange(40) != 3, rtol=1e-6)
    assert not L2()(csr_array(rows)).toarray()[3].any()


def test_the_centre_is_that_of_the_training_rows(rows):
    np.testing.assert_allclose(Centre().fit(rows[:10])(rows[:10]).mean(axis=0), 0, atol=1e-5)


def test_standard_rows_agree_with_scikit_learn_and_constants_become_zero(rows):
    rows[:, 4] = 0.1
    fitted = Standard().fit(rows[:30])
    np.testing.assert_allclose(fitted(rows), StandardScaler().fit(rows[:30]).transform(rows), rtol=1e-4, atol=1e-5)
    assert np.abs(fitted(rows)[:, 4]).max() < 1e-6


def test_too_wide_a_pca_is_refused(rows):
    with pytest.raises(InputError, match="pca9 needs more than 9 training rows"):
        Pca(9).fit(rows[:9])
    with pytest.raises(InputError, match="choose a smaller width"):
        Pca(10).fit(rows)


@pytest.mark.parametrize("name", ["pca0", "pca", "norm", "", "pca-3", "pca9999999"])
def test_unknown_steps_are_refused(name):
    with pytest.raises(InputError, match="after the extractor may follow pcaN, l2, centre or standard"):
        parse_step(name, "hog")
