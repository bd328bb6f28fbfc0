"""Instance retrieval: any number of captions, chance for a collapsed model, folds, refusals."""

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.errors import InputError
from crossbit.metrics.instance import (
    MEASURES,
    evaluate_instances,
    evaluate_pairs,
    first_match,
    in_folds,
    over_folds,
)

OWNER = np.array([2, 0, 0, 1, 2, 2, 0])  # 3, 1 and 3 captions of three images, in any order


def test_a_perfect_model_is_perfect_with_any_number_of_captions_in_any_order():
    scores = evaluate_pairs(np.eye(3), np.eye(3)[OWNER], np.arange(3), OWNER)
    assert scores.rsum == 600
    assert scores.text_to_image.mean("median-rank") == 1


@pytest.mark.parametrize("collapsed", [np.ones((50, 4)), np.zeros((50, 4))])
@pytest.mark.parametrize("kind", ["codes", "cosine", "dot"])
def test_a_collapsed_model_scores_chance(collapsed, kind):
    sides = [collapsed, collapsed[:10]]
    if kind == "codes":
        sides = [Codes.from_signs(side) for side in sides]
    items = np.repeat(np.arange(10), 5), np.arange(10)
    similarity = "dot" if kind == "dot" else "cosine"
    means = evaluate_instances(*sides, *items, similarity=similarity).means()
    assert list(means.values()) == pytest.approx([0.1, 0.5, 1.0, 5, 5.5])
    worst = evaluate_instances(*sides, *items, ["R@1(ties=worst)", "R@5(ties=worst)"], similarity=similarity)
    assert list(worst.means().values()) == [0, 0]
    back = evaluate_instances(*reversed(sides), *reversed(items), ["R@1", "mean-rank"], similarity=similarity).means()
    assert list(back.values()) == pytest.approx([0.1, 51 / 6])


@pytest.mark.parametrize("measure", ["R@1", "R@5", "R@10", "mean-rank"])
def test_a_random_model_scores_chance(measure, rng):
    items = np.arange(300), np.repeat(np.arange(300), 2)
    for sides in (
        [rng.normal(size=(n, 6)) for n in (300, 600)],
        [Codes.from_bits(rng.random((n, 9)) < 0.5) for n in (300, 600)],
    ):
        values = evaluate_instances(*sides, *items, [measure])[measure]
        k = measure.partition("@")[2]
        chance = 1 - np.prod([(598 - i) / (600 - i) for i in range(int(k))]) if k else 601 / 3
        assert abs(values.mean() - chance) < 4 * values.std() / np.sqrt(300)


def test_codes_and_their_signs_score_alike(rng):
    signs = [rng.choice([-1.0, 1.0], (n, 8)) for n in (3, 7)]
    for measure in MEASURES:
        found = [
            evaluate_instances(*sides, np.arange(3), OWNER, [measure])[measure]
            for sides in (signs, [Codes.from_signs(part) for part in signs])
        ]
        assert found[0] == pytest.approx(found[1])


def test_coco_folds_are_galleries_of_their_own(rng):
    images, owner = rng.normal(size=(20, 5)), np.repeat(np.arange(20), 5)
    texts = images[owner] + 2 * rng.normal(size=(100, 5))
    folds = [
        evaluate_pairs(images[i], texts[t], np.arange(20)[i], owner[t]) for i, t in in_folds(np.arange(20), owner, 4)
    ]
    assert len(folds) == 5
    assert all((f.image_to_text.queries, f.text_to_image.queries) == (4, 20) for f in folds)
    values = over_folds([fold.text_to_image for fold in folds], "R@1")
    whole = evaluate_pairs(images, texts, np.arange(20), owner).text_to_image
    assert values.mean() == pytest.approx(np.mean([fold.text_to_image.mean("R@1") for fold in folds]))
    assert values.mean() > whole.mean("R@1")


def test_folds_of_any_size_weigh_the_same():
    sides = [(np.eye(1), np.ones((1, 1))), (np.eye(3), np.eye(3)[[1, 2, 0]])]
    folds = [
        evaluate_instances(*side, np.arange(n), np.arange(n), ["R@1"]) for side, n in zip(sides, (1, 3), strict=True)
    ]
    assert over_folds(folds, "R@1").tolist() == [2, 0, 0, 0]
    assert over_folds(folds[1:], "R@1").tolist() == [0, 0, 0]


def test_five_thousand_images_divide_into_five_folds_of_a_thousand():
    owner = np.repeat(np.arange(5000), 5)
    sizes = [(len(i), len(t)) for i, t in in_folds(np.arange(5000), owner)]
    assert sizes == [(1000, 5000)] * 5


def test_scores_of_any_model_are_taken_as_a_matrix():
    first = first_match(np.array([[0.9, 0.5, 0.9, 0.1]]), np.array([1]), np.array([0, 1, 2, 1]))
    assert first.rank("expected").tolist() == [3]


EYE = np.eye(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: first_match(np.array([[0.0], [np.nan]]), np.zeros(2, int), np.zeros(1, int)),
            "1 of 2 queries have NaN",
        ),
        (lambda: evaluate_instances(EYE, EYE * np.nan, np.arange(3), np.arange(3)), "3 of 3 database vectors hold NaN"),
        (lambda: evaluate_instances(EYE, EYE, np.arange(3), np.arange(2)), "database has 3 rows but 2 item numbers"),
        (lambda: evaluate_instances(EYE, EYE, np.arange(3), np.ones(3, int)), "2 queries have no match .* of item 0"),
        (lambda: evaluate_instances(EYE, EYE, np.arange(3), np.arange(3), ["MAP"]), "MAP needs labels: use evaluate"),
        (lambda: evaluate_instances(EYE[:0], EYE, np.arange(0), np.arange(3)), "the query is empty"),
        (lambda: list(in_folds(np.arange(7), np.arange(7), 2)), "7 images do not divide into folds of 2"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
