"""LCMH: its eigenproblem against the whole relaxed objective, its thresholds, its assignments and what it refuses."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from crossbit.errors import InputError
from crossbit.methods.lcmh import LCMH, assigned, canonical, k_means
from crossbit.nn.layers import Anchors
from crossbit.nn.linear import Centred


def centred(rng, n, k):
    P = rng.random((n, k)) ** 3
    return Centred.of(P / P.sum(1, keepdims=True)).rows


def relaxed(P_1, P_2, lam, bits):
    """Return P_1 W_1 and P_2 W_2 of the B_1, B_2 that minimise the whole objective, n-by-n projectors and all."""
    n = len(P_1)
    onto = [P.numpy() @ np.linalg.pinv(P.numpy()) for P in (P_1, P_2)]
    whole = np.block([[lam * onto[0], np.eye(n)], [np.eye(n), lam * onto[1]]])
    B = np.linalg.eigh(whole)[1][:, ::-1][:, :bits]
    return onto[0] @ B[:n], onto[1] @ B[n:]


@pytest.mark.parametrize("lam", [0.1, 1.0, 20.0])
def test_the_canonical_variates_solve_the_whole_relaxed_objective_whatever_lam(rng, lam):
    P_1 = centred(rng, 40, 6)
    P_2 = Centred.of((P_1 @ torch.from_numpy(rng.normal(size=(6, 5))) + centred(rng, 40, 5)).numpy()).rows
    W_1, W_2, rho = canonical(P_1, P_2, 3, 1e-12)
    assert (rho[:-1] > rho[1:] + 1e-3).all()
    for ours, theirs in zip((P_1 @ W_1, P_2 @ W_2), relaxed(P_1, P_2, lam, 3), strict=True):
        cosines = (ours.numpy() * theirs).sum(0) / np.linalg.norm(ours, axis=0) / np.linalg.norm(theirs, axis=0)
        assert abs(cosines) == pytest.approx(np.ones(3), abs=1e-6)


def test_variates_are_orthonormal_and_as_correlated_as_it_says(rng):
    P_1, P_2 = centred(rng, 60, 7), centred(rng, 60, 5)
    W_1, W_2, rho = canonical(P_1, P_2, 4, 1e-12)
    for Y in (P_1 @ W_1, P_2 @ W_2):
        assert (Y.T @ Y).numpy() == pytest.approx(np.eye(4) / 2, abs=1e-6)  # w^T (P^T P) w = 1 over both blocks
    assert (2 * (P_1 @ W_1).T @ (P_2 @ W_2)).numpy() == pytest.approx(np.diag(rho), abs=1e-6)


def test_sigma_is_the_mean_squared_distance_between_items_and_centres(rng):
    X = rng.normal(size=(50, 3)).astype(np.float32)
    anchors = LCMH(sigma=0.5).anchors(X, 4, 0)
    distances = ((X[:, None] - anchors.centres.numpy()) ** 2).sum(2)
    assert float(anchors.sigma) == pytest.approx(0.5 * distances.mean(), rel=1e-5)


def test_sparse_items_are_clustered_and_assigned_like_dense_ones(rng):
    X = (rng.random((80, 12)) * (rng.random((80, 12)) < 0.3)).astype(np.float32)
    dense, sparse = (LCMH().anchors(items, 5, 0) for items in (X, csr_array(X)))
    assert dense.centres.numpy() == pytest.approx(sparse.centres.numpy(), abs=1e-6)
    assert assigned(dense, X) == pytest.approx(assigned(sparse, csr_array(X)), abs=1e-6)


def test_items_that_are_alike_share_a_centre():
    X = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    assert len(k_means(X, 9, 0)) == 3


def test_half_of_the_training_items_get_each_bit_above_the_median_threshold(toy):
    def ones(threshold):
        encoder = LCMH(threshold=threshold).fit(toy.train, 8)
        return (encoder.embed(toy.train.image, "image") >= 0).mean(0)

    assert ones("median") == pytest.approx(np.full(8, 0.5), abs=1 / len(toy.train))
    assert abs(ones("zero") - 0.5).max() > 0.01


def test_the_tower_is_the_hash_function(rng):
    """A constant in a column of W, however large against the bits, changes nothing: assignments sum to one."""
    anchors = Anchors(torch.from_numpy(rng.normal(size=(6, 3))).float(), torch.tensor(3.0))
    X = rng.normal(size=(90, 3)).astype(np.float32)
    P = Centred.of(assigned(anchors, X))
    W = torch.from_numpy(30 + rng.normal(size=(6, 4)))
    for threshold in ("median", "zero"):
        bits = P.rows @ W
        expected = bits - (bits.median(0).values + bits.sort(0).values[45]) / 2 if threshold == "median" else bits
        found = LCMH(threshold=threshold).tower(anchors, P, W)(torch.from_numpy(X))
        assert found.detach().numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_more_bits_than_clusters_can_hold_are_refused_in_so_many_words(toy):
    assert LCMH(k=17).fit(toy.train, 16).dim == 16
    with pytest.raises(InputError, match="16 bits need 17 clusters of each modality; 512 training pairs and k=16 make"):
        LCMH(k=16).fit(toy.train, 16)
    with pytest.raises(InputError, match="take fewer bits, a larger k, or 85 pairs"):
        LCMH().fit(toy.train[:84], 16)


def test_a_useless_eps_is_refused(toy):
    with pytest.raises(InputError, match=r"eps=0\.0: assignments sum to one"):
        LCMH(eps=0.0).fit(toy.train, 4)
