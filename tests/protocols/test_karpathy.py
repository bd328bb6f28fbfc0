"""Karpathy's splits on small files in his exact format: methods that read words, scored by folds and on one gallery."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crossbit.evaluation.setup import Setup
from crossbit.features import featurise
from crossbit.models.bundle import Bundle
from crossbit.protocols import coco

PARTS = {"train": 10, "restval": 6, "val": 4, "test": 20}
THINGS = ("dog", "cat", "bus", "cup", "man")
COLOURS = ("red", "blue", "pink", "grey", "green", "white", "black", "brown")
FEATURES = "image=pixels(size=16),text=words(min_count=1,longest=16)"
METHODS = {
    "vsepp": "vsepp(width=8,epochs=2,batch=20,warm_up=1)",
    "mfsr": "mfsr(d=16,width=8,layers=1,hidden=8,convolutions=2,side=8,channels=2,epochs=2,batch=20)",
}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("CROSSBIT_DATA", raising=False)


def sentences(number):
    """Return five captions, of every seventh picture six, in the records of the published files."""
    own = f"{COLOURS[number // 5]} {THINGS[number % 5]}"
    said = [f"{COLOURS[i]} is this, a {own}." for i in range(5 + (number % 7 == 0))]
    return [
        {"tokens": raw.lower().strip(".").split(), "raw": raw, "imgid": number, "sentid": 10 * number + i}
        for i, raw in enumerate(said)
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a folder with COCO and Flickr30k as Karpathy published them, pictures included."""
    folder = tmp_path_factory.mktemp("karpathy")
    rng = np.random.default_rng(0)
    parts = [part for part, count in PARTS.items() for _ in range(count)]
    order = rng.permutation(len(parts))
    for name, holder in (("coco", "val2014"), ("flickr30k", "images")):
        images = []
        (folder / name / holder).mkdir(parents=True)
        for number, part in enumerate(parts[i] for i in order):
            file = f"COCO_val2014_{number:012d}.jpg" if name == "coco" else f"{number}.jpg"
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(folder / name / holder / file)
            told = sentences(number)
            record = {"filename": file, "imgid": number, "split": part, "sentences": told}
            record |= {"sentids": [each["sentid"] for each in told]}
            if name == "coco":
                record |= {"filepath": "val2014", "cocoid": number}
            elif part == "restval":
                record["split"] = "train"
            images.append(record)
        (folder / name / f"dataset_{name}.json").write_text(json.dumps({"images": images, "dataset": name}))
    return folder


@pytest.fixture
def small_folds(monkeypatch):
    """Make the thousand of a gallery four."""
    smaller = [replace(each, fold=4) if each.fold else each for each in coco.PROTOCOLS]
    monkeypatch.setattr(coco, "PROTOCOLS", tuple(smaller))


def recalls(V, L, item, ks):
    """Return R@K both ways by hand: the share of queries with an own item among the K of the highest cosine."""
    images = np.sort(np.unique(item, return_index=True)[1])
    S = V[images] @ L.T
    own = item[images][:, None] == item[None]
    both = {"image->text": (S, own), "text->image": (S.T, own.T)}
    ranks = {task: (s > np.where(o, s, -9).max(1, keepdims=True)).sum(1) for task, (s, o) in both.items()}
    return {(task, k): (rank < k).mean() for task, rank in ranks.items() for k in ks}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "fold"), [("coco/captions-1k", 4), ("coco/captions-5k", 20), ("flickr30k/karpathy", 20)]
)
def test_words_and_pixels_are_scored_as_papers_do(name, fold, method, files, small_folds, crossbit_cli, tmp_path):
    common = ("-p", name, "--data-dir", files)
    fit = ("fit", METHODS[method], *common, "-f", FEATURES, "-b", 6, "-o", tmp_path / "model", "--json")
    ended = crossbit_cli(*fit)
    assert ended.status == 0, ended.err
    bundle = Bundle.load(tmp_path / "model")
    setup = Setup(name.split("/")[0], captions="each", protocol=name)
    corpus = setup.corpus(files, scored=False)
    assert (len(corpus.split.train), len(corpus.split.validation), len(corpus.split.query)) == (16, 4, 20)
    query = featurise(corpus, bundle.pipelines["image"], bundle.pipelines["text"], captions="each").dataset.query
    captions = [len(corpus.texts[row]) for row in corpus.rows(corpus.split.query)]
    assert {*captions} == {5, 6}
    assert len(query) == sum(captions)
    assert (np.diff(query.item) >= 0).all()
    assert len(bundle.pipelines["text"].extractor.vocabulary) > 5
    V, L = (bundle.encoder.embed(query.of(m), m) for m in ("image", "text"))
    own = [np.isin(query.item, items) for items in np.split(np.unique(query.item), 20 // fold)]
    folds = [recalls(V[rows], L[rows], query.item[rows], (1, 5, 10)) for rows in own]
    ended = crossbit_cli("evaluate", tmp_path / "model", *common, "--json")
    assert ended.status == 0, ended.err
    rows = json.loads(ended.out)
    for row in rows[:-1]:
        k = int(row["metric"].removeprefix("R@"))
        assert row["value"] == pytest.approx(np.mean([found[row["task"], k] for found in folds])), row["task"]
    assert rows[-1]["metric"] == "rsum"
    assert rows[-1]["value"] == pytest.approx(100 * sum(row["value"] for row in rows[:-1]))
