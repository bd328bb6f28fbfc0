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
from crossbit.errors import InputError


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


def read(place, captions=None):
    return {raw.id: raw for raw in read_source(str(place), sys.stdin, captions)}


def test_a_folder_is_its_pictures_by_their_paths(photos):
    found = read(photos)
    assert found.keys() == {"a.png", "sea/b.jpg"}
    assert found["sea/b.jpg"].picture == photos / "sea" / "b.jpg"


def test_captions_join_their_pictures_and_other_columns_are_metadata(photos):
    (photos / "captions.csv").write_text(
        "image,text,year,labels,mark\nsea/b.jpg,boats,2020,sea;sky,x\nsea/b.jpg,low tide,,,nan\ngone.png,gone,,,\n"
    )
    found = read(photos)
    assert found.keys() == {"a.png", "sea/b.jpg", "gone.png"}
    assert found["sea/b.jpg"].texts == ("boats", "low tide")
    assert found["sea/b.jpg"].metadata == {"year": 2020, "labels": ["sea", "sky"], "mark": "x"}
    assert found["a.png"].texts == ()


def test_a_list_alone_is_a_source(photos):
    (photos / "list.jsonl").write_text(
        '{"image": "a.png", "caption": "red", "n": {"m": 1}}\n\n{"id": "t", "texts": ["x"]}\n'
    )
    found = read(photos / "list.jsonl")
    assert found["a.png"].texts == ("red",)
    assert found["a.png"].metadata == {"n": {"m": 1}}
    assert found["t"].picture is None


def test_lines_of_json_come_from_stdin(photos):
    lines = [{"id": 7, "text": "red", "metadata": {"year": 1}}, {"image": str(photos / "a.png")}]
    found = list(read_source("-", io.StringIO("\n".join(map(json.dumps, lines)))))
    assert found[0].id == "7"
    assert found[0].metadata == {"year": 1}
    assert found[1].picture == photos / "a.png"


def test_lines_that_cannot_be_decoded_are_refused():
    stream = io.TextIOWrapper(io.BytesIO(b'{"id": 1, "text": "a"}\n{"id": 2, "text": "\xff"}\n'), "utf-8", "strict")
    with pytest.raises(InputError, match="what follows line 0 is not utf-8; JSON is written in UTF-8"):
        list(read_source("-", stream))


def test_parquet_holds_paths_or_pictures(photos):
    data = (photos / "a.png").read_bytes()
    table = pyarrow.Table.from_pylist(
        [{"image": "a.png", "text": "red", "year": 1}, {"image": "sea/b.jpg", "text": "sea"}]
    )
    parquet.write_table(table, photos / "list.parquet")
    found = read_source(str(photos / "list.parquet"), sys.stdin)
    assert len(found) == 2
    assert [raw.metadata for raw in found] == [{"year": 1}, {}]
    parquet.write_table(pyarrow.Table.from_pylist([{"image": {"bytes": data, "path": None}}]), photos / "b.parquet")
    (only,) = read_source(str(photos / "b.parquet"), sys.stdin)
    assert only.picture == data


def test_a_dataset_brings_labels_as_metadata(tiny_scenes):
    raws = dataset_of(tiny_scenes)
    assert len(raws) == 60
    assert len(dataset_of(tiny_scenes, "database")) == 40
    labels = np.flatnonzero(tiny_scenes.labels[5])
    assert raws[5].metadata == {"labels": [tiny_scenes.classes[i] for i in labels]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "image,text\na.png,one, two\n", "entry 1 has 3 cells for 2 columns"),
        ("x.csv", "image,text\n../../etc/passwd,x\n", "leads out of"),
        ("x.csv", "text\nx\n", "has neither an id nor an image"),
        ("x.jsonl", "{", "line 1 is not JSON"),
        ("x.jsonl", "[1]", "line 1 must be an object"),
        ("x.jsonl", '{"id": 1, "text": 3}', "a text is a text or a list of them"),
        ("x.jsonl", '{"id": 1, "metadata": 3}', "metadata must be an object"),
        ("x.parquet", "no", "cannot be read as Parquet"),
        ("x.doc", "no", "should end in .csv"),
    ],
)
def test_lists_that_cannot_be_read_say_where(photos, name, content, message):
    (photos / name).write_text(content)
    with pytest.raises(InputError, match=message):
        list(read_source(str(photos / name), sys.stdin))


def test_what_is_not_there_is_refused(photos):
    with pytest.raises(InputError, match="does not exist; items come from a folder"):
        read(photos / "nowhere")
    with pytest.raises(InputError, match="captions belong to a folder"):
        read(photos / "a.png", photos / "captions.csv")
