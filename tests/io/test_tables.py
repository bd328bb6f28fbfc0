"""Tables of text as arrays: headers, columns by name and number, codes that look like numbers, and what is ragged."""

import logging

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.io.arrays import contents, read_array, read_named


@pytest.fixture
def table(tmp_path):
    def write(text):
        (tmp_path / "t.csv").write_text(text)
        return tmp_path / "t.csv"

    return write


@pytest.mark.parametrize("name", ["label", "2"])
def test_a_header_is_seen_above_one_column_of_numbers(table, name):
    assert read_named(table("image,label\nim0.jpg,3\nim1.jpg,4\n"), name).tolist() == [3, 4]
    assert [each.name for each in contents(table("image,label\nim0.jpg,3\n"))] == ["", "image", "label"]


def test_a_column_of_texts_asked_for_by_name_has_a_header(table):
    path = table("image,label\nim0.jpg,cat\nim1.jpg,dog\n")
    assert read_named(path, "label").tolist() == ["cat", "dog"]
    assert read_named(path, "2").tolist() == ["label", "cat", "dog"]
    with pytest.raises(InputError, match=r"has no 'year'; it holds .*image \(2,\), label \(2,\)"):
        read_named(path, "year")


def test_the_index_that_pandas_writes_is_left_out(table, caplog):
    caplog.set_level(logging.INFO, "crossbit.records")
    assert read_array(str(table(",x,y\n0,1,2\n1,3,4\n"))).tolist() == [[1, 2], [3, 4]]
    assert "the first column has no name and counts the rows; it is left out" in caplog.text
    assert read_array(str(table(",0,1\n0,1,2\n1,3,4\n"))).tolist() == [[1, 2], [3, 4]]
    assert read_array(str(table(",x,y\n5,1,2\n6,3,4\n"))).tolist() == [[5, 1, 2], [6, 3, 4]]


@pytest.mark.parametrize("cells", [["007", "7", "00", "0"], ["00000", "00001"], ["12345678901234567890", "1"], ["1_0"]])
def test_numbers_that_would_be_written_otherwise_stay_texts(table, cells):
    assert read_named(table("\n".join(f"a,{cell}" for cell in cells)), "2").tolist() == cells
    assert read_named(table("\n".join(cells))).tolist() == cells
    assert read_named(table("\n".join(["id", *cells]))).tolist() == cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n5\n", "holds no table of numbers: line 3 has 1 cells, and the lines above have 2"),
        ("1,2\n3,x\n", "holds no table of numbers: line 2 has 'x', which is no number"),
        ("a dog\ntwo cats\n", "holds texts and not numbers"),
    ],
)
def test_what_is_no_table_of_numbers_is_told_with_its_line(table, text, message):
    with pytest.raises(InputError, match=message):
        read_array(str(table(text)))


def test_complex_numbers_and_records_are_named(tmp_path):
    np.save(tmp_path / "c.npy", np.ones(2, complex))
    np.save(tmp_path / "r.npy", np.zeros(2, [("a", int), ("b", float)]))
    with pytest.raises(InputError, match=r"holds complex numbers \(complex128\); save their real parts"):
        read_array(str(tmp_path / "c.npy"))
    with pytest.raises(InputError, match="holds records of a, b and not numbers"):
        read_array(str(tmp_path / "r.npy"))
