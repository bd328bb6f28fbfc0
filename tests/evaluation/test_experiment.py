"""Experiments: files are read strictly, and every number is compared with the published one."""

from pathlib import Path

import pytest

from crossbit.errors import InputError
from crossbit.evaluation.experiment import Experiment
from crossbit.evaluation.setup import Setup

FILE = """
method = "cca"
dataset = "scenes(train=30,database=40,query=20)"
measure = "precision@5"
where = "nowhere"
ok = 1.0
[parameters]
ridge = 1.0
power = 1.0
[features]
image = "hog|pca16"
[published]
8 = { "image->text" = 0.5, "text->image" = 0.5 }
"""


def written(tmp_path, text):
    path = tmp_path / "x.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(Path("experiments").rglob("*.toml")), ids=str)
def test_every_experiment_file_is_valid_and_says_where_its_numbers_are_from(path):
    experiment = Experiment.load(path)
    assert experiment.published
    assert len(experiment.where) > 20
    assert 0 < experiment.ok <= experiment.near


def test_an_experiment_runs(tmp_path):
    rows = list(Experiment.load(written(tmp_path, FILE)).run())
    assert [(row.task, row.bits, row.metric) for row in rows] == [
        ("image->text", 8, "precision@5"),
        ("text->image", 8, "precision@5"),
    ]
    assert all(row.verdict == "OK" and 0 <= row.value <= 1 for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("power = 1.0", "", r"\[parameters\] must spell out every one, but lacks power"),
        ("power = 1.0", "pwoer = 1.0", "has no pwoer"),
        ('where = "nowhere"', "", "needs where"),
        ("ok = 1.0", "okay = 1.0", "has no okay"),
        ('image = "hog|pca16"', 'video = "hog"', r"\[features\]: Setup has no video"),
        ('method = "cca"', 'method = "ccca"', "no method 'ccca'"),
        ("[published]", "[published", "is not TOML"),
        ('"image->text" = 0.5', '"image->words" = 0.5', r"\[published\] maps a number of bits to numbers by task"),
        ("8 = {", "eight = {", r"but has eight = "),
        ('where = "nowhere"', 'where = "nowhere"\nsplit = "abc"', "its numbers do not compare"),
    ],
)
def test_a_faulty_experiment_is_refused(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        list(Experiment.load(written(tmp_path, FILE.replace(old, new))).run())


def test_verdicts():
    experiment = Experiment.load(Path("experiments/scm/regression-mirflickr25k.toml"))
    assert [experiment.verdict(0.70 + gap, 0.70) for gap in (0.001, -0.009, 0.02)] == ["OK", "near", "off"]


def test_default_features_are_those_that_need_no_weights(tiny_scenes):
    assert Setup("scenes").features(tiny_scenes) == {"image": "hog", "text": "bow"}


@pytest.mark.data
def test_scm_on_wikipedia_to_four_digits(data_dir):
    rows = list(Experiment.load(Path("experiments/scm/zhang2014-wikipedia.toml")).run(data_dir))
    assert len(rows) == 8
    assert all(f"{row.value:.4f}" == f"{row.published:.4f}" for row in rows)


@pytest.mark.data
def test_scm_on_mirflickr_within_two_thousandths(data_dir):
    rows = list(Experiment.load(Path("experiments/scm/regression-mirflickr25k.toml")).run(data_dir))
    assert {row.verdict for row in rows} == {"OK"}
