"""Other people's files: every format and form of codes and labels, and the hostile and the ambiguous refused."""

import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crossbit.codes import hamming
from crossbit.errors import InputError
from crossbit.io.arrays import read_array, stored
from crossbit.metrics.saved_codes import read_codes, read_labels, read_sides

SIGNS = np.array([[1, -1, 1, 1, -1, -1, 1, 1, 1, -1], [-1, -1, -1, 1, 1, 1, 1, -1, 1, 1]])


def save_npy(path, array):
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def save_npz(path, array):
    np.savez_compressed(path.with_suffix(".npz"), codes=array)
    return path.with_suffix(".npz")


def save_mat5(path, array):
    scipy.io.savemat(path.with_suffix(".mat"), {"codes": array})
    return path.with_suffix(".mat")


def save_mat73(path, array):
    with h5py.File(path.with_suffix(".mat"), "w", userblock_size=512) as file:
        file["codes"] = array.T
    with path.with_suffix(".mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: test".ljust(124) + b"\x00\x02IM")
    return path.with_suffix(".mat")


SAVERS = [save_npy, save_npz, save_mat5, save_mat73]


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize(
    ("form", "bits", "said"),
    [
        (SIGNS.astype(np.float32), None, "-1/\\+1"),
        (SIGNS.astype(np.int8), None, "-1/\\+1"),
        ((SIGNS > 0).astype(np.uint8), None, "0/1"),
        ((SIGNS > 0).astype(np.float64), 10, "0/1"),
        (np.packbits(SIGNS > 0, axis=1), 10, "packed bits"),
    ],
)
def test_every_form_in_every_format(tmp_path, save, form, bits, said):
    codes, how = read_codes(str(save(tmp_path / "x", form)), bits)
    assert (codes.signs() == SIGNS).all()
    assert said.replace("\\", "") in how
    assert "2 codes of 10 " in how


@pytest.mark.parametrize("bits", [4, 10, 12, 16])
def test_bits_packed_from_the_low_end_are_recognised_by_their_padding(tmp_path, bits):
    codes = np.random.default_rng(0).random((20, bits)) < 0.5
    low, high = (np.packbits(codes, axis=1, bitorder=order) for order in ("little", "big"))
    low, high = str(save_npy(tmp_path / "low", low)), str(save_npy(tmp_path / "high", high))
    few = str(save_npy(tmp_path / "few", np.zeros((2, -(-bits // 8)), np.uint8)))
    for place in (low, high):
        read = read_codes(place, bits)
        assert (hamming(read.codes, read.codes) == (codes[:, None] != codes).sum(2)).all()
        zeros, whole = read_sides([few, place], bits)
        assert (hamming(zeros.codes, whole.codes) == codes.sum(1)).all()
    if bits % 8:
        assert "the low bit of a byte first" in read_codes(low, bits).how
        with pytest.raises(
            InputError, match=r"high.npy is packed with the high bit of a byte first, .*low.npy with the"
        ):
            read_sides([low, high], bits)


def test_padding_that_is_set_at_both_ends_is_refused(tmp_path):
    path = save_npy(tmp_path / "x", np.full((2, 2), 255, np.uint8))
    with pytest.raises(InputError, match=r"12-bit codes leave 4 bits of their last byte 0, .* check --bits"):
        read_codes(str(path), 12)


def test_bool_codes_are_said_to_be_bool(tmp_path):
    codes, how = read_codes(str(save_npy(tmp_path / "x", SIGNS > 0)))
    assert (codes.signs() == SIGNS).all()
    assert how == "2 codes of 10 bits, given as bool"


@pytest.mark.parametrize(
    ("array", "bits", "message"),
    [
        (np.sign(np.array([[0.0, 1.0, -1.0]])), None, r"three values: 1 zeros among 1 -1 and 1 \+1.* save x >= 0"),
        (np.array([[0.3, 1.0]]), None, "1 of 2 entries are none of -1, 0 and \\+1, such as 0.3; take the sign"),
        (np.array([[np.nan, 1.0]]), None, "such as nan"),
        (np.array([[200, 1]], np.uint8), None, "packed codes need --bits"),
        (np.ones((2, 7)), 8, "8-bit codes have 8 columns, or 1 of packed uint8; this is float64 with 7"),
        (np.ones(5), None, r"an item per row, but this has shape \(5,\)"),
        (np.array([["a"]]), None, "holds texts and not numbers"),
        (np.ones((1, 2), complex), None, "holds complex numbers"),
    ],
)
def test_what_is_no_code_is_refused(tmp_path, array, bits, message):
    with pytest.raises(InputError, match=message):
        read_codes(str(save_npy(tmp_path / "x", array)), bits)


@pytest.mark.parametrize("save", SAVERS)
def test_multi_hot_labels(tmp_path, save):
    hot = np.array([[1, 0, 1], [0, 0, 0]])
    path = str(save(tmp_path / "l", hot))
    query, database, how = read_labels(path, path, (2, 2))
    assert (query == hot).all()
    assert (database == hot).all()
    assert how == "multi-hot, 3 classes"


@pytest.mark.parametrize("save", SAVERS)
def test_class_numbers_are_matched_across_both_sides(tmp_path, save):
    q, d = (str(save(tmp_path / n, np.array(v, float).reshape(-1, 1))) for n, v in (("q", [7, 2]), ("d", [2, 9, 7])))
    query, database, how = read_labels(q, d, (2, 3))
    assert (query @ database.T).tolist() == [[False, False, True], [True, False, False]]
    assert how == "class numbers, 3 classes"


@pytest.mark.parametrize("save", SAVERS)
def test_a_column_of_0_and_1_is_flags_or_numbers_as_the_user_says(tmp_path, save):
    q, d = (str(save(tmp_path / n, np.array(v)[:, None])) for n, v in (("q", [1, 0]), ("d", [1, 0, 0])))
    with pytest.raises(InputError, match=r"flags of one class, .*; choose --label-form flags or --label-form numbers"):
        read_labels(q, d, (2, 3))
    query, database, how = read_labels(q, d, (2, 3), "flags")
    assert (query @ database.T).tolist() == [[True, False, False], [False, False, False]]
    assert how == "flags of one class"
    query, database, how = read_labels(q, d, (2, 3), "numbers")
    assert (query @ database.T).tolist() == [[True, False, False], [False, True, True]]
    assert how == "class numbers, 2 classes"
    with pytest.raises(InputError, match="no form of labels 'words'; choose numbers or flags"):
        read_labels(q, d, (2, 3), "words")


def test_a_row_vector_of_class_numbers_is_read_as_matlab_means_it(tmp_path):
    path = str(save_mat5(tmp_path / "l", np.array([[1, 2, 1]])))
    assert read_labels(path, path, (3, 3)).query.shape == (3, 2)


def test_sparse_labels_of_matlab(tmp_path):
    path = str(save_mat5(tmp_path / "l", scipy.sparse.csc_matrix(np.eye(3))))
    assert (read_labels(path, path, (3, 3)).query == np.eye(3)).all()


@pytest.mark.parametrize(
    ("query", "database", "message"),
    [
        (np.eye(3), np.arange(3), "one side's labels are multi-hot, the other's class numbers"),
        (np.array([0, 1.5, 2]), np.arange(3), "class numbers are whole, but 1 are not, such as 1.5"),
        (np.array([0, np.nan, 2]), np.arange(3), "1 are not, such as nan"),
        (np.array([0, -1, 2]), np.arange(3), "1 class numbers are negative"),
        (np.eye(3) * 2, np.eye(3), "multi-hot labels are 0 or 1, or else -1 or 1, but 3 are not, such as 2.0"),
        (np.ones((3, 2, 2)), np.ones((3, 2, 2)), r"a matrix or a vector, but there is .* \(3, 2, 2\)"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path, query, database, message):
    paths = [str(save_npy(tmp_path / name, part)) for name, part in (("q", query), ("d", database))]
    with pytest.raises(InputError, match=message):
        read_labels(*paths, (3, 3))


def test_ids_are_not_taken_for_labels(tmp_path, monkeypatch):
    path = str(save_npy(tmp_path / "ids", np.arange(70_000)))
    with pytest.raises(InputError, match="70,000 classes are too many: these are ids"):
        read_labels(path, path, (70_000, 70_000))


def test_an_array_of_several_is_named(tmp_path):
    np.savez(tmp_path / "two.npz", qB=SIGNS, rB=-SIGNS)
    scipy.io.savemat(tmp_path / "two.mat", {"qB": SIGNS, "rB": -SIGNS})
    for path in (tmp_path / "two.npz", tmp_path / "two.mat"):
        assert (read_codes(f"{path}:rB").codes.signs() == -SIGNS).all()
        with pytest.raises(InputError, match=r"holds qB .*, rB .*; choose one as .*:NAME"):
            read_codes(str(path))
        with pytest.raises(InputError, match="has no 'B'; it holds qB"):
            read_codes(f"{path}:B")


def test_a_colon_in_a_file_name_is_no_array_name(tmp_path):
    assert read_array(str(save_npy(tmp_path / "a.npy:b", SIGNS))).shape == SIGNS.shape


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("codes.npy", bytes(1 << 21))
    return path


def objects(path):
    np.save(path, np.array([{}], object))
    return path


def claimed(path):
    """A header that claims a terabyte, followed by nothing."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, 1)})
    return path


def linked(path, outside):
    with h5py.File(outside, "w") as file:
        file["codes"] = SIGNS
    save_mat73(path, SIGNS)
    with h5py.File(path, "r+") as file:
        del file["codes"]
        file["codes"] = h5py.ExternalLink(str(outside), "codes")
    return path


def test_hostile_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "LARGEST", 1 << 20)
    cases = {
        bomb(tmp_path / "b.npz"): "unpacks to 2,097,152 bytes, more than",
        objects(tmp_path / "o.npy"): "holds Python objects, which are never unpickled",
        claimed(tmp_path / "c.npy"): "cannot be read as .npy",
        linked(tmp_path / "l.mat", tmp_path / "outside.h5"): "holds no array but links, codes.*no link is followed",
        save_mat5(tmp_path / "cells", np.array(["a", 1], object)): "holds object and not numbers",
        save_mat73(tmp_path / "huge", np.ones((2, 1 << 20))): "codes unpacks to 16,777,216 bytes, more than",
        save_mat5(tmp_path / "zeros", np.zeros((1 << 9, 1 << 9))): "codes unpacks to 2,097,152 bytes, more than",
        save_mat5(tmp_path / "sparse", scipy.sparse.csc_matrix((1 << 20, 1 << 20))): "codes unpacks to 8,388,608 bytes",
    }
    for path, message in cases.items():
        name = "" if path.suffix != ".mat" or path.stem == "l" else ":codes"
        with pytest.raises(InputError, match=message):
            read_array(f"{path}{name}")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01", b"PK\x03\x04" + bytes(50), bytes(600), b"MATLAB 5.0 MAT" * 50]
)
def test_damaged_files_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as|is no MATLAB file|holds no array"):
        read_array(str(path))


def test_other_files_and_missing_ones(tmp_path):
    with pytest.raises(InputError, match="is a pickle, which can run any code and is never read"):
        read_array(str(tmp_path / "x.pkl"))
    with pytest.raises(FileNotFoundError):
        read_array(str(tmp_path / "x.npy"))
    with pytest.raises(InputError, match="holds one array without a name; leave 'a' out"):
        read_array(f"{save_npy(tmp_path / 'y', SIGNS)}:a")
