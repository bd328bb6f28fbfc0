"""Parquet files: pictures inside them, gaps, and types."""

import datetime
import decimal
import json
import pickle

import pyarrow
import pyarrow.parquet
import pytest

from crossbit.errors import InputError
from crossbit.records import parquet
from crossbit.records.lists import read_list
from crossbit.records.record import ReadingReport, ReadOptions

NAN = float("nan")


def written(path, columns, features=None, **options):
    table = pyarrow.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, path, **options)
    return path


def read(path, **options):
    report = ReadingReport()
    listed = read_list(path, ReadOptions(**options), report)
    [statement] = report.taken
    return listed, statement


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("struct", [True, False])
def test_pictures_are_read_when_they_are_called(tmp_path, struct, statistics, monkeypatch):
    monkeypatch.setattr(parquet, "CACHE", 100)
    pictures = [bytes([n]) * 40 for n in range(10)]
    pictures[3] = None
    cells = [{"bytes": each, "path": f"{n}.jpg"} for n, each in enumerate(pictures)] if struct else pictures
    path = written(tmp_path / "x.parquet", {"image": cells}, row_group_size=4, write_statistics=statistics)
    listed, statement = read(path)
    assert statement == "x.parquet: image from 'image'"
    assert listed.entries[3].image == ("3.jpg" if struct else None)
    for n in (9, 0, 5, 1, 8):
        image = listed.entries[n].image
        assert image() == pictures[n]
        assert image.name == (f"{n}.jpg" if struct else None)
        assert repr(image) == f"<picture of x.parquet, row {n + 1}>"


def test_a_row_group_is_read_once(tmp_path, monkeypatch):
    path = written(tmp_path / "x.parquet", {"image": [b"x"] * 1000}, row_group_size=100)
    listed, _ = read(path)
    calls = []
    reading = parquet._readable
    monkeypatch.setattr(parquet, "_readable", lambda path: calls.append(path) or reading(path))
    assert {entry.image() for entry in listed.entries} == {b"x"}
    assert len(calls) == 11


def test_other_pictures_and_bytes(tmp_path):
    columns = {"jpg": [b"a", b"b"], "caption": ["one", "two"]}
    assert read(written(tmp_path / "x.parquet", columns))[0].entries[1].image() == b"b"
    columns |= {"image": ["a.jpg", "b.jpg"], "pages": [[b"x"], []]}
    listed, statement = read(written(tmp_path / "y.parquet", columns))
    assert [entry.image for entry in listed.entries] == ["a.jpg", "b.jpg"]
    assert statement.endswith("'pages' holds bytes and is left out; 'jpg' holds bytes and is left out")


def test_gaps_and_types(tmp_path):
    columns = {
        "id": [1.0, 2.0, NAN],
        "text": ["one", None, ["two", "three"][0]],
        "label": [1.0, NAN, 3.0],
        "taken": [datetime.datetime(2021, 5, 3, 14), None, None],
        "day": [datetime.date(2021, 5, 3), None, None],
        "price": [decimal.Decimal("9.50"), None, None],
        "size": [1.5, NAN, None],
        "code": ["007", None, ""],
        "parts": [[1, 2], None, []],
    }
    listed, statement = read(written(tmp_path / "x.parquet", columns))
    assert [entry.id for entry in listed.entries] == ["1", "2", None]
    assert [entry.labels for entry in listed.entries] == [["1"], [], ["3"]]
    assert listed.entries[0].metadata == {
        "taken": "2021-05-03T14:00:00",
        "day": "2021-05-03",
        "price": 9.5,
        "size": 1.5,
        "code": "007",
        "parts": [1, 2],
    }
    assert listed.entries[1].metadata == {}
    assert "labels from 'label' (class numbers, 2 classes), ids from 'id'" in statement


def test_names_of_classes_that_hugging_face_records(tmp_path):
    features = {
        "label": {"names": ["cat", "dog, big"], "_type": "ClassLabel"},
        "kinds": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    path = written(
        tmp_path / "x.parquet", {"text": ["t"] * 3, "label": [0, 1, -1], "kinds": [[0, 1], [], [1]]}, features
    )
    listed, _ = read(path)
    assert [entry.labels for entry in listed.entries] == [["cat"], ["dog, big"], []]
    assert [entry.metadata.get("kinds") for entry in listed.entries] == [["a", "b"], None, ["b"]]


def test_flags_in_lists(tmp_path):
    flags = [[int(k % 4 == c) for c in range(4)] for k in range(40)]
    listed, statement = read(written(tmp_path / "x.parquet", {"text": ["t"] * 40, "flags": flags}), labels="flags")
    assert listed.classes == ("0", "1", "2", "3")
    assert [entry.labels for entry in listed.entries] == [[str(k % 4)] for k in range(40)]
    assert "labels from 'flags' (multi-hot lists, 4 classes)" in statement


def test_names_with_full_stops(tmp_path):
    columns = {"image": [b"a"], "image.bytes": [b"b"], "image.path": ["c"], "text.en": ["t"]}
    listed, statement = read(written(tmp_path / "x.parquet", columns))
    assert listed.entries[0].image() == b"a"
    assert "metadata: image.path, text.en; 'image.bytes' holds bytes and is left out" in statement
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "y.parquet")
    with pytest.raises(InputError, match="has the column 'text' more than once"):
        read(tmp_path / "y.parquet")


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" * 20)
    with pytest.raises(InputError, match=r"x\.parquet cannot be read as Parquet"):
        read(path)


def test_a_file_may_not_claim_any_number_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_ROWS", 1000)
    path = written(tmp_path / "x.parquet", {"text": pyarrow.nulls(1001, pyarrow.string())})
    with pytest.raises(InputError, match=r"has 1,001 rows, more than the 1,000 that are read"):
        read(path)


def test_pictures_travel_between_processes(tmp_path):
    listed, _ = read(written(tmp_path / "x.parquet", {"image": [b"a", b"b"]}))
    assert pickle.loads(pickle.dumps(listed.entries[1].image))() == b"b"


def test_several_columns_of_pictures_are_refused_with_every_reading(tmp_path):
    path = written(tmp_path / "x.parquet", {"img": [b"a"], "thumb": [b"b"], "caption": ["one"]})
    with pytest.raises(InputError, match=r"holds pictures in 'img' [+] 'thumb'; choose image=img or image=thumb"):
        read(path)
    assert read(path, image="thumb")[0].entries[0].image() == b"b"
    assert read(path, image="-")[0].entries[0].image is None


@pytest.mark.parametrize(("column", "what"), [("image", "a picture"), ("caption", "a text")])
def test_a_column_of_a_documented_name_that_cannot_be_read_is_an_error(tmp_path, column, what):
    path = written(tmp_path / "x.parquet", {"text": ["one"], "image": ["a.jpg"]} | {column: [[b"x"]]})
    with pytest.raises(InputError, match=f"each cell of '{column}' holds bytes in a way that is not {what}"):
        read(path, text="caption" if column == "caption" else "")


def test_texts_of_bytes_are_decoded(tmp_path):
    columns = {"image": [b"\xff\xd8"], "caption": ["café".encode()], "label": [b"sea"]}
    listed, statement = read(written(tmp_path / "x.parquet", columns))
    assert (listed.entries[0].texts, listed.entries[0].labels) == (["café"], ["sea"])
    assert statement.endswith("labels from 'label' (names, 1 class)")
    with pytest.raises(InputError, match="row 1: caption holds bytes that are no text in UTF-8"):
        read(written(tmp_path / "y.parquet", columns | {"caption": [b"\xff"]}))


def test_decimals_are_numbers_where_nothing_is_lost_and_gaps_are_gaps(tmp_path):
    exact, long = decimal.Decimal("9.50"), decimal.Decimal("0.1000000000000000055")
    columns = {"text": ["a", "b"], "price": [exact, None], "count": [decimal.Decimal(3), None], "rate": [long, None]}
    path = written(tmp_path / "x.parquet", columns | {"year": [2001.0, NAN], "code": [2001.0, NAN]})
    listed, statement = read(path, types="year=int,code=text")
    assert listed.entries[0].metadata == {
        "price": 9.5,
        "count": 3,
        "rate": "0.1000000000000000055",
        "year": 2001,
        "code": "2001.0",
    }
    assert listed.entries[1].metadata == {}
    assert statement.endswith("'rate' is text, because of 0.1000000000000000055; types=rate=float would round it")
