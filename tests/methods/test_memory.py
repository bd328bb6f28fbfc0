"""Features in files that need not fit into memory: the same models as from memory, and errors instead of a kill."""

import numpy as np
import pytest
import torch

from crossbit.data import rows
from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods import cca, lcmh
from crossbit.methods.recipe import Recipe
from crossbit.models import binarise
from crossbit.nn import losses, similarity
from crossbit.nn.linear import Centred, covariance
from crossbit.training import memory


@pytest.fixture
def small_blocks(monkeypatch):
    """Copy no rows, and work on some 40 rows at a time."""
    monkeypatch.setattr(rows, "COPIED", 0)
    monkeypatch.setattr(rows, "WHOLE", 1000)
    monkeypatch.setattr(rows, "BLOCK", 1000)


@pytest.mark.parametrize("recipe", ["cca(ridge=0.1)", "cca@12+itq", "cca+itq", "scm", "lcmh"])
def test_blocks_lead_to_the_same_codes(recipe, toy, monkeypatch):
    whole = Recipe.parse(recipe).fit(toy.train, 8, seed=1)
    monkeypatch.setattr(rows, "WHOLE", 1000)
    monkeypatch.setattr(rows, "BLOCK", 1000)
    monkeypatch.setattr(binarise, "WHOLE", 1000)
    cut = Recipe.parse(recipe).fit(toy.train, 8, seed=1)
    for modality in ("image", "text"):
        signs = [encoder.embed(toy.query.of(modality), modality) >= 0 for encoder in (whole, cut)]
        assert (signs[0] == signs[1]).mean() > 0.999


def test_covariances_in_blocks_are_those_of_all_rows(rng, small_blocks):
    x = rng.normal(3, 1, (300, 9)).astype(np.float32)
    X, Y = Centred.of(x), Centred.of((x @ rng.normal(size=(9, 30))).astype(np.float32))
    assert X.whole is None
    assert (X.size, Y.size) == (111, 33)
    Z = torch.from_numpy(rng.normal(size=(300, 2)))
    torch.testing.assert_close(X.across(Y), X.rows.T @ Y.rows)
    torch.testing.assert_close(X.across(X), covariance(X.rows))
    torch.testing.assert_close(X.weighted(Z), X.rows.T @ Z)
    torch.testing.assert_close(X.signed(Z[:9, 0]), X.rows.T @ similarity.sign(X.rows @ Z[:9, 0]))
    P = X.factor(relative_ridge=0.1)
    torch.testing.assert_close(P @ P.T, covariance(X.rows, relative_ridge=0.1))


def test_neighbours_are_found_in_blocks_too(rng, monkeypatch):
    x = rng.normal(size=(90, 5)).astype(np.float32)
    whole = similarity.nearest(x, 4)
    monkeypatch.setattr(rows, "WHOLE", 100)
    monkeypatch.setattr(rows, "BLOCK", 100)
    monkeypatch.setattr(similarity, "CHUNK", 32)
    assert (similarity.nearest(x, 4) == whole).all()
    assert (whole[:, 0] == torch.arange(90)).all()


def test_a_sum_over_pairs_and_its_gradient_are_the_same_some_rows_at_a_time(rng, monkeypatch):
    def both():
        A = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 4))).requires_grad_()
        B, S = torch.from_numpy(rng.normal(size=(30, 4))), torch.ones(20, 30, dtype=torch.float64)
        loss = losses.pairwise_nll(A, B * 0 + 1, S)
        loss.backward()
        return loss.detach(), A.grad

    whole = both()
    monkeypatch.setattr(losses, "COMPARED", 90)
    for one, other in zip(whole, both(), strict=True):
        torch.testing.assert_close(one, other)


def test_k_means_of_many_items_sees_a_sample(rng, monkeypatch):
    x = np.repeat(np.eye(4, dtype=np.float32), 50, axis=0)
    monkeypatch.setattr(lcmh, "SAMPLE", 4 * 60)
    assert len(lcmh.k_means(x, 4, 0)) == 4


@pytest.mark.parametrize("name", ["cca", "scm"])
@pytest.mark.parametrize("modality", ["image", "text"])
def test_features_that_do_not_vary_are_refused_in_one_sentence(name, modality, toy, small_blocks):
    constant = {modality: np.full((512, 5), 0.1, np.float32)}
    pairs = Paired(**{"image": toy.train.image, "text": toy.train.text, "labels": toy.train.labels} | constant)
    refused = f"the {modality} features do not vary over the 512 training items, so {name.upper()} has nothing to align"
    with pytest.raises(InputError, match=refused):
        Recipe.parse(name).fit(pairs, 4)


def test_columns_that_follow_from_others_need_a_ridge(toy):
    twice = Paired(np.concatenate([toy.train.image] * 2, 1), toy.train.text)
    assert cca.CCA().fit(twice, 4).dim == 4
    with pytest.raises(InputError, match=r"48 columns of image features over 512 .* no inverse, .*: take a larger one"):
        cca.CCA(ridge=0.0).fit(twice, 4)


def test_numbers_that_lead_nowhere_are_refused_before_training(toy):
    image = toy.train.image.copy()
    image[41, 2] = np.nan
    with pytest.raises(InputError, match="the image features of training pair 42 hold NaN, infinity or numbers beyond"):
        Recipe.parse("djsrh").fit(Paired(image, toy.train.text), 4)


def test_training_that_ends_in_no_numbers_says_so(toy):
    with pytest.raises(InputError, match=r"ended with NaN or infinity in \d weights.*: check the features, or"):
        Recipe.parse("djsrh(epochs=3,hidden=8,lr_text=1e30)").fit(toy.train[:64], 4)


def test_what_needs_more_memory_than_is_free_is_refused():
    free = memory.free_memory(torch.device("cpu"))
    if free is None:
        pytest.skip("the system does not say how much memory is free")
    memory.refuse_beyond_memory("a table", 2**20, "cpu")
    with pytest.raises(
        InputError, match=r"a table needs 1,048,576\.0 GiB of memory, and .* GiB are free: train on fewer"
    ):
        memory.refuse_beyond_memory("a table", 2**50, "cpu")
