"""Labels of columns and arrays: every form that people write them in, and what could be two things."""

import math
import random
import time

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from crossbit.data.label_arrays import decide_arrays
from crossbit.data.labels import decide, join, mark
from crossbit.errors import InputError

NAN = math.nan


def of(labels):
    return labels.form, labels.classes, labels.matrix.astype(int).tolist()


@pytest.mark.parametrize(
    ("cells", "form", "classes", "rows"),
    [
        (["0", "1", "2", ""], "class numbers, 3 classes", "0 1 2", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]),
        ([10, 2, 10], "class numbers, 2 classes", "2 10", [[0, 1], [1, 0], [0, 1]]),
        (["1.0", "2.0", " "], "class numbers, 2 classes", "1 2", [[1, 0], [0, 1], [0, 0]]),
        ([1.0, NAN, 2.0], "class numbers, 2 classes", "1 2", [[1, 0], [0, 0], [0, 1]]),
        (["nan", "3", "1"], "class numbers, 2 classes; 'nan' is no label", "1 3", [[0, 0], [0, 1], [1, 0]]),
        (["0.0", "1.0", ""], "flags of one class", "sea", [[0], [1], [0]]),
        ([0.0, 1.0, NAN, None], "flags of one class", "sea", [[0], [1], [0], [0]]),
        ([True, False], "flags of one class", "sea", [[1], [0]]),
        (["true", "False"], "flags of one class", "sea", [[1], [0]]),
        (
            ["Sea", "sea"],
            "names, 2 classes; classes that differ in case alone: 'Sea', 'sea'",
            "Sea sea",
            [[1, 0], [0, 1]],
        ),
        (["Y", "n"], "flags of one class", "sea", [[1], [0]]),
        (["yes", "no"], "flags of one class", "sea", [[1], [0]]),
        (["-1", "+1"], "flags of one class", "sea", [[0], [1]]),
        ([np.int64(1), np.int64(-1)], "flags of one class", "sea", [[1], [0]]),
        ([[0, 1, 0], [1, 1, 0], None], "multi-hot lists, 3 classes", "0 1 2", [[0, 1, 0], [1, 1, 0], [0, 0, 0]]),
        ([[True, False], [True, True]], "multi-hot lists, 2 classes", "0 1", [[1, 0], [1, 1]]),
        ([[-1, 1.0], [1, -1]], "multi-hot lists, 2 classes", "0 1", [[0, 1], [1, 0]]),
        ([np.array([1, 0]), np.array([1, 1])], "multi-hot lists, 2 classes", "0 1", [[1, 0], [1, 1]]),
        (["0 1 1", "1 0 0"], "flags between blanks, 3 classes", "0 1 2", [[0, 1, 1], [1, 0, 0]]),
        (["0,1", "1,1"], "flags between commas, 2 classes", "0 1", [[0, 1], [1, 1]]),
        (["0;1", "1;1"], "flags between semicolons, 2 classes", "0 1", [[0, 1], [1, 1]]),
        (["[0. 1.]", "[1. 1.]"], "multi-hot lists written as text, 2 classes", "0 1", [[0, 1], [1, 1]]),
        (["[False, True]", "[True, True]"], "multi-hot lists written as text, 2 classes", "0 1", [[0, 1], [1, 1]]),
        ([[3, 7], [2], []], "lists of class numbers, 3 classes", "2 3 7", [[0, 1, 1], [1, 0, 0], [0, 0, 0]]),
        ([[1, 1, 3], [2]], "lists of class numbers, 3 classes", "1 2 3", [[1, 0, 1], [0, 1, 0]]),
        (["3 7", "2"], "class numbers between blanks, 3 classes", "2 3 7", [[0, 1, 1], [1, 0, 0]]),
        (["3;7", "2"], "class numbers between semicolons, 3 classes", "2 3 7", [[0, 1, 1], [1, 0, 0]]),
        (["sea; sky;", "sky"], "names between semicolons, 2 classes", "sea sky", [[1, 1], [0, 1]]),
        (["sky", None], "names, 1 class", "sky", [[1], [0]]),
        ([["sea", "sky", "sea"], []], "lists of names, 2 classes", "sea sky", [[1, 1], [0, 0]]),
        (["['sea', 'sky']", "[]"], "lists of names written as text, 2 classes", "sea sky", [[1, 1], [0, 0]]),
        (['["\\u6d77"]', "['sky']"], "lists of names written as text, 2 classes", "sky 海", [[0, 1], [1, 0]]),
        (["['sea' 'sky']", "['sky']"], "lists of names written as text, 2 classes", "sea sky", [[1, 1], [0, 1]]),
        (["007", "12"], "names, 2 classes", "007 12", [[1, 0], [0, 1]]),
        (
            ["NA", "DE"],
            "names, 2 classes; 'NA' is a class; leave the cell empty for no label",
            "DE NA",
            [[0, 1], [1, 0]],
        ),
        ([["sea"], "sky; sea"], "lists of names, 2 classes", "sea sky", [[1, 0], [1, 1]]),
        (
            [3, "sea", 2.0],
            "names, 3 classes; numbers are names too, because of 'sea'",
            "2 3 sea",
            [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
        ),
    ],
)
def test_every_form_is_recognised_and_said(cells, form, classes, rows):
    assert of(decide(cells, "sea")) == (form, tuple(classes.split()), rows)


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        (
            "label",
            ["0", "1"],
            "only 0 and 1: flags of one class, .*two classes; choose labels=label:flags or .*numbers",
        ),
        ("label", ["yes", "no"], "only 'no' and 'yes': flags .*; choose labels=label:flags or labels=label:names"),
        ("label", ["Y", "N", ""], "only 'N' and 'Y': flags .*; choose labels=label:flags or labels=label:names"),
        ("Label", [True, False], "only 0 and 1: flags of one class"),
        ("class", [-1, 1], "only -1 and 1: flags of one class"),
        ("sea", [[0], [1]], "only 0 and 1: flags of one class"),
        (
            "sea",
            ["0101", "1100"],
            "a flag per character, or names of classes; choose labels=sea:flags or labels=sea:names",
        ),
        (
            "kind",
            ["sea,boat", "sea"],
            r"between commas \(2 classes\), or one name each \(2 classes\); choose labels=kind:c",
        ),
        (
            "kind",
            ["sea|boat", "sea|sky"],
            r"between bars \(3 classes\), or one name each \(2 classes\); choose .*kind:bars",
        ),
        ("kind", ["['sea']", "sky"], "column 'kind' holds cells that are written as lists"),
        ("kind", ["[0 ... 1]", "[1 ... 1]"], "cannot be read as a list"),
        ("kind", ["1.5", "2"], "holds 1.5, which is no class number; if it is a name, choose labels=kind:names"),
        ("kind", [-1, 0, 4], "holds -1: a class, or no label, .* if it is a class, choose labels=kind:numbers"),
        ("kind", [[2, 0, 0], [1, 1, 0]], "flags are 0 and 1; if these are class numbers, choose labels=kind:numbers"),
        ("kind", [[1, 0, 0], [1, 0]], "flags are as many in every cell; if these are class numbers, choose"),
        ("kind", [{"a": 1}], "holds the dict {'a': 1}, which is no label"),
        ("kind", [[["a"]]], "holds lists of lists"),
    ],
)
def test_what_could_be_two_things_is_refused_with_both(column, cells, message):
    with pytest.raises(InputError, match=message):
        decide(cells, column)


@pytest.mark.parametrize(
    ("cells", "form", "classes"),
    [
        (["0", "1"], "numbers", "0 1"),
        (["0", "1"], "flags", "label"),
        (["0110", "1000"], "flags", "0 1 2 3"),
        (["0110", "1000"], "names", "0110 1000"),
        (["sea, sky", "sea"], "commas", "sea sky"),
        (["sea|sky", "sea"], "bars", "sea sky"),
        ([1.5, 2.0], "names", "1.5 2"),
        ([-1, 0, 4], "numbers", "-1 0 4"),
        ([[2, 0, 0], [1, 1, 0]], "numbers", "0 1 2"),
    ],
)
def test_a_user_can_say_which(cells, form, classes):
    assert decide(cells, "label", form).classes == tuple(classes.split())


@pytest.mark.parametrize(
    ("cells", "form", "message"),
    [
        (["sea"], "numbers", "holds 'sea', and numbers are asked for"),
        (["3"], "flags", "holds 3, and flags are 0 and 1, or -1 and 1"),
        (["3"], "words", "no form of labels 'words'; there are names, commas"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(cells, form, message):
    with pytest.raises(InputError, match=message):
        decide(cells, "label", form)


def test_signs_that_separate_nothing_are_mentioned():
    labels = decide(["sea,boat", "dog"], "kind")
    assert labels.form == "names, 2 classes; commas are parts of names, as in 'sea,boat'"
    tags = ["sea sky", "sky sea", "sea", "boat sea sky"]
    assert decide(tags, "kind").form == (
        "names, 4 classes; blanks are parts of names, as in 'boat sea sky', unless labels=kind:blanks says otherwise"
    )
    assert decide(["a\tb", "b\ta", "a", "b"], "kind").form.startswith("names, 4 classes; blanks are parts of names")
    assert decide(tags, "kind", "blanks").form == "names between blanks, 3 classes"
    assert decide(["Rome, Italy; night", "night"], "kind").classes == ("Rome, Italy", "night")


def test_several_columns_are_one_set_of_classes():
    flags = join({name: decide(cells, name) for name, cells in {"sea": [1, 0], "sky": ["1", "1"]}.items()})
    assert of(flags) == ("flags, 2 classes", ("sea", "sky"), [[1, 1], [0, 1]])
    mixed = join({"kind": decide(["sea", "sky"], "kind"), "size": decide([3, 4], "size"), "sea": decide([0, 1], "sea")})
    assert mixed.classes == ("sea", "sky", "size.3", "size.4")
    assert mixed.names() == [["sea", "size.3"], ["sky", "size.4", "sea"]]
    assert mixed.form == "kind: names, 2 classes; size: class numbers, 2 classes; sea: flags of one class"


@given(st.lists(st.lists(st.text(min_size=1).map("x{}x".format), max_size=4)))
def test_lists_of_names_come_back_as_they_were(rows):
    labels = decide(rows, "kind")
    assert labels.classes == tuple(sorted({name for row in rows for name in row}))
    assert labels.names() == [[*dict.fromkeys(row)] for row in rows]


def test_many_labels_take_linear_time():
    dice = random.Random(0)
    cells = [";".join(f"t{dice.randrange(6000)}" for _ in range(8)) for _ in range(6000)]
    start = time.perf_counter()
    labels = decide(cells, "labels")
    matrix = labels.matrix
    assert time.perf_counter() - start < 3
    assert [{*row} for row in labels.names()] == [{*cell.split(";")} for cell in cells]
    assert matrix.sum() == len(labels.marks.indices)
    assert (mark(labels.names(), labels.classes).toarray() == matrix).all()


def test_ids_are_not_taken_for_labels():
    labels = decide([f"item {n}" for n in range(70_000)], "labels")
    assert labels.names()[7] == ["item 7"]
    with pytest.raises(InputError, match="70,000 classes are too many: these are ids"):
        _ = labels.matrix


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_multi_hot_matrices(sparse, kind):
    hot = np.array([[1, 0, 1], [0, 0, 0]], kind)
    [labels] = decide_arrays({"y": scipy.sparse.csc_array(hot) if sparse else hot})
    assert of(labels) == ("multi-hot, 3 classes", ("0", "1", "2"), [[1, 0, 1], [0, 0, 0]])
    assert labels.numbered


def test_signs_are_multi_hot_too():
    [labels] = decide_arrays({"y": np.array([[1, -1], [-1, -1]])})
    assert labels.matrix.tolist() == [[True, False], [False, False]]
    with pytest.raises(InputError, match="multi-hot labels are 0 or 1, or else -1 or 1, but it has -1 and 0; save 0"):
        decide_arrays({"y": np.array([[1, -1], [-1, 0]])})


def test_class_numbers_share_their_classes():
    first, second = decide_arrays({"q": np.array([7, 2]), "d": np.array([[2.0], [9], [7]])})
    assert first.classes == second.classes == ("2", "7", "9")
    assert (first.matrix @ second.matrix.T).tolist() == [[False, False, True], [True, False, False]]


def test_vectors_of_0_and_1():
    assert decide_arrays({"y": np.array([0, 1])})[0].form == "class numbers, 2 classes"
    assert decide_arrays({"y": np.array([False, True])})[0].form == "flags of one class"
    assert decide_arrays({"y": np.array([[False], [True]])})[0].matrix.tolist() == [[False], [True]]
    for array in (np.array([[0], [1]]), np.array([-1, 1]), scipy.sparse.csr_array(np.array([[0], [1]]))):
        with pytest.raises(InputError, match="or numbers of two classes; choose form=flags or form=numbers"):
            decide_arrays({"y": array})
        assert decide_arrays({"y": array}, "flags")[0].matrix.tolist() == [[False], [True]]
    with pytest.raises(InputError, match=r"but these differ: q .* and d"):
        decide_arrays({"q": np.eye(3), "d": np.eye(2)})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"a": scipy.sparse.csr_array([[1, 0], [-1, 1]])},
            "but it has -1, and what a sparse matrix leaves out is 0",
        ),
        ({"a": np.array([[1, 0], [-1, 1]])}, "a: .* but it has -1 and 0; save 0 for -1"),
        ({"a": np.array([1, 2]), "b": np.array(["x"], object)}, r"texts, but there is a \(numbers\) and b \(texts\)"),
        ({"a": np.array(["2020-01-01"], "M8[D]")}, r"there is a \(datetime64\[D\]\)"),
        ({"a": np.zeros(2, [("x", int)])}, "labels are numbers"),
    ],
)
def test_arrays_of_what_are_no_labels_are_refused(arrays, message):
    with pytest.raises(InputError, match=message):
        decide_arrays(arrays)


def test_sparse_signs_without_zeros_are_multi_hot():
    [labels] = decide_arrays({"a": scipy.sparse.csr_array([[1, -1], [-1, 1]])})
    assert labels.matrix.tolist() == [[True, False], [False, True]]
