"""Our measures under each paper's convention equal that convention, derived anew, on thousands of random queries."""

import numpy as np
import pytest

from crossbit.codes import Codes, hamming
from crossbit.metrics import evaluate
from crossbit.metrics.conventions import CONVENTIONS
from crossbit.metrics.curves import radius_curve
from crossbit.metrics.instance import evaluate_pairs
from reference import published

CASES = range(400)  # of up to eight queries each


def problem(seed):
    rng = np.random.default_rng(seed)
    bits, classes, queries, items = rng.integers([2, 1, 2, 5], [24, 8, 9, 130])
    signs = [rng.choice([-1.0, 1.0], (n, bits), p=[0.35, 0.65]) for n in (queries, items)]
    labels = [rng.random((n, classes)) < rng.uniform(0.1, 0.6) for n in (queries, items)]
    return signs, labels


def solved(seed, *measures):
    signs, labels = problem(seed)
    lists = published.ranked(*signs, *(part.astype(int) for part in labels))
    return lists, evaluate(*map(Codes.from_signs, signs), *labels, measures)


PUBLISHED = {
    "dcmh": published.whole_list_map,
    "djsrh": lambda lists: published.top_map(lists, 50),
    "cfrh-5000": lambda lists: published.top_map(lists, 5000),
    "calc-map-k-50": lambda lists: published.map_of_first_relevant(lists, 50),
    "twdh": lambda lists: published.map_of_first_relevant(lists, 5000),
    "ucch": published.answerable_map,
    "acmr": lambda lists: published.top_map([hits for hits in lists if hits.any()], 50),
    "good-query-10": lambda lists: published.answerable_map(lists, phantoms=10),
    "ir": lambda lists: published.standard_map(lists, 50),
}


def test_every_convention_is_derived_here():
    assert set(CONVENTIONS) == {*PUBLISHED, "crossbit", "lookup-2"}


def test_each_convention_is_what_its_code_computes():
    seen = 0
    for seed in CASES:
        lists, scores = solved(seed, *(CONVENTIONS[name].measure for name in PUBLISHED))
        if any(hits.any() for hits in lists):
            ours = [CONVENTIONS[name].value(scores) for name in PUBLISHED]
            assert ours == pytest.approx([plain(lists) for plain in PUBLISHED.values()], abs=1e-12)
            seen += len(lists)
    assert seen > 1500


def test_every_cut_is_where_its_code_makes_it():
    options = "ties=stable,unanswerable=zero"
    for seed in CASES:
        k = 1 + seed % 40
        names = [f"MAP@{k}(over={over},{options})" for over in ("hits", "first", "relevant")]
        lists, scores = solved(seed, *names, f"precision@{k}({options})")
        plain = [published.top_map, published.map_of_first_relevant, published.standard_map, published.top_precision]
        assert list(scores.means().values()) == pytest.approx([function(lists, k) for function in plain], abs=1e-12)


def test_graded_measures_are_what_the_papers_define():
    for seed in CASES:
        (q, d), (a, b) = problem(seed)
        scores = evaluate(
            Codes.from_signs(q), Codes.from_signs(d), a, b, ["WAP@9(over=hits,ties=stable)", "NDCG@9(ties=stable)"]
        )
        for i, (wap, gain) in enumerate(zip(*(scores[m] for m in scores.measures), strict=True)):
            order = np.argsort(-(d @ q[i]), kind="stable")
            grades = (b.astype(int) @ a[i].astype(int))[order]
            if grades.any():
                assert wap == pytest.approx(published.weighted_average_precision(grades, 9), abs=1e-12)
                assert gain == pytest.approx(published.ndcg(grades, 9), abs=1e-12)


def test_lookup_is_what_the_code_computes():
    for seed in CASES:
        signs, labels = problem(seed)
        codes = [Codes.from_signs(part) for part in signs]
        distance, relevant = hamming(*codes), labels[0].astype(int) @ labels[1].T.astype(int) > 0
        if not relevant.any():
            continue
        value = CONVENTIONS["lookup-2"].value(evaluate(*codes, *labels, [CONVENTIONS["lookup-2"].measure]))
        assert value == pytest.approx(published.precision_within(distance, relevant, 2), abs=1e-12)
        bits = codes[0].bits
        for average, plain in (("pooled", published.pooled_radius), ("hitless", published.hitless_radius)):
            curve = radius_curve(*codes, tuple(labels), average=average, unanswerable="zero")
            points = np.stack([curve.precision, curve.recall], axis=1)
            np.testing.assert_allclose(points, plain(distance, relevant, bits), atol=1e-12)


def test_pessimistic_caption_ranks_are_those_of_the_literature():
    measures = [f"{name}(ties=worst)" for name in ("R@1", "R@5", "R@10", "median-rank", "mean-rank")]
    for seed in CASES:
        rng = np.random.default_rng(seed)
        images, texts = rng.integers([2, 0], [9, 30])
        owner = np.concatenate([np.arange(images), rng.integers(0, images, texts)])
        image, text = (rng.integers(-1, 2, (n, 3)).astype(float) for n in (images, len(owner)))
        scores = evaluate_pairs(image, text, np.arange(images), owner, measures, similarity="dot")
        ranks = published.caption_ranks(image @ text.T, owner)
        for side, plain in zip((scores.image_to_text, scores.text_to_image), ranks, strict=True):
            assert list(side.means().values()) == pytest.approx(published.recall_and_ranks(plain))
        recalls = [r for plain in ranks for r in published.recall_and_ranks(plain)[:3]]
        assert scores.rsum == pytest.approx(100 * sum(recalls))
