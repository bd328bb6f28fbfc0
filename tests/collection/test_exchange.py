"""Exports and imports: everything comes back as it left, and only to the model that made it."""

import json

import faiss
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from crossbit.collection import Collection, OtherModelError, Raw
from crossbit.collection import text as words
from crossbit.collection.exchange import export, import_parquet
from crossbit.collection.stats import stats
from crossbit.collection.verify import verify
from crossbit.errors import InputError


@pytest.mark.parametrize("vectors", [True, False])
def test_a_collection_comes_back_as_it_left(shelf, model, scenes, tmp_path, vectors):
    shelf.add([Raw("words", None, ("a red circle",)), Raw("picture", scenes[0].picture)])
    assert export(shelf, tmp_path / "all.parquet") == 62
    with Collection.create(tmp_path / "again", model, vectors=vectors) as again:
        assert import_parquet(again, tmp_path / "all.parquet").added == 62
        assert import_parquet(again, tmp_path / "all.parquet").unchanged == 62
        assert again.ids() == shelf.ids()
        assert again.item("000003") == shelf.item("000003")
        assert again.thumbnail("000003") == shelf.thumbnail("000003")
        ours, theirs = again.search(words("red"), k=62), shelf.search(words("red"), k=62)
        assert (ours.hits == theirs.hits) == vectors
        assert sorted(hit.distance for hit in ours.hits) == sorted(hit.distance for hit in theirs.hits)
        assert len(again.search(words("red"), target="text", k=62).hits) == 61
        assert verify(again.folder).sound


@pytest.mark.parametrize("suffix", [".npy", ".faiss"])
def test_codes_go_to_other_programs(shelf, tmp_path, suffix):
    shelf.remove(["000000"])
    path = tmp_path / f"codes{suffix}"
    assert export(shelf, path, "text") == 59
    codes = shelf.snapshot().sides["text"].codes.packed
    if suffix == ".npy":
        assert (np.load(path) == codes).all()
    else:
        index = faiss.read_index_binary(str(path))
        assert (faiss.vector_to_array(index.xb).reshape(codes.shape) == codes).all()
    lines = [json.loads(line) for line in (tmp_path / "codes.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == shelf.ids()
    assert sorted(each.name for each in tmp_path.glob("codes*")) == sorted([path.name, "codes.jsonl"])


def test_codes_of_another_model_are_refused(shelf, tmp_path):
    export(shelf, tmp_path / "a.parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    about = {b"crossbit": json.dumps({"model": "0" * 64, "bits": 16}).encode()}
    parquet.write_table(table.replace_schema_metadata(about), tmp_path / "b.parquet")
    with pytest.raises(OtherModelError, match=r"were made by model 000000000000.*add the items themselves"):
        import_parquet(shelf, tmp_path / "b.parquet")
    parquet.write_table(pyarrow.table({"id": ["a"]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match="does not say which model made its codes"):
        import_parquet(shelf, tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"no")
    with pytest.raises(InputError, match="is no export of a collection"):
        import_parquet(shelf, tmp_path / "d.parquet")
    with pytest.raises(InputError, match=r"should end in \.parquet, \.faiss, \.npy"):
        export(shelf, tmp_path / "a.txt")


def test_stats_count_what_is_there(shelf, scenes):
    shelf.remove([scenes[0].id])
    shelf.add([Raw("words", None, ("red",))])
    found = stats(shelf)
    assert (found.items, found.images, found.texts, found.thumbnails, found.vectors) == (60, 59, 60, 59, 60)
    assert (found.bits, found.removed_codes, found.changes) == (16, 1, 3)
    assert found.code_bytes == 2 * (59 + 60)
    assert found.file_bytes > 0
