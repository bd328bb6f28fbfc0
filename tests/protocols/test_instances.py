"""Pictures with several captions, from a folder to recalls on the command line; and MAP under every convention."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from crossbit.data.pairs import Dataset, Paired
from crossbit.data.splits import Split
from crossbit.errors import InputError
from crossbit.evaluation.comparison import chance_levels
from crossbit.evaluation.experiment import Experiment
from crossbit.evaluation.scoring import mean_scores, score, score_folds
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.metrics import parse_all
from crossbit.metrics.conventions import CONVENTIONS
from crossbit.models.encoder import DualEncoder
from crossbit.nn.layers import Affine

SCENES = "scenes(train=40,database=40,query=10)"
COLOURS = ("red", "green", "blue", "grey")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("CROSSBIT_DATA", raising=False)


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """Sixteen pictures, with two or three captions each, in Flickr30k's layout with Karpathy's split."""
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    images = []
    for n in range(16):
        name, colour = f"{n:02d}.png", COLOURS[n % 4]
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / "images" / name)
        said = [f"picture {n}, {colour}", f"a {colour} thing", "one more"][: 2 + n % 2]
        split = "train" if n < 10 else "val" if n < 12 else "test"
        images.append({"filename": name, "split": split, "sentences": [{"raw": text} for text in said]})
    (folder / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    return folder


def instances(texts_of=(2, 3, 1, 2)):
    """Return a dataset whose query images have several texts each, of which the first is the image's own vector."""
    item = np.repeat(np.arange(len(texts_of)), texts_of)
    image = np.eye(len(texts_of), dtype=np.float32)[item]
    first = np.append(True, item[1:] != item[:-1])
    text = np.where(first[:, None], image, np.roll(image, 1, axis=1)).astype(np.float32)
    pairs = Paired(image, text, item=item + 100)
    ids = tuple(f"i{n}" for n in range(len(texts_of)))
    return Dataset("made", pairs, pairs, pairs, Split("made", ("t",), ids, ids, instance=True))


def identity(n, space="cosine"):
    return DualEncoder(Affine(torch.eye(n), torch.zeros(n)), Affine(torch.eye(n), torch.zeros(n)), space, n)


def test_images_count_once_and_texts_each():
    data = instances()
    scores = score(identity(4), data, parse_all(["R@1"]))
    assert (scores["image->text"].queries, scores["image->text"].database) == (4, 8)
    assert (scores["text->image"].queries, scores["text->image"].database) == (8, 4)
    assert scores["text->image"].mean("R@1") == 4 / 8


def test_folds_are_galleries_of_their_own():
    data, measures = instances((1, 3, 1, 1)), parse_all(["R@1", "median-rank"])
    folds = score_folds(identity(4), data, measures, 2)
    assert [fold["text->image"].queries for fold in folds] == [4, 2]
    apart = [fold["text->image"].mean("R@1") for fold in folds]
    assert len({*apart}) == 2
    assert mean_scores(folds)["text->image"]["R@1"] == pytest.approx(sum(apart) / 2)
    with pytest.raises(InputError, match="4 images do not divide into folds of 3"):
        score_folds(identity(4), data, measures, 3)


def test_chance_is_what_a_collapsed_model_scores():
    data, measures = instances((2, 3, 1, 2)), parse_all(["R@1", "R@1(ties=worst)"])
    levels = chance_levels(data, measures)
    assert levels["text->image"] == pytest.approx({"R@1": 1 / 4, "R@1(ties=worst)": 1 / 4})
    assert levels["image->text"]["R@1"] == pytest.approx(np.mean([2, 3, 1, 2]) / 8)


def test_by_label_too_images_count_once_and_texts_each(tiny_scenes):
    data = featurise(tiny_scenes, "hog|pca16", "bow", captions="each").dataset
    encoder = Recipe.parse("cca+itq").fit(data.train, 8)
    scores = score(encoder, data, parse_all(["MAP"]))
    assert (scores["image->text"].queries, scores["image->text"].database) == (20, 5 * 40)
    assert (scores["text->image"].queries, scores["text->image"].database) == (5 * 20, 40)
    assert {0.05 < level["MAP"] < 0.5 for level in chance_levels(data, parse_all(["MAP"])).values()} == {True}


def test_labels_and_own_captions_are_scored_side_by_side():
    """By label an image finds the texts of every image of its class, its own included."""
    data, measures = instances(), parse_all(["R@1", "MAP", "R@5"])
    labels = np.eye(2, dtype=bool)[[0, 0, 1, 1]][data.query.item - 100]
    labelled = replace(data, query=replace(data.query, labels=labels), database=replace(data.database, labels=labels))
    both, alone = score(identity(4), labelled, measures), score(identity(4), data, parse_all(["R@1", "R@5"]))
    by_class = score(
        identity(4), replace(labelled, split=replace(data.split, instance=False, database=("d",))), measures[1:2]
    )
    for task, scores in both.items():
        assert [*map(str, scores.measures)] == ["R@1", "MAP", "R@5"]
        assert scores.mean("R@1") == alone[task].mean("R@1")
        assert scores.mean("MAP") == by_class[task].mean("MAP")
    assert {"R@1", "MAP"} <= {*chance_levels(labelled, measures)["text->image"]}


def test_measures_by_label_are_refused():
    with pytest.raises(InputError, match="MAP needs labels"):
        score(identity(4), instances(), parse_all(["MAP"]))


def test_a_protocol_of_captions_from_the_files_to_recalls(captioned, crossbit_cli, tmp_path, caplog):
    common = ("-p", "flickr30k/karpathy", "--data-dir", captioned)
    status, out, err = crossbit_cli("fit", "cca+itq", *common, "-b", 8, "-o", tmp_path / "model", "--json")
    assert status == 0, err
    fitted = json.loads(out)
    assert (fitted["dataset"], fitted["protocol"]) == ("flickr30k", "flickr30k/karpathy")
    assert fitted["train"] == 25
    assert caplog.text == ""
    status, out, err = crossbit_cli("evaluate", tmp_path / "model", *common, "--json")
    assert status == 0, err
    assert "16 pairs were found, but 31,014 were published: scores are indicative only" in caplog.text
    rows = json.loads(out)
    assert [(row["task"], row["metric"]) for row in rows] == [
        *((task, f"R@{k}") for task in ("image->text", "text->image") for k in (1, 5, 10)),
        ("both", "rsum"),
    ]
    assert rows[-1]["value"] == pytest.approx(100 * sum(row["value"] for row in rows[:-1]))
    assert rows[5]["value"] == 1
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows[:-1])
    assert [(row["bytes_per_item"], row["distances"]) for row in (rows[0], rows[3])] == [(1, 10), (1, 4)]
    assert rows[-1]["low"] is None
    words = ("evaluate", tmp_path / "model", *common, "--against", tmp_path / "model", "-m", "R@1", "-m", "median-rank")
    same = json.loads(crossbit_cli(*words, "--json")[1])
    assert [(row["difference"], row["p"]) for row in same] == [(0, 1), (None, None)] * 2
    assert (same[1]["low"], same[1]["against"]) == (None, same[1]["value"])
    assert "None" not in crossbit_cli(*words)[1]
    asked = ("-m", "R@1", "-m", "R@5", "-m", "R@10")
    both = json.loads(
        crossbit_cli("evaluate", tmp_path / "model", *common, *asked, "-m", "R@1(ties=worst)", "--json")[1]
    )
    assert "rsum" not in {row["metric"] for row in both}  # two R@1: of which would it be the sum?
    status, out, err = crossbit_cli("evaluate", tmp_path / "model", *common, "-m", "mean-rank")
    assert (status, "rsum" in out, "mean-rank" in out) == (0, False, True)
    status, out, err = crossbit_cli("evaluate", tmp_path / "model", *common, "--conventions", "all")
    assert status == 2
    assert "conventions of MAP need labels, but split 'flickr30k/karpathy' is for instance retrieval" in err


def test_methods_are_compared_by_recall(captioned, crossbit_cli, tmp_path):
    words = ("compare", "cca+itq", "-d", "flickr30k", "--captions", "each", "--data-dir", captioned, "-b", "4,8")
    ledger = ("--ledger", tmp_path / "runs.jsonl")
    status, out, err = crossbit_cli(*words, *ledger, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert [row["measure"] for row in found["results"][:3]] == ["R@1", "R@5", "R@10"]
    assert len(found["results"]) == 12
    assert found["chance"]["text->image"]["R@1"] == pytest.approx(1 / 4)
    (split,) = tmp_path.glob("split-*.json")
    assert Split.load(split).instance
    again = json.loads(crossbit_cli(*words, *ledger, "--json")[1])
    assert again == found
    status, out, err = crossbit_cli(*words, *ledger)
    assert status == 0
    assert out.count("chance") == 6
    status, out, err = crossbit_cli(*words, *ledger, "--cost")
    assert (status, out.count("chance"), out.count("cca+itq"), "rsum" in out) == (0, 2, 4, True)


def test_one_number_under_every_convention(crossbit_cli, tmp_path):
    fit = ("fit", "cca+itq", "-d", SCENES, "-b", 8, "-o", tmp_path / "model")
    assert crossbit_cli(*fit)[0] == 0
    words = ("evaluate", tmp_path / "model", "-d", SCENES, "--conventions")
    rows = json.loads(crossbit_cli(*words, "all", "--json")[1])
    assert [row["convention"] for row in rows] == [*CONVENTIONS] * 2
    values = {(row["task"], row["convention"]): row["value"] for row in rows}
    plain = json.loads(crossbit_cli(*words[:-1], "-m", "MAP", "--json")[1])
    assert {row["task"]: row["value"] for row in plain} == {
        task: value for (task, name), value in values.items() if name == "crossbit"
    }
    out = crossbit_cli(*words, "djsrh,ucch", "-m", "MAP")[1]
    head = next(line for line in out.splitlines() if "convention" in line)
    assert head.split()[:3] == ["convention", "image->text", "text->image"]
    assert "dcmh" not in out
    status, out, err = crossbit_cli(*words, "djsrq")
    assert status == 2
    assert "no convention 'djsrq'; there are acmr, " in err


def test_a_space_without_radius_has_no_convention_of_lookup(crossbit_cli, tmp_path):
    assert crossbit_cli("fit", "cca", "-d", SCENES, "-b", 8, "-o", tmp_path / "model")[0] == 0
    words = ("evaluate", tmp_path / "model", "-d", SCENES, "--conventions")
    rows = json.loads(crossbit_cli(*words, "all", "--json")[1])
    assert {row["convention"] for row in rows} == CONVENTIONS.keys() - {"lookup-2"}
    status, _, err = crossbit_cli(*words, "lookup-2")
    assert status == 2
    assert "real-valued vectors have none" in err


def test_a_split_is_written_and_read(captioned, crossbit_cli, tmp_path):
    file = tmp_path / "split.json"
    show = ("protocols", "show", "flickr30k/karpathy", "--data-dir", captioned)
    status, out, _ = crossbit_cli(*show, "--out", file, "--json")
    found = json.loads(out)["found"]
    assert (status, found["query"], found["train"], found["validation"]) == (0, 4, 10, 2)
    assert Split.load(file).sha256 == found["sha256"]
    words = ("compare", "cca+itq", "-d", "flickr30k", "--captions", "each", "--split", file, "--data-dir", captioned)
    status, out, err = crossbit_cli(*words, "-b", 4, "--ledger", tmp_path / "runs.jsonl", "--json")
    assert status == 0, err
    assert "split flickr30k/karpathy" in json.loads(out)["setting"]
    status, _, err = crossbit_cli(*words, "-p", "flickr30k/karpathy", "-b", 4)
    assert status == 2
    assert "are two splits: give --protocol or --split" in err


def test_a_split_that_cannot_be_written_is_an_error(crossbit_cli, tmp_path):
    show = ("protocols", "show", "mirflickr25k/dcmh", "--data-dir", tmp_path)
    assert "all_imgs.txt is not in" in json.loads(crossbit_cli(*show, "--json")[1])["found"]["nothing"]
    status, out, err = crossbit_cli(*show, "--out", tmp_path / "split.json")
    assert (status, out) == (2, "")
    assert "all_imgs.txt is not in" in err
    assert not (tmp_path / "split.json").exists()


def test_neither_dataset_nor_protocol(crossbit_cli, tmp_path):
    status, _, err = crossbit_cli("fit", "cca", "-o", tmp_path / "x")
    assert status == 2
    assert "give --dataset or --protocol" in err


def test_an_experiment_follows_a_protocol(captioned, tmp_path):
    file = tmp_path / "row.toml"
    file.write_text(
        'method = "cca+itq"\ndataset = "flickr30k"\nprotocol = "flickr30k/karpathy"\nmeasure = "R@5"\n'
        'where = "nowhere"\n[parameters]\nridge = 1.0\npower = 1.0\n'
        '[published]\n8 = { "text->image" = 1.0 }\n'
    )
    experiment = Experiment.load(file)
    assert experiment.setup.captions == "each"
    assert experiment.setup.corpus(captioned).split.name == "flickr30k/karpathy"
    (row,) = experiment.run(captioned, cache=tmp_path / "cache")
    assert (row.metric, row.value, row.verdict) == ("R@5", 1, "OK")
