"""`crossbit evaluate MODEL`: intervals, cost beside quality, and the difference from another model."""

import json

import pytest

from crossbit.data.splits import Split
from crossbit.evaluation.scoring import score, searches
from crossbit.evaluation.setup import Setup
from crossbit.features import featurise
from crossbit.metrics import parse_all
from crossbit.metrics.cost import lookup_cost
from crossbit.metrics.significance import bootstrap, permutation_test
from crossbit.models.bundle import Bundle

SCENES = "scenes(train=40,database=40,query=10)"
MAP = parse_all(["MAP"])


@pytest.fixture
def models(tmp_path, crossbit_cli, monkeypatch):
    """Return the folders of a model in Hamming space and of one in a real-valued space."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folders = {recipe: tmp_path / recipe for recipe in ("cca+itq", "cca")}
    for recipe, folder in folders.items():
        assert crossbit_cli("fit", recipe, "-d", SCENES, "-b", 16, "-o", folder)[0] == 0
    return tuple(folders.values())


def found_by(folder):
    """Return the searches and the scores of a saved model, without the command line."""
    bundle = Bundle.load(folder)
    data = featurise(Setup(SCENES).corpus(), bundle.pipelines["image"], bundle.pipelines["text"]).dataset
    return searches(bundle.encoder.represent, data)[0], score(bundle.encoder, data, MAP)


def test_interval_cost_and_difference_are_those_of_the_metrics(crossbit_cli, models):
    words = ("evaluate", models[0], "-d", SCENES, "-m", "MAP", "--against", models[1], "--json")
    status, out, err = crossbit_cli(*words)
    assert status == 0, err
    (search, ours), (_, theirs) = map(found_by, models)
    for row in json.loads(out):
        task = row["task"]
        interval = bootstrap(ours[task]["MAP"])
        assert (row["value"], row["low"], row["high"]) == pytest.approx(interval)
        assert row["against"] == pytest.approx(theirs[task].mean("MAP"))
        assert (row["difference"], row["p"]) == pytest.approx(permutation_test(ours[task]["MAP"], theirs[task]["MAP"]))
        assert (row["bytes_per_item"], row["distances"]) == (2, 40)
        assert row["items_within_2"] == lookup_cost(search[task].query, search[task].database, 2).mean_items


def test_real_valued_vectors_cost_four_bytes_a_dimension(crossbit_cli, models):
    (row, _) = json.loads(crossbit_cli("evaluate", models[1], "-d", SCENES, "-m", "MAP", "--json")[1])
    assert (row["bytes_per_item"], row["distances"], row["items_within_2"]) == (64, 40, None)
    assert row.keys().isdisjoint({"against", "difference", "p"})


def test_tables_for_people(crossbit_cli, models):
    words = ("evaluate", models[0], "-d", SCENES, "--against", models[1])
    quality, difference = crossbit_cli(*words)[1].split(f"against {models[1]}\n")
    assert "value   95 %          bytes   scanned   within 2" in quality
    assert "value   against   difference        p" in difference


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--conventions", "ucch"], "--against needs a measure, and --conventions names none: add --measure"),
        (["-m", "lookup-precision"], "counts within a Hamming radius, and real-valued vectors have none"),
    ],
)
def test_what_cannot_be_compared_is_refused(crossbit_cli, models, words, message):
    status, out, err = crossbit_cli("evaluate", models[0], "-d", SCENES, "--against", models[1], *words)
    assert (status, out) == (2, "")
    assert message in err


def test_neither_model_may_have_learned_from_the_queries(crossbit_cli, models, tmp_path):
    split = Setup(SCENES).corpus().split
    Split("swapped", split.train[10:], split.train[:10], split.train[10:]).save(tmp_path / "split.json")
    swapped = ("-d", SCENES, "--split", tmp_path / "split.json")
    clean = tmp_path / "clean"
    assert crossbit_cli("fit", "cca+itq", *swapped, "-b", 16, "-o", clean)[0] == 0
    assert crossbit_cli("evaluate", clean, *swapped, "--against", clean)[0] == 0
    for one, other in ((models[0], clean), (clean, models[0])):
        status, out, err = crossbit_cli("evaluate", one, *swapped, "--against", other)
        assert (status, out) == (2, "")
        assert "10 of the 10 queries of split 'swapped' were in this model's training part" in err
