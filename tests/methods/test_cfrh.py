"""CFRH: its target and its terms against plain numpy, and what each choice changes."""

import numpy as np
import pytest
import torch

from crossbit.methods.cfrh import CFRH
from crossbit.training.run import Training

F_I = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
F_T = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
H_I = torch.tensor([[0.9, -0.5], [0.1, 0.8], [-0.7, -0.2]])
H_T = torch.tensor([[0.4, -0.9], [0.3, 0.2], [-0.6, 0.5]])


def rn(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cos(a, b):
    return rn(np.asarray(a)) @ rn(np.asarray(b)).T


def test_the_target_is_fused_from_three_similarities():
    target = CFRH(beta=0.5, gamma=0.2, eta=0.3, mu=1.4).target(F_I, F_T)
    S_I, S_T = 2 * cos(F_I, F_I) - 1, 2 * cos(F_T, F_T) - 1
    C = rn(S_I) @ rn(S_T).T
    assert target.S_I.numpy() == pytest.approx(S_I, abs=1e-6)
    assert target.S_T.numpy() == pytest.approx(S_T, abs=1e-6)
    assert target.S_C.numpy() == pytest.approx((C + C.T) / 2, abs=1e-6)
    assert target.S.numpy() == pytest.approx(1.4 * (0.5 * S_I + 0.2 * S_T + 0.3 * (C + C.T) / 2), abs=1e-6)


def test_the_other_form_of_fusion_is_the_normed_product():
    target = CFRH(fusion="product").target(F_I, F_T)
    assert target.S_C.numpy() == pytest.approx(rn(target.S_I.numpy() @ target.S_T.numpy()), abs=1e-6)


def test_a_sign_counts_any_shared_word_as_alike():
    assert CFRH(text_similarity="sign").target(F_I, F_T).S_T.tolist() == [[1, -1, -1], [-1, 1, 1], [-1, 1, 1]]


def test_the_terms_rebuild_the_target_within_and_across_and_pull_pairs_together():
    S = CFRH().target(F_I, F_T).S
    terms = CFRH().reconstruction(H_I, H_T, S)
    II, TT, IT = cos(H_I, H_I), cos(H_T, H_T), cos(H_I, H_T)
    target = S.numpy()
    intra = ((II - target) ** 2).mean() + ((TT - target) ** 2).mean()
    cross = ((IT - target) ** 2).mean() + ((IT.T - target) ** 2).mean() - np.diag(IT).mean()
    assert float(terms["L_intra"]) == pytest.approx(intra, abs=1e-6)
    assert float(terms["L_cross"]) == pytest.approx(cross, abs=1e-6)
    assert float(CFRH(delta=0.1, phi=2.0).objective(terms)) == pytest.approx(0.1 * intra + 2 * cross, abs=1e-6)


@pytest.mark.parametrize(
    "change", [{"alpha": "one"}, {"lam": 0.0}, {"delta": 0.0}, {"eta": 0.0}, {"fusion": "product"}]
)
def test_every_switch_of_the_ablation_changes_the_codes(change, toy):
    small = {"hidden": 8, "decoder_hidden": 8, "epochs": 2}
    whole, part = (CFRH(**small, **more).fit(toy.train, 8) for more in ({}, change))
    assert (whole.embed(toy.query.image, "image") != part.embed(toy.query.image, "image")).any()


def test_the_log_holds_every_term_and_the_statistics_of_every_similarity(toy):
    reports = []

    def log(done, total, values):
        reports.append((done, total, {*values}))

    CFRH(hidden=4, decoder_hidden=4, epochs=2).fit(toy.train, 4, training=Training(log=log))
    similarities = {f"{what}_{S}" for what in ("mean", "sd") for S in ("S", "S_I", "S_T", "S_C")}
    assert [report[:2] for report in reports] == [(1, 2), (2, 2)]
    assert reports[-1][2] == {"loss", "L_intra", "L_cross", "L_ae"} | similarities
