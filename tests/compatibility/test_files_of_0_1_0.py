"""All that version 0.1.0 kept on disk opens and gives what it gave then; `write.py` wrote it with that version."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from crossbit import Collection, load_model, text
from crossbit.collection import Raw
from crossbit.collection.integrity.repair import repair
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.sync import sync
from crossbit.collection.operations.transfer import import_parquet
from crossbit.data.pairs import MODALITIES, Paired
from crossbit.data.splits import Split
from crossbit.errors import InputError
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


def columns(files):
    with closing(sqlite3.connect(files / "collection" / "items.db")) as connection:
        return [name for _, name, *_ in connection.execute("PRAGMA table_info(items)")]


def test_a_collection_becomes_one_of_this_format_with_its_first_change(files):
    with Collection(files / "collection") as reader, Collection(files / "collection") as shelf:
        assert shelf.item("item 0").source is None
        same = Raw("item 0", PICTURES[0].read_bytes(), shelf.item("item 0").texts, {"year": 2000})
        with pytest.raises(InputError):
            shelf.update(["item 0"], metadata={"deep": nested(40)})
        assert "source" not in columns(files)
        assert reader.search(text("a red circle"), k=5).hits
        shelf.update(["item 0"], metadata={"year": 1999})
        assert columns(files)[-3:] == ["source", "key", "edits"]
        assert reader.item("item 0").own.metadata == {"year": 2000}
        assert shelf.add(same).replaced == 1
        assert reader.item("item 0").metadata["year"] == 1999
        assert shelf.reset(["item 0"]) == 1
        assert shelf.add(same).unchanged == 1
        shelf.compact()
    assert verify(files / "collection").sound


def nested(levels):
    return {"a": nested(levels - 1)} if levels else 1


def test_a_folder_that_filled_a_collection_still_has_its_items(files):
    with Collection.create(files / "new", files / "linear") as shelf:
        shelf.add([Raw(path.name, path) for path in PICTURES])
        made_first_format(shelf)
    with Collection(files / "new") as shelf:
        assert shelf.add([Raw(path.name, path) for path in PICTURES], source=PICTURES[0].parent).unchanged == 12
        other = shutil.copytree(PICTURES[0].parent, files / "elsewhere")
        for path in other.iterdir():
            path.write_bytes(PICTURES[0].read_bytes())
        found = shelf.add([Raw(path.name, other / path.name) for path in PICTURES], source=other, keep_both=True)
        assert (found.added, found.qualified) == (12, 12)
        (other / "00.png").rename(other / "first.png")
        assert sync(shelf, other).renamed == 1
    assert verify(files / "new").sound


def made_first_format(shelf):
    """Make a collection without sources one of the first format."""
    with shelf.store.changing() as connection:
        connection.execute("DROP INDEX items_source")
        for name in ("source", "key", "edits"):
            connection.execute(f"ALTER TABLE items DROP COLUMN {name}")
        shelf.store.set_fact(connection, "format", 1)


@pytest.mark.parametrize("damage", ["a row", "the first page"])
def test_a_damaged_collection_is_repaired(files, damage):
    path = files / "collection" / "items.db"
    with closing(sqlite3.connect(path)) as connection:
        if damage == "a row":
            connection.execute("UPDATE items SET metadata = '{}' WHERE id = 'item 3'")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if damage == "the first page":
        path.write_bytes(bytes(200) + path.read_bytes()[200:])
    assert not verify(files / "collection").sound
    kept = repair(files / "collection").items
    assert kept == len(EXPECTED["ids"]) - (damage == "a row")
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
