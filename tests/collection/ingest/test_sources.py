"""Sources: folders, lists, Parquet, lines of JSON; ids, texts and metadata as they are told."""

import io
import json
import sys

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from crossbit.collection.ingest.sources import dataset_of, read_source
from crossbit.datasets import load
from crossbit.errors import InputError
from crossbit.records.record import ReadOptions


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.png", "sea/b.jpg", ".hidden/c.png", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(("png", "jpg")):
            Image.new("RGB", (8, 8), "red").save(folder / name)
        else:
            (folder / name).write_text("x")
    return folder


def read(place, **options):
    return {raw.id: raw for raw in read_source(str(place), sys.stdin, ReadOptions(**options)).raws}


def test_a_folder_is_its_pictures_by_their_paths(photos):
    found = read(photos)
    assert found.keys() == {"a.png", "sea/b.jpg"}
    assert found["sea/b.jpg"].picture == photos / "sea" / "b.jpg"


def test_captions_join_their_pictures_and_other_columns_are_metadata(photos):
    (photos / "captions.csv").write_text(
        "image,text,year,labels,mark\nsea/b.jpg,boats,2020,sea;sky,x\nsea/b.jpg,low tide,,,\ngone.png,gone,,,\n"
    )
    found = read(photos)
    assert found.keys() == {"a.png", "sea/b.jpg"}
    assert found["sea/b.jpg"].texts == ("boats", "low tide")
    assert found["sea/b.jpg"].metadata == {"year": 2020, "labels": ["sea", "sky"], "mark": "x"}
    assert found["a.png"].texts == ()


def test_a_list_alone_is_a_source(photos):
    (photos / "list.jsonl").write_text(
        '{"image": "a.png", "caption": "red", "n": {"m": 1}}\n\n{"id": "t", "caption": ["x"]}\n'
    )
    found = read(photos / "list.jsonl")
    assert found["a.png"].texts == ("red",)
    assert found["a.png"].metadata == {"n": {"m": 1}}
    assert found["t"].picture is None


def test_lines_of_json_come_from_stdin(photos):
    lines = [{"id": 7, "text": "red", "metadata": {"year": 1}}, {"image": str(photos / "a.png")}]
    found = list(read_source("-", io.StringIO("\n".join(map(json.dumps, lines)))).raws)
    assert found[0].id == "7"
    assert found[0].metadata == {"year": 1}
    assert found[1].picture == photos / "a.png"


def test_lines_of_one_item_are_put_together_where_they_follow_each_other(photos, shelf):
    path = str(photos / "a.png")
    lines = [{"image": path, "text": text} for text in ("one", "two", "three")]
    lines += [{"id": "t", "text": "a star"}, {"image": path, "text": "late"}]
    found = read_source("-", io.StringIO("\n".join(map(json.dumps, lines))))
    done = shelf.add(found.raws)
    assert done.added == 2
    assert shelf.item(path).texts == ("one", "two", "three")
    reason = "two items have this id; the second, line 5, is not read, nor are its texts"
    assert done.failures == [(path, reason)]
    assert found.report.taken[-1] == "5 rows are of 3 items, put together"


def test_lines_that_cannot_be_decoded_are_refused():
    stream = io.TextIOWrapper(io.BytesIO(b'{"id": 1, "text": "a"}\n{"id": 2, "text": "\xff"}\n'), "utf-8", "strict")
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        list(read_source("-", stream).raws)


def test_parquet_holds_paths_or_pictures(photos):
    data = (photos / "a.png").read_bytes()
    table = pyarrow.Table.from_pylist(
        [{"image": "a.png", "text": "red", "year": 1}, {"image": "sea/b.jpg", "text": "sea"}]
    )
    parquet.write_table(table, photos / "list.parquet")
    assert [raw.metadata for raw in read(photos / "list.parquet").values()] == [{"year": 1}, {}]
    parquet.write_table(pyarrow.Table.from_pylist([{"image": {"bytes": data, "path": None}}]), photos / "b.parquet")
    assert [raw.picture for raw in read(photos / "b.parquet").values()] == [data]


def test_a_dataset_brings_labels_as_metadata(tiny_scenes):
    raws = dataset_of(tiny_scenes)
    assert len(raws) == 60
    assert len(dataset_of(tiny_scenes, "database")) == 40
    labels = np.flatnonzero(tiny_scenes.labels[5])
    assert raws[5].metadata == {"labels": [tiny_scenes.classes[i] for i in labels]}


def test_other_columns_of_a_dataset_are_metadata_too(photos):
    (photos / "captions.csv").write_text("image,text,sku,labels\na.png,red,007,sea\nsea/b.jpg,boats,1e5,sky\n")
    raws = dataset_of(load("folder", photos, query=1))
    assert [raw.metadata for raw in raws] == [{"sku": "007", "labels": ["sea"]}, {"sku": "1e5", "labels": ["sky"]}]


def test_a_folder_says_the_same_of_an_item_as_a_dataset_and_as_a_source(photos):
    (photos / "captions.csv").write_text("image,text,sku,labels\na.png,red,007,sky;sea\nsea/b.jpg,boats,1e5,sea\n")
    raws, found = dataset_of(load("folder", photos, query=1)), read(photos)
    assert [(raw.id, raw.texts, raw.metadata) for raw in raws] == [
        (raw.id, raw.texts, raw.metadata) for raw in found.values()
    ]
    assert raws[0].metadata["labels"] == ["sky", "sea"]


def test_rows_without_their_picture_are_reported_or_refused(photos):
    (photos / "captions.csv").write_text("image,text\na.png,one\ngone.png,two\n")
    assert read_source(str(photos), sys.stdin).report.summary() == [
        "1 in hidden folders",
        f"1 row without its picture: not in {photos}",
        "1 text: captions.csv is read instead",
    ]
    with pytest.raises(InputError, match=r"1 of 2 rows of captions\.csv are without their picture"):
        read(photos, missing="fail")


def test_what_is_not_there_is_refused(photos):
    with pytest.raises(InputError, match="does not exist; a source is a folder of pictures"):
        read(photos / "nowhere")
    with pytest.raises(InputError, match="is a single picture; give its folder"):
        read(photos / "a.png")
