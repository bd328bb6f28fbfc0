"""Comparisons: every run counted once, an interrupted one goes on, and the table says what it averages."""

import json
from dataclasses import replace

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.errors import InputError
from crossbit.evaluation.comparison import Ledger, Result, Run, chance_levels, compare, page, setting, table
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure, evaluate

MAP = Measure("MAP")


def runs(*texts, bits=(8,), seeds=1):
    return [Run(Recipe.parse(text), length, seed) for text in texts for length in bits for seed in range(seeds)]


def test_scores_come_in_both_directions(toy):
    results = list(compare(runs("cca(ridge=0.01)+itq"), toy, [MAP], Ledger(None, "toy")))
    assert [result.task for result in results] == ["image->text", "text->image"]
    assert all(result.value > chance_levels(toy, [MAP])[result.task]["MAP"] + 0.2 for result in results)


def test_chance_is_what_random_codes_score(toy, rng):
    measures = [MAP, Measure("recall", 20), Measure("NDCG", 10), Measure("MAP", 10, over="hits", ties="stable")]
    levels = chance_levels(toy, [*measures, Measure("lookup-recall", r=1)])["image->text"]
    assert set(levels) == set(map(str, measures))
    labels = toy.query.labels, toy.database.labels
    random = [
        evaluate(*(Codes.from_bits(rng.random((len(side), 64)) < 0.5) for side in labels), *labels, measures)
        for _ in range(60)
    ]
    for measure in measures:
        drawn = [scores.mean(measure) for scores in random]
        error = np.std(drawn) / np.sqrt(len(drawn))
        assert error < 0.01
        assert abs(np.mean(drawn) - levels[str(measure)]) < 4 * error


def test_an_interrupted_comparison_goes_on(toy, tmp_path, monkeypatch):
    path = tmp_path / "ledger.jsonl"
    both = runs("cca+itq", "scm")
    list(compare(both[:1], toy, [MAP], Ledger(path, "toy")))
    path.write_text(path.read_text() + '{"setting": "toy", "run": "scm {"')  # the crash

    fitted = []
    fit = Recipe.fit
    monkeypatch.setattr(Recipe, "fit", lambda self, *args, **kw: fitted.append(self.name) or fit(self, *args, **kw))
    first = list(compare(both, toy, [MAP], Ledger(path, "toy")))
    assert fitted == ["scm"]
    assert list(compare(both, toy, [MAP], Ledger(path, "toy"))) == first
    assert fitted == ["scm"]


def test_another_setting_parameter_or_measure_is_another_run(toy, tmp_path):
    path = tmp_path / "ledger.jsonl"
    list(compare(runs("cca+itq"), toy, [MAP], Ledger(path, "toy")))
    (run,) = runs("cca+itq")
    assert Ledger(path, "toy").find(run, [MAP])
    assert Ledger(path, "other").find(run, [MAP]) is None
    assert Ledger(path, "toy").find(runs("cca(ridge=2)+itq")[0], [MAP]) is None
    assert Ledger(path, "toy").find(run, [MAP, Measure("precision", 10)]) is None


def test_a_setting_tells_other_data_apart(toy):
    specs: dict = {"image": "precomputed", "text": "precomputed"}
    shifted = replace(toy, query=replace(toy.query, image=toy.query.image + 1))
    relabelled = replace(toy, database=replace(toy.database, labels=~toy.database.labels))
    settings = [setting(specs, "join", data, fold) for data in (toy, shifted, relabelled) for fold in (None, 1000)]
    assert len(set(settings)) == 6
    assert setting(specs, "join", replace(toy)) == settings[0]


def test_an_impossible_run_is_named_and_the_others_go_on(toy):
    outcomes = list(compare(runs("cca+sign", "cca+itq", bits=(64,)), toy, [MAP], Ledger(None, "toy")))
    assert isinstance(outcomes[0], InputError)
    assert "cca+sign at 64 bits: 'sign' keeps one bit per dimension" in str(outcomes[0])
    assert len(outcomes) == 3


def test_a_ledger_is_lines_of_json(toy, tmp_path):
    path = tmp_path / "deep" / "ledger.jsonl"
    list(compare(runs("cca+itq"), toy, [MAP], Ledger(path, "toy")))
    lines = [json.loads(line) for line in path.read_text().split("\n") if line]
    assert [set(line) for line in lines] == [{"setting", "run", "results"}]


def test_the_table_has_mean_and_deviation_over_seeds_and_chance():
    results = [Result("m", 16, seed, "image->text", "MAP", value) for seed, value in enumerate((0.4, 0.6))]
    results.append(Result("m", 32, 0, "image->text", "MAP", 0.5))
    rows = table(results, "MAP", {"image->text": {"MAP": 0.1}})
    assert rows == [
        {"task": "image->text", "method": "m", "16": "0.5000 ±0.1414", "32": "0.5000"},
        {"task": "image->text", "method": "chance", "16": "0.1000", "32": "0.1000"},
    ]


@pytest.mark.parametrize("measure", ["precision@10", "NDCG@5"])
def test_other_measures_are_scored_too(toy, measure):
    results = list(compare(runs("scm"), toy, [Measure.parse(measure)], Ledger(None, "toy")))
    assert {result.measure for result in results} == {measure}
    assert all(0 < result.value <= 1 for result in results)


def test_a_result_knows_the_bytes_of_an_item(toy):
    results = list(compare(runs("cca(ridge=0.01)", "cca(ridge=0.01)+itq"), toy, [MAP], Ledger(None, "toy")))
    assert [result.bytes_per_item for result in results] == [8 * 4, 8 * 4, 1, 1]


def test_a_space_of_given_dimensions_is_fitted_once_for_all_its_codes(toy, monkeypatch):
    fitted, space = [], Recipe.space
    monkeypatch.setattr(Recipe, "space", lambda self, *a, **kw: fitted.append(self.name) or space(self, *a, **kw))
    several = runs("cca@6", "cca@6+itq", "cca@6+sign", bits=(4, 6), seeds=2)
    outcomes = list(compare(several, toy, [MAP], Ledger(None, "toy")))
    assert fitted == ["cca@6"] * 2
    assert sum(isinstance(outcome, InputError) for outcome in outcomes) == 2  # cca@6+sign has 6 bits and no 4
    rows = page([each for each in outcomes if isinstance(each, Result)], ["MAP"])["image->text"]
    assert [(row["method"], row["space"], row["bytes"]) for row in rows] == [
        ("cca@6", "6 floats", 24),
        ("cca@6+itq", "4 bits", 1),
        ("cca@6+itq", "6 bits", 1),
        ("cca@6+sign", "6 bits", 1),
    ]


def test_the_page_has_all_measures_of_a_method_in_one_row():
    def results(bits, seed, size, *values):
        names = [(task, k) for task in ("image->text", "text->image") for k in ("R@1", "R@5", "R@10", "MAP")]
        return [Result("m", bits, seed, *name, value, size) for name, value in zip(names, values, strict=True)]

    floats = [0.1, 0.2, 0.3, 0.9, 0.2, 0.3, 0.4, 0.8]
    known = [*results(16, 0, 512, *floats), *results(32, 0, 512, *floats), *results(16, 0, 2, *[0.1] * 8)]
    known += results(16, 1, 2, *[0.2] * 8)
    levels = {task: {"R@1": 0.01, "R@5": 0.05, "R@10": 0.1, "MAP": 0.5} for task in ("image->text", "text->image")}
    tables = page(known, ["R@1", "R@5", "R@10", "MAP"], levels)
    there, back = tables["image->text"], tables["text->image"]
    assert [(row["method"], row["space"], row["bytes"], row["rsum"]) for row in there] == [
        ("m", "128 floats", 512, "150.0"),
        ("m", "16 bits", 2, "90.0 ±42.4"),
        ("chance", "", "", "32.0"),
    ]
    assert (there[0]["MAP"], back[0]["MAP"], back[0]["R@5"]) == ("0.9000", "0.8000", "30.0")
    assert (back[1]["R@5"], back[1]["MAP"]) == ("15.0 ±7.1", "0.1500 ±0.0707")
    assert "rsum" not in page(known, ["R@1", "MAP"])["image->text"][0]
