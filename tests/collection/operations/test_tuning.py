"""Tuning, calibration, near-duplicates: against what they are defined by."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

import crossbit.collection.operations.duplicates
from crossbit import fit
from crossbit.codes import Codes, hamming
from crossbit.collection import Collection, Item, Raw, Settings
from crossbit.collection import text as words
from crossbit.collection.operations.calibrate import calibrate, calibration_error
from crossbit.collection.operations.duplicates import duplicates, grouped
from crossbit.collection.operations.held_out import Trained, held_out
from crossbit.collection.operations.tune import tune
from crossbit.collection.search.relevance import Calibration
from crossbit.collection.storage.batch import EncodedBatch
from crossbit.collection.storage.reads import items_of
from crossbit.errors import InputError


@pytest.fixture
def many(model, tmp_path):
    """Return 600 items around 12 centres, both sides of an item near each other."""
    rng = np.random.default_rng(0)
    kind = rng.integers(12, size=600)
    centres = rng.normal(size=(12, 16))
    values = {m: centres[kind] + 0.7 * rng.normal(size=(600, 16)) for m in ("image", "text")}
    items = [Item(f"{row}", (), None, {"kind": int(kind[row])}) for row in range(600)]
    has = dict.fromkeys(values, np.ones(600, bool))
    with Collection.create(tmp_path / "many", model, vectors=True) as made:
        made.put(EncodedBatch.encoded(items, values, has))
        yield made


def test_tuning_takes_the_cheapest_that_reaches_the_recall_and_keeps_it(many):
    chosen, trials = tune(many, 0.9)
    assert chosen.recall >= 0.9
    assert chosen.milliseconds == min(trial.milliseconds for trial in trials if trial.recall >= 0.9)
    by_settings = {trial.settings: trial.recall for trial in trials}
    assert by_settings[Settings("flat", 64, 600, True)] > 0.99
    assert by_settings[Settings("flat", 64, 0, False)] < by_settings[Settings("flat", 64, 200, True)]
    with Collection(many.folder) as again:
        assert again.settings == chosen.settings


def test_what_cannot_be_tuned_says_why(many, model, tmp_path):
    with pytest.raises(InputError, match="a recall lies above 0 and up to 1, not 95"):
        tune(many, 95)
    with Collection.create(tmp_path / "bare", model) as bare, pytest.raises(InputError, match="stores no vectors"):
        tune(bare, 0.9)
    with (
        Collection.create(tmp_path / "empty", model, vectors=True) as empty,
        pytest.raises(InputError, match="was not trained on 0 images and 0 texts, and 10 are needed"),
    ):
        tune(empty, 0.9)


def test_probabilities_are_what_they_say(many):
    results = {result.direction: result for result in calibrate(many, "kind")}
    assert results.keys() == {"image->image", "image->text", "text->image", "text->text"}
    result = results["text->image"]
    assert result.queries == 300
    assert result.error < 0.06
    assert result.brier < 0.2
    assert list(result.risks) == sorted(result.risks, reverse=True)
    assert result.risk_answered <= result.risks[0]


def test_a_calibrated_search_tells_how_sure_it_is(shelf, many):
    plain = shelf.search(words("a red circle"))
    assert plain.doubtful is None
    assert {hit.probability for hit in plain.hits} == {None}
    weights = {"weights": [-2.0, 8.0, 0.0], "rescored": True}
    shelf.configure("calibration", {"text->image": weights})
    found = shelf.search(words("a red circle"))
    expected = [1 / (1 + np.exp(2 - 8 * hit.score)) for hit in found.hits]
    assert [hit.probability for hit in found.hits] == pytest.approx(expected)
    assert found.doubtful == (expected[0] < 0.5)
    assert shelf.search(words("a red circle"), where="year > 3000").doubtful is True
    assert shelf.search(words("a red circle"), settings=Settings(rescore=False)).doubtful is None
    assert shelf.search(words("a red circle"), target="text").doubtful is None


def test_the_fit_finds_the_weights_that_made_the_data(rng):
    features = rng.normal(size=(20_000, 2))
    p = 1 / (1 + np.exp(-(-1 + 2 * features[:, 0] - 0.5 * features[:, 1])))
    fitted = Calibration.fit(features, rng.random(20_000) < p, rescored=True)
    assert fitted.weights == pytest.approx((-1, 2, -0.5), abs=0.1)
    assert calibration_error(p, rng.random(20_000) < p) < 0.02
    assert calibration_error(np.full(100, 0.9), np.zeros(100, bool)) == pytest.approx(0.9)


def test_what_cannot_be_calibrated_says_why(many):
    with pytest.raises(InputError, match="nothing can be calibrated"):
        calibrate(many, "nothing")


def test_duplicates_are_chains_of_near_codes(shelf):
    codes = shelf.snapshot().sides["image"].codes
    near = hamming(codes, codes) <= 2
    reach = near
    for _ in range(8):
        reach = reach @ reach
    groups = {tuple(sorted(shelf.ids()[i] for i in np.flatnonzero(row))) for row in reach if row.sum() > 1}
    found = duplicates(shelf, 2)
    assert {tuple(sorted(group)) for group in found} == groups
    assert [len(group) for group in found] == sorted((len(group) for group in groups), reverse=True)


def test_equal_codes_need_no_comparison():
    codes = Codes.from_bits(np.array([[0, 1], [1, 1], [0, 1], [0, 0]], bool))
    assert len({*grouped(codes, 0).tolist()}) == 3
    assert len({*grouped(codes, 1).tolist()}) == 1


@pytest.mark.parametrize("bits", [8, 20, 64, 200])
@pytest.mark.parametrize("radius", [1, 3, 9])
@pytest.mark.parametrize("way", ["sharing", "scan"])
def test_groups_are_the_components_of_the_graph_of_near_codes(rng, monkeypatch, bits, radius, way):
    if way == "sharing":
        monkeypatch.setattr(crossbit.collection.operations.duplicates, "_DEARER", 0)
    else:
        monkeypatch.setattr(crossbit.collection.operations.duplicates, "SHARED", -1)
    centres = rng.random((60, bits)) < 0.5
    codes = Codes.from_bits(centres[rng.integers(60, size=300)] ^ (rng.random((300, bits)) < 0.6 * radius / bits))
    right = connected_components(hamming(codes, codes) <= radius)[1]
    found = grouped(codes, radius)
    assert len(set(zip(right.tolist(), found.tolist(), strict=True))) == len({*right}) == len({*found.tolist()})


def test_too_many_comparisons_are_refused(monkeypatch):
    monkeypatch.setattr(crossbit.collection.operations.duplicates, "SCANNED", 3)
    monkeypatch.setattr(crossbit.collection.operations.duplicates, "SHARED", 0)
    codes = Codes.from_bits(np.array([[0, 1], [1, 1], [0, 0]], bool))
    with pytest.raises(InputError, match=r"3 different codes are too many .* within 1 bits; use a smaller radius"):
        grouped(codes, 1)


@pytest.fixture
def trained_folder(tiny_scenes, tmp_path):
    """Return a collection made of the folder that its model was fitted on, and of one with fifteen more pictures."""
    model = fit("cca(ridge=0.1)+itq", tiny_scenes, 16, features={"image": "hog|pca16"})
    train = tiny_scenes.rows(tiny_scenes.split.train).tolist()
    others = [row for row in range(len(tiny_scenes)) if row not in train]
    with Collection.create(tmp_path / "shelf", model, vectors=True) as made:
        for name, rows in (("old", train), ("new", others[:15])):
            raws = [Raw(f"{name} {row}", tiny_scenes.images[row], tiny_scenes.texts[row][:1]) for row in rows]
            made.add(raws, source=name)
        yield made


def test_held_out_are_contents_that_trained_nothing_whatever_their_ids(trained_folder, tiny_scenes):
    shelf = trained_folder
    trained = Trained.of(shelf)
    with shelf.view() as (connection, snapshot):
        queries = held_out(trained, connection, snapshot, "image", 100)
        items = items_of(connection, [query.number for query in queries])
    assert {item.source for item in items.values()} == {"new"}
    assert 10 <= len(items) <= 15
    copy = Raw("a copy", None, tiny_scenes.texts[tiny_scenes.rows(tiny_scenes.split.train)[0]][:1])
    assert trained.has(copy.item())
    assert not trained.has(Raw("other", None, "no such text").item())


def test_too_few_queries_are_refused_with_their_number(trained_folder, tiny_scenes):
    shelf = trained_folder
    with pytest.raises(InputError, match=r"was not trained on \d+ images and \d+ texts, and 20 are needed to measure"):
        calibrate(shelf)
    shelf.remove([id_ for id_ in shelf.ids() if id_.startswith("new")])
    with pytest.raises(InputError, match=r"not trained on 0 images and 0 texts, and 10 are needed .*: add items that"):
        tune(shelf, 0.5)


def test_pictures_without_texts_are_tuned_by_pictures(many):
    many.remove(many.ids())
    rng = np.random.default_rng(0)
    values = dict.fromkeys(("image", "text"), rng.normal(size=(60, 16)))
    has = {"image": np.ones(60, bool), "text": np.zeros(60, bool)}
    many.put(EncodedBatch.encoded([Item(f"{row}") for row in range(60)], values, has))
    assert tune(many, 0.5)[0].recall >= 0.5


def test_a_calibration_says_what_its_probability_means(many, caplog):
    caplog.set_level("INFO")
    calibrate(many)
    assert "is that a hit is the other side of the query's own item" in caplog.text
    assert "600 images of 600 items are queries: the model was not trained on them" in caplog.text
    assert "does not record the contents that trained it: items are compared with it by their ids" in caplog.text
    many.update(many.ids(), metadata={"labels": ["a"]})
    many.update(many.ids("kind > 5"), metadata={"labels": ["b"]})
    caplog.clear()
    assert len(calibrate(many)) == 4
    assert "shares a value of 'labels' with the query" in caplog.text
    assert len(calibrate(many, "id")) == 2
