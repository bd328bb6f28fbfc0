"""Folders and lists of your own as datasets: languages, several captions, labels, hostile names, an account."""

import io
import json
import logging

import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

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
    assert corpus.ids == ("a/один.jpg", "b.png", "c.jpg", "d.jpg")
    assert [list(said) for said in corpus.texts] == list(TEXTS.values())
    assert corpus.images[0] == folder / "a" / "один.jpg"
    assert corpus.labels is None
    assert corpus.split.instance
    assert [len(p) for p in (corpus.split.train, corpus.split.query)] == [3, 1]
    assert [len(p) for p in (load("folder", folder, query=2).split.query,)] == [2]
    assert corpus.source == str(folder.resolve())


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


def test_a_column_called_label_holds_labels_and_the_others_are_metadata(folder, caplog):
    caplog.set_level(logging.INFO, "crossbit.records")
    (folder / "captions.csv").unlink()
    (folder / "metadata.csv").write_text("file_name,text,label,sku\nb.png,one,sea,007\nc.jpg,two,dog,1e5\n")
    corpus = load("folder", folder)
    assert corpus.classes == ("dog", "sea")
    assert corpus.metadata == [{"sku": "007", "labels": ["sea"]}, {"sku": "1e5", "labels": ["dog"]}]
    assert "image from 'file_name', text from 'text', labels from 'label' (names, 2 classes)" in caplog.text


@pytest.mark.parametrize(
    ("cells", "classes", "marked"),
    [
        (["3", "0", "2"], ("0", "2", "3"), 3),
        (["1.0", "", "0.0"], ("sea",), 1),
        (["-1", "1", "1"], ("sea",), 2),
        (["0 1 0", "1 1 0", "0 0 1"], ("0", "1", "2"), 4),
        (["['sea', 'boat']", "['sea']", "[]"], ("boat", "sea"), 3),
        (["true", "false", "true"], ("sea",), 2),
        (["sea;boat", "sea", ""], ("boat", "sea"), 3),
    ],
)
def test_labels_are_decided_for_the_whole_column(folder, cells, classes, marked):
    rows = [f'{image},x,"{cell}"' for image, cell in zip(["b.png", "c.jpg", "d.jpg"], cells, strict=True)]
    (folder / "captions.csv").write_text("image,text,sea\n" + "\n".join(rows) + "\n")
    corpus = load("folder", folder, labels="sea")
    assert corpus.classes == classes
    assert corpus.labels.sum() == marked


def test_lines_of_json(folder):
    (folder / "captions.csv").unlink()
    records = [{"image": "b.png", "caption": 'x, "y"', "labels": ["sea"]}, {"image": "c.jpg", "caption": ["z", "w"]}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records) + "\n")
    corpus = load("folder", folder)
    assert corpus.texts == [('x, "y"',), ("z", "w")]
    assert corpus.labels.tolist() == [[True], [False]]


def test_texts_beside_the_pictures_make_pairs(folder):
    (folder / "captions.csv").unlink()
    for name in ("b.txt", "c.txt"):
        (folder / name).write_text(f"a thing called {name[0]}\n")
    assert load("folder", folder).texts == [("a thing called b",), ("a thing called c",)]


def test_absent_pictures_are_counted_and_named_or_refused(folder, caplog):
    (folder / "d.jpg").unlink()
    assert len(load("folder", folder)) == 3
    assert "not read: 1 row without its picture (captions.csv, line 7: 'd.jpg'): not in" in caplog.text
    with pytest.raises(InputError, match=r"1 of 6 rows of captions\.csv are without their picture"):
        load("folder", folder, missing="fail")
    with pytest.raises(InputError, match="query is 'many', but must be of type int"):
        load("folder", folder, query="many")


def test_a_row_without_a_picture_is_left_out_or_refused(folder, caplog):
    (folder / "captions.csv").write_text("image,text\nb.png,one\nc.jpg,two\n,three\n")
    assert load("folder", folder).ids == ("b.png", "c.jpg")
    assert "1 row without its picture (captions.csv, line 4): none is named" in caplog.text
    with pytest.raises(InputError, match="1 of 3 rows"):
        load("folder", folder, missing="fail")


def test_pictures_that_have_no_text_are_named(folder, caplog):
    (folder / "captions.csv").write_text("image,text\nb.png,one\nc.jpg,two\n")
    assert load("folder", folder).ids == ("b.png", "c.jpg")
    assert "2 pictures without a text (a/один.jpg, d.jpg): a pair has both" in caplog.text


def test_pictures_without_any_text_are_a_dataset_of_pictures(folder):
    (folder / "captions.csv").unlink()
    corpus = load("folder", folder, exclude="a/*")
    assert corpus.ids == ("b.png", "c.jpg", "d.jpg")
    assert corpus.texts is None


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/passwd", "a/../../x.jpg", "C:\\x.jpg", "..\\x.jpg", "\\\\host\\x.jpg"]
)
def test_names_that_lead_out_of_the_folder_are_refused(folder, name):
    (folder / "captions.csv").write_text(f"image,text\nb.png,fine\n{name},hostile\n")
    with pytest.raises(InputError, match=r"leads out of|is an absolute path"):
        load("folder", folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no pictures that can be read.*`crossbit datasets show folder`"):
        load("folder", tmp_path)


def test_a_name_too_long_for_the_disk_is_an_absent_picture(folder, caplog):
    (folder / "captions.csv").write_text(f"image,text\nb.png,one\nc.jpg,two\n{'a' * 5000}.jpg,three\n")
    assert len(load("folder", folder)) == 2
    assert "1 row without its picture" in caplog.text


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
    assert corpus.ids[0] == "a/один.jpg"
    assert corpus.split.instance
    labelled = load("table", table, labels="kinds+night", **options)
    assert labelled.classes == ("cat", "dog", "pet", "night")
    assert labelled.labels.astype(int).tolist() == [[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_pictures_within_a_table_are_read_on_access(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    rows = [{"image": {"bytes": file.getvalue(), "path": f"{k}.png"}, "text": "red"} for k in range(3)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "table.parquet")
    corpus = load("table", tmp_path)
    assert corpus.images[2] == file.getvalue()
    assert load("folder", tmp_path / "table.parquet").ids == corpus.ids


def test_a_table_in_text(folder):
    (folder / "table.tsv").write_text("image\ttext\tsea\nодин.jpg\tone, two\t1\nодин.jpg\tthree\t0\n", encoding="utf-8")
    (folder / "a" / "два.jpg").touch()
    with (folder / "table.tsv").open("a", encoding="utf-8") as file:
        file.write("два.jpg\tfour\t0\n")
    corpus = load("table", folder, root="a", labels="sea")
    assert corpus.texts == [("one, two", "three"), ("four",)]
    assert corpus.images[0] == folder / "a" / "один.jpg"
    assert corpus.labels.tolist() == [[True], [False]]


def test_the_text_of_a_cell_stays(folder):
    (folder / "table.csv").write_text("image,text\nb.png,00003\nc.jpg,1e5\nd.jpg,true\n")
    assert load("table", folder).texts == [("00003",), ("1e5",), ("true",)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "path", "text": "words"}, "mine.parquet has no column 'words' for text; there are path, said"),
        ({"image": "title", "text": "said"}, "3 of 3 rows of mine.parquet are without their picture"),
        ({"file": "other.parquet"}, "the list other.parquet is neither in"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, options, message):
    with pytest.raises(InputError, match=message):
        load("table", table, **{"file": "mine.parquet", **options})
