"""Exports and imports: everything comes back as it left, and only to the model that made it."""

import json

import faiss
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from crossbit.collection import Collection, OtherModelError, Raw
from crossbit.collection import text as words
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.stats import stats
from crossbit.collection.operations.transfer import export, import_parquet
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
    (tmp_path / "codes.jsonl").write_text("captions")
    assert export(shelf, path, "text") == 59
    codes = shelf.snapshot().sides["text"].codes.packed
    if suffix == ".npy":
        assert (np.load(path) == codes).all()
    else:
        index = faiss.read_index_binary(str(path))
        assert (faiss.vector_to_array(index.xb).reshape(codes.shape) == codes).all()
    lines = [json.loads(line) for line in (tmp_path / f"{path.name}.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == shelf.ids()
    assert {each.name for each in tmp_path.glob("codes*")} == {path.name, f"{path.name}.jsonl", "codes.jsonl"}
    assert (tmp_path / "codes.jsonl").read_text() == "captions"


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


def test_vectors_come_after_codes(shelf, model, tmp_path):
    export(shelf, tmp_path / "with.parquet")
    with Collection.create(tmp_path / "plain", model) as plain:
        import_parquet(plain, tmp_path / "with.parquet")
        export(plain, tmp_path / "without.parquet")
    with Collection.create(tmp_path / "again", model, vectors=True) as again:
        assert import_parquet(again, tmp_path / "without.parquet").added == 60
        assert import_parquet(again, tmp_path / "with.parquet").replaced == 60
        assert import_parquet(again, tmp_path / "without.parquet").unchanged == 60
        assert again.search(words("red")).hits == shelf.search(words("red")).hits


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("id", "x" * 5000, r"bad.parquet: an id has 1 to 1,000 characters"),
        ("id", "\x1b[31m", r"bad.parquet: the id .* holds control characters"),
        ("id", None, "is no export of a collection"),
        ("id", "000004", r"bad.parquet has 2 items '000004'.*import each export alone"),
        ("metadata", "{", "is no export of a collection: JSONDecodeError"),
        ("metadata", "[1]", "is no export of a collection: TypeError"),
        ("metadata", "[" * 100_000, "is no export of a collection: RecursionError"),
        ("metadata", '{"a": "\\ud800"}', r"bad.parquet: .* is not UTF-8"),
        ("metadata", '{"a": NaN}', "bad.parquet: metadata must be an object of JSON values"),
        ("metadata", '{"a":' * 40 + "1" + "}" * 40, "may be nested 32 levels deep"),
        ("content", "no hash", "is no export of a collection"),
        ("image_code", b"short", "is no export of a collection"),
        ("image_vector", [1.0, 2.0], "is no export of a collection"),
    ],
)
def test_what_no_export_holds_is_refused(shelf, tmp_path, column, value, why):
    export(shelf, tmp_path / "good.parquet")
    table = parquet.read_table(tmp_path / "good.parquet")
    values = table.column(column).to_pylist()
    values[3] = value
    changed = table.set_column(table.schema.get_field_index(column), column, pyarrow.array(values))
    parquet.write_table(changed.replace_schema_metadata(table.schema.metadata), tmp_path / "bad.parquet")
    before = shelf.snapshot().head
    with pytest.raises(InputError, match=why):
        import_parquet(shelf, tmp_path / "bad.parquet")
    assert shelf.snapshot().head == before


def test_joined_exports_and_broken_notes_are_refused(shelf, tmp_path):
    export(shelf, tmp_path / "one.parquet")
    table = parquet.read_table(tmp_path / "one.parquet")
    parquet.write_table(pyarrow.concat_tables([table, table]), tmp_path / "two.parquet")
    with pytest.raises(InputError, match=r"two.parquet has 2 items '000000'"):
        import_parquet(shelf, tmp_path / "two.parquet")
    for note in (b"{", b"3", b'{"model": 3}', b"\xff"):
        parquet.write_table(table.replace_schema_metadata({b"crossbit": note}), tmp_path / "note.parquet")
        with pytest.raises(InputError, match="does not say which model made its codes"):
            import_parquet(shelf, tmp_path / "note.parquet")


def test_stats_count_what_is_there(shelf, scenes):
    shelf.remove([scenes[0].id])
    shelf.add([Raw("words", None, ("red",))])
    found = stats(shelf)
    assert (found.items, found.images, found.texts, found.thumbnails, found.vectors) == (60, 59, 60, 59, 60)
    assert (found.bits, found.removed_codes, found.changes) == (16, 1, 3)
    assert found.code_bytes == 2 * (59 + 60)
    assert found.file_bytes > 0
