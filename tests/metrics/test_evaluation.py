"""One call for codes and vectors: the same numbers from both, chance where nothing is learned, clear refusals."""

import numpy as np
import pytest

from crossbit.codes import Codes, hamming
from crossbit.errors import InputError
from crossbit.metrics import KINDS, Measure, evaluate, ranking
from crossbit.metrics import tally as counting

RANKING = [
    str(Measure(name, None if kind.cut == "none" else 12, ties=ties))
    for name, kind in KINDS.items()
    if kind.family == "ranking"
    for ties in ("expected", "stable", "best", "worst")
]
LOOKUP = ["lookup-precision", "lookup-recall", "lookup-F1", "lookup-empty"]


def problem(seed=0, queries=7, items=60, bits=12, classes=4):
    rng = np.random.default_rng(seed)
    signs = [rng.choice([-1.0, 1.0], (n, bits)) for n in (queries, items)]
    return signs, [rng.random((n, classes)) < 0.3 for n in (queries, items)]


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_signs_score_as_vectors_what_they_score_as_codes(similarity):
    signs, labels = problem()
    codes = evaluate(*map(Codes.from_signs, signs), *labels, RANKING)
    vectors = evaluate(*signs, *labels, RANKING, similarity=similarity)
    for measure in codes.measures:
        assert vectors[measure] == pytest.approx(codes[measure], nan_ok=True), measure


def test_the_compiled_kernel_changes_no_value(monkeypatch):
    signs, labels = problem(items=3000, bits=70, classes=70)
    codes = [Codes.from_signs(part) for part in signs]
    plain = evaluate(*codes, *labels, RANKING + LOOKUP)
    for module in (counting, ranking):
        monkeypatch.setattr(module, "FEW_PAIRS", 0)
    compiled = evaluate(*codes, *labels, RANKING + LOOKUP)
    for measure in plain.measures:
        assert compiled[measure] == pytest.approx(plain[measure], abs=0, rel=0), measure


def test_database_order_decides_stable_ties_and_no_others():
    signs, labels = problem(bits=3)
    order = np.random.default_rng(1).permutation(60)
    shuffled = [signs[0], signs[1][order]], [labels[0], labels[1][order]]
    before, after = (evaluate(*map(Codes.from_signs, s), *ls, RANKING) for s, ls in ((signs, labels), shuffled))
    for measure in before.measures:
        same = before[measure] == pytest.approx(after[measure], nan_ok=True)
        assert same == (measure.ties != "stable"), measure


@pytest.mark.parametrize("measure", [m for m in RANKING if "ties" not in m] + LOOKUP)
def test_random_codes_score_chance(measure):
    """Chance is what all items tied would give; of lookup, the share of items in a ball."""
    rng = np.random.default_rng(5)
    labels = [rng.random((n, 4)) < 0.3 for n in (400, 300)]
    drawn = [Codes.from_bits(rng.random((n, 12)) < 0.5) for n in (400, 300)]
    values = evaluate(*drawn, *labels, [measure])[measure]
    collapsed = Codes.from_bits(np.ones((1, 12), bool))
    same = [Codes.concatenate([collapsed] * n) for n in (400, 300)]
    relevant = (labels[0].astype(int) @ labels[1].T.astype(int) > 0).mean(1)
    ball = sum(hamming(*drawn).ravel() <= 2) / (400 * 300)
    chance = {
        "lookup-precision": np.where(relevant > 0, relevant * (1 - (1 - ball) ** 300), np.nan),
        "lookup-recall": np.where(relevant > 0, ball, np.nan),
        "lookup-empty": np.where(relevant > 0, (1 - ball) ** 300, np.nan),
    }
    if measure == "lookup-F1":
        size = rng.binomial(300, ball, (400, 400))
        hits = rng.binomial(size, relevant[:, None])
        expected = np.where(relevant > 0, (2 * hits / (size + 300 * relevant[:, None]).clip(1)).mean(1), np.nan)
    else:
        expected = chance[measure] if measure in chance else evaluate(*same, *labels, [measure])[measure]
    difference = (values - expected)[~np.isnan(values)]
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(difference))
    assert difference.std() > 0


def test_random_vectors_score_chance():
    rng = np.random.default_rng(0)
    labels = [rng.random((n, 4)) < 0.3 for n in (400, 300)]
    values = evaluate(rng.normal(size=(400, 8)), rng.normal(size=(300, 8)), *labels)["MAP"]
    chance = evaluate(np.ones((400, 8)), np.ones((300, 8)), *labels)["MAP"]
    assert abs(np.nanmean(values - chance)) < 4 * np.nanstd(values - chance) / 20


def test_equal_vectors_are_tied_wherever_they_stand():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(1, 37)), 501, axis=0)
    labels = [np.ones((20, 1), bool), rng.random((501, 1)) < 0.3]
    share = labels[1].mean()
    scores = evaluate(rng.normal(size=(20, 37)), vectors, *labels, ["precision@1"])
    assert scores["precision@1"] == pytest.approx(np.full(20, share))


def test_queries_without_a_relevant_item_are_counted_and_dropped_or_zero():
    codes = Codes.from_signs(np.ones((2, 4)))
    labels = np.array([[True, False], [False, True]]), np.array([[True, False], [True, False]])
    scores = evaluate(codes, codes, *labels, ["MAP", "MAP(unanswerable=zero)"])
    assert scores.unanswerable == 1
    assert scores.means() == {"MAP": 1.0, "MAP(unanswerable=zero)": 0.5}
    assert np.isnan(scores["MAP"][1])


def test_without_any_answerable_query_the_mean_is_undefined():
    codes = Codes.from_signs(np.ones((2, 4)))
    assert np.isnan(evaluate(codes, codes, np.eye(2, dtype=bool)[[0, 0]], np.eye(2, dtype=bool)[[1, 1]]).mean("MAP"))


def test_an_empty_ball_scores_zero_or_is_dropped():
    query, database = Codes.from_signs(np.array([[1.0] * 4, [-1.0] * 4])), Codes.from_signs(np.ones((3, 4)))
    labels = np.ones((2, 1), bool), np.ones((3, 1), bool)
    asked = [
        "lookup-precision(r=1)",
        "lookup-precision(r=1,empty=drop)",
        "lookup-empty(r=1)",
        "lookup-F1(r=1,empty=drop)",
    ]
    assert list(evaluate(query, database, *labels, asked).means().values()) == [0.5, 1.0, 0.5, 1.0]


def test_progress_is_reported():
    signs, labels = problem()
    reports = []

    def log(done, total, values):
        reports.append((done, total))

    for sides in (signs, [Codes.from_signs(part) for part in signs]):
        evaluate(*sides, *labels, ["MAP(ties=stable)"], log=log)
        assert reports.pop() == (7, 7)


CODES, LABELS = Codes.from_signs(np.ones((3, 8))), np.ones((3, 2), bool)
SHORT, NONE = Codes.from_signs(np.ones((3, 7))), Codes(np.zeros((0, 1), np.uint8), 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CODES, SHORT, LABELS, LABELS), "query codes have 8 bits but the database's have 7"),
        ((CODES, CODES, LABELS[:2], LABELS), "the query has 3 items but 2 rows of labels"),
        ((CODES, CODES, LABELS, LABELS[:, :1]), "query labels have 2 classes but the database's have 1"),
        ((CODES, CODES, None, LABELS), "the query has no labels, and relevance is a shared label"),
        ((CODES, CODES, LABELS, None), "the database has no labels"),
        ((NONE, CODES, LABELS[:0], LABELS), "the query is empty; give at least one item"),
        ((CODES, NONE, LABELS, LABELS[:0]), "the database is empty"),
        ((CODES, np.ones((3, 8)), LABELS, LABELS), "must both be codes, or both be vectors"),
        ((np.full((3, 2), np.nan), np.ones((3, 2)), LABELS, LABELS), "3 of 3 query vectors hold NaN or infinity"),
        ((np.ones((3, 2)), np.array([[0, 1], [np.inf, 0], [0, 0]]), LABELS, LABELS), "the first is row 1"),
        ((np.ones((3, 2)), np.ones((3, 4)), LABELS, LABELS), "2 dimensions but the database's have 4"),
        ((CODES, CODES, LABELS, LABELS, ["precision@0"]), "precision@0: the rank to cut at is at least 1"),
        ((CODES, CODES, LABELS, LABELS, ["R@1"]), "R@1 measures instance retrieval"),
        ((np.ones((3, 2)), np.ones((3, 2)), LABELS, LABELS, ["lookup-recall"]), "real-valued vectors have none"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(*arguments)


def test_a_measure_that_was_not_evaluated_is_named():
    with pytest.raises(InputError, match="MRR was not evaluated; there are MAP"):
        evaluate(CODES, CODES, LABELS, LABELS)["MRR"]
