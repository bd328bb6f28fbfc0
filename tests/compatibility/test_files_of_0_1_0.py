"""All that version 0.1.0 kept on disk opens and gives what it gave then; `write.py` wrote it with that version."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from crossbit import Collection, load_model, text
from crossbit.collection import Raw
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.transfer import import_parquet
from crossbit.data.pairs import MODALITIES, Paired
from crossbit.data.splits import Split
from crossbit.evaluation.comparison import Ledger, Run
from crossbit.features.extraction import extract
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure
from crossbit.training.run import Training

FILES = Path(__file__).parent / "0.1.0"
EXPECTED = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
PICTURES = sorted((FILES / "pictures").glob("*.png"))
SENTENCES = ["a red circle", "two blue squares"]


@pytest.fixture
def files(tmp_path) -> Path:
    """Return a copy of all files: opening a collection writes beside it."""
    return shutil.copytree(FILES, tmp_path / "files")


@pytest.mark.parametrize("name", EXPECTED["codes"])
def test_a_model_opens_and_encodes_as_it_did(name):
    model = load_model(FILES / name)
    raws = {"image": PICTURES[:2], "text": SENTENCES}
    for modality in MODALITIES:
        values = model.embed(model.pipelines[modality](raws[modality]), modality)
        assert np.sign(values).astype(int).tolist() == EXPECTED["codes"][name][modality]


@pytest.mark.parametrize("name", EXPECTED["codes"])
def test_a_model_is_saved_again_as_it_was(name, tmp_path):
    load_model(FILES / name).save(tmp_path / name)
    before, after = (json.loads((folder / name / "bundle.json").read_text()) for folder in (FILES, tmp_path))
    assert {key: after[key] for key in before} == before


def test_a_collection_opens_searches_and_verifies(files):
    assert verify(files / "collection").sound
    with Collection(files / "collection") as shelf:
        assert shelf.ids() == EXPECTED["ids"]
        assert shelf.item("item 3").metadata == {"year": 2003, "kept": "ünïcode"}
        assert shelf.thumbnail("item 0")[:2] == b"\xff\xd8"
        found = shelf.search(text("a red circle"), k=5)
        assert [[hit.item.id, hit.distance, round(hit.score, 4)] for hit in found.hits] == EXPECTED["search"]


def test_a_collection_grows_and_still_verifies(files):
    with Collection(files / "collection") as shelf:
        counts = shelf.add([Raw("new", PICTURES[11], ("a new one",)), Raw("item 0", texts=("only a text now",))])
        assert (counts.added, counts.replaced) == (1, 1)
        assert shelf.search(text("a new one"), target="text", k=1).hits[0].item.id == "new"
    assert verify(files / "collection").sound


def test_an_export_is_imported(files, tmp_path):
    with Collection.create(tmp_path / "other", files / "linear", vectors=True) as shelf:
        assert import_parquet(shelf, files / "export.parquet").added == len(EXPECTED["ids"])
        assert sorted(shelf.ids()) == sorted(EXPECTED["ids"])


def test_cached_features_are_found(files, monkeypatch):
    extractor = load_model(FILES / "linear").pipelines["image"].extractor
    monkeypatch.setattr(type(extractor), "compute", lambda *_: pytest.fail("a cached picture was extracted again"))
    rows = extract(extractor, PICTURES, [path.name for path in PICTURES], cache=files / "cache").features
    assert rows.shape == (12, 1728)


def test_an_interrupted_run_goes_on_to_the_same_weights(files):
    rng = np.random.default_rng(0)
    train = Paired(rng.random((96, 12), dtype=np.float32), rng.random((96, 9), dtype=np.float32))
    seen = []
    how = Training(folder=files / "run", facts={"method": "cfrh", "seed": 2}, watch=lambda epoch, _: seen.append(epoch))
    encoder = Recipe.parse("cfrh(hidden=4,decoder_hidden=4,epochs=5)").fit(train, 8, seed=2, training=how)
    assert seen == [3, 4, 5]
    for name, value in encoder.state_dict().items():
        assert value.numpy().ravel()[:4].tolist() == pytest.approx(EXPECTED["run"][name], rel=1e-4)


def test_a_split_and_a_ledger_are_read():
    split = Split.load(FILES / "split.json")
    assert (len(split.train), len(split.query), len(split.database)) == (40, 8, 40)
    ledger = Ledger(FILES / "ledger.jsonl", EXPECTED["ledger"]["setting"])
    found = ledger.find(Run(Recipe.parse("cca+itq"), 8, 0), [Measure("MAP")])
    assert [result.value for result in found] == EXPECTED["ledger"]["values"]
