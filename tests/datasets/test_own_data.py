"""Folders and tables of your own: languages, several captions, labels, hostile names."""

import json

import pyarrow
import pyarrow.parquet
import pytest

from crossbit.datasets import load
from crossbit.errors import InputError

TEXTS = {
    "a/один.jpg": ["кошка спит", "спящая кошка"],
    "b.png": ["海边的日落"],
    "c.jpg": ["ein Hund", "un chien"],
    "d.jpg": ["dog"],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    for name in TEXTS:
        (tmp_path / name).touch()
    rows = [f"{image},{text}" for image, texts in TEXTS.items() for text in texts]
    (tmp_path / "captions.csv").write_text("\ufeffimage,caption\n" + "\n".join(rows) + "\n\n", encoding="utf-8")
    return tmp_path


def test_captions_in_any_language(folder):
    corpus = load("folder", folder)
    assert corpus.ids == ("a/один", "b", "c", "d")
    assert [list(said) for said in corpus.texts] == list(TEXTS.values())
    assert corpus.images[0] == folder / "a" / "один.jpg"
    assert corpus.labels is None
    assert corpus.split.instance
    assert [len(p) for p in (corpus.split.train, corpus.split.query)] == [3, 1]
    assert [len(p) for p in (load("folder", folder, query=2).split.query,)] == [2]


def test_labels_make_it_retrieval_by_label(folder):
    (folder / "captions.csv").write_text(
        "image,text,labels\nb.png,one,sea; sunset\nc.jpg,two,dog\nc.jpg,three,sea\nd.jpg,four,\n", encoding="utf-8"
    )
    corpus = load("folder", folder)
    assert corpus.classes == ("dog", "sea", "sunset")
    assert corpus.labels.astype(int).tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert not corpus.split.instance
    assert corpus.split.train == corpus.split.database
    assert load("folder", folder, retrieval="instance").split.instance


def test_lines_of_json(folder):
    (folder / "captions.csv").unlink()
    records = [{"image": "b.png", "caption": 'x, "y"', "labels": ["sea"]}, {"image": "c.jpg", "text": "z"}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    corpus = load("folder", folder)
    assert corpus.texts == [('x, "y"',), ("z",)]
    assert corpus.labels.tolist() == [[True], [False]]


def test_alike_names_keep_their_endings(folder):
    (folder / "b.jpg").touch()
    (folder / "captions.csv").write_text("image,text\nb.png,one\nb.jpg,two\n")
    assert load("folder", folder).ids == ("b.png", "b.jpg")


def test_absent_pictures_are_counted_or_refused(folder, caplog):
    (folder / "d.jpg").unlink()
    assert len(load("folder", folder)) == 3
    assert f"1 of 4 pictures are not in {folder}: d.jpg; left out" in caplog.text
    with pytest.raises(InputError, match="1 of 4 pictures are not in"):
        load("folder", folder, missing="fail")
    with pytest.raises(InputError, match="query is 'many', but must be of type int"):
        load("folder", folder, query="many")


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/passwd", "a/../../x.jpg", "C:\\x.jpg", "..\\x.jpg", "\\\\host\\x.jpg"]
)
def test_names_that_lead_out_of_the_folder_are_refused(folder, name):
    (folder / "captions.csv").write_text(f"image,text\nb.png,fine\n{name},hostile\n")
    with pytest.raises(InputError, match="leads out of"):
        load("folder", folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.csv", b"image,text\nb.png,caf\xe9\n", r"captions.csv: line 2 is not UTF-8 \(byte 0xe9\)"),
        (
            "captions.csv",
            b"picture,words\nb.png,one\n",
            r"entry 1 needs image and text \(or caption\), but holds picture, words",
        ),
        ("captions.csv", b"image,text\nb.png\n", r"entry 1 needs image and text \(or caption\), but holds image"),
        ("captions.csv", b"image,text\n,one\n", "entry 1 names no picture"),
        (
            "captions.csv",
            b"image,text,labels\nb.png,one,sea\nb.png,two boats, at sea,sea\n",
            r"entry 2 has 4 cells, but there are 3 columns: a text with a comma stands in quotes.*two boats",
        ),
        ("captions.csv", b"image,text\n", "lists no pictures"),
        ("captions.csv", b"", "lists no pictures"),
        ("captions.csv", b'image,text\n"b.png,one\n', "line 2: the quote before .* is never closed"),
        ("captions.jsonl", b'{"image": "b.png"\n', "line 1 is not JSON"),
        ("captions.jsonl", b"[1]\n", "line 1 must be an object with image and text"),
        ("captions.jsonl", b'{"image": 3, "text": "x"}\n', "entry 1 needs image and text"),
        (
            "captions.jsonl",
            b'{"image": "b.png", "text": "x", "labels": 3}\n',
            "labels must be words between semicolons",
        ),
    ],
)
def test_damaged_lists_are_refused(folder, name, content, message):
    (folder / "captions.csv").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load("folder", folder)


def test_empty_cells_at_the_end_of_a_line_do_no_harm(folder):
    (folder / "captions.csv").write_text("image,text\nb.png,one,,\nc.jpg,two\n")
    assert load("folder", folder).texts == [("one",), ("two",)]


def test_a_name_too_long_for_the_disk_is_an_absent_picture(folder, caplog):
    (folder / "captions.csv").write_text(f"image,text\nb.png,one\nc.jpg,two\n{'a' * 5000}.jpg,three\n")
    assert len(load("folder", folder)) == 2
    assert "1 of 3 pictures are not in" in caplog.text


def test_retrieval_by_label_needs_labels(folder):
    with pytest.raises(InputError, match="needs labels, and there are none; use retrieval='instance'"):
        load("folder", folder, retrieval="label")


@pytest.fixture
def table(folder):
    (folder / "captions.csv").unlink()
    columns = {
        "path": ["a/один.jpg", "b.png", "c.jpg"],
        "said": [["one", "two"], ["three"], ["four", None]],
        "title": ["A", None, "C"],
        "kinds": ["cat;pet", None, "dog"],
        "night": [True, False, False],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "mine.parquet")
    return folder


def test_a_parquet_table(table):
    options = {"file": "mine.parquet", "image": "path", "text": "title+said"}
    corpus = load("table", table, **options)
    assert corpus.texts == [("A", "one", "two"), ("three",), ("C", "four")]
    assert corpus.ids[0] == "a/один"
    assert corpus.split.instance
    labelled = load("table", table, labels="kinds+night", **options)
    assert labelled.classes == ("cat", "dog", "night", "pet")
    assert labelled.labels.astype(int).tolist() == [[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_a_table_in_text(folder):
    (folder / "table.tsv").write_text("image\ttext\tsea\nодин.jpg\tone, two\t1\nодин.jpg\tthree\t0\n", encoding="utf-8")
    (folder / "a" / "два.jpg").touch()
    with (folder / "table.tsv").open("a", encoding="utf-8") as file:
        file.write("два.jpg\tfour\t0\n")
    corpus = load("table", folder, root="a", labels="sea")
    assert corpus.texts == [("one, two", "three"), ("four",)]
    assert corpus.images[0] == folder / "a" / "один.jpg"
    assert corpus.labels.tolist() == [[True], [False]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "mine.parquet has no column image, text; it has path, said, title, kinds, night"),
        ({"image": "path", "text": "words"}, "has no column words"),
        ({"image": "title", "text": "said"}, "row 2 names no picture in its column 'title', but None"),
        ({"image": "path", "text": "title", "root": "../elsewhere"}, "leads out of"),
        ({"file": "other.parquet"}, "other.parquet is not in"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, options, message):
    with pytest.raises(InputError, match=message):
        load("table", table, **{"file": "mine.parquet", **options})


def test_a_row_without_a_picture_is_named(folder):
    (folder / "table.csv").write_text("image,text\nb.png,one\n,two\n")
    with pytest.raises(InputError, match="row 2 names no picture in its column 'image', but ''"):
        load("table", folder)


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_what_is_no_table_is_refused(folder, name):
    (folder / name).write_bytes(b"\x00\xff\x00" * 50)
    with pytest.raises(InputError, match=r"cannot be read as a table|has no column"):
        load("table", folder)
