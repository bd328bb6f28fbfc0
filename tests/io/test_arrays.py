"""Files of arrays in every format: structs, cells, sparse matrices, texts, tensors, and the hostile refused."""

import contextlib
import json
import struct

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crossbit.errors import DiskError, InputError
from crossbit.io.arrays import contents, read_array, read_named, stored

A = np.arange(6.0).reshape(2, 3)
SPARSE = scipy.sparse.csc_array(np.array([[0, 2.0, 0], [1, 0, 0]]))


def save_v5(path):
    fields = {"B_te": A, "deep": {"L": A > 2}, "names": np.array(["ab", "ç"], object), "note": "hello", "S": SPARSE}
    scipy.io.savemat(path, {"result": fields, "X": A, "S": SPARSE, "cells": np.array([A, A + 1, None], object)[:2]})


def save_v73(path):
    """What MATLAB writes: axes reversed, structs as groups, cells as references, texts as the units of UTF-16."""
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")

        def text(group, name, value):
            group[name] = np.array([[unit] for unit in np.frombuffer(value.encode("utf-16-le"), np.uint16)])
            group[name].attrs["MATLAB_class"] = np.bytes_("char")
            return group[name].ref

        def cells(group, name, targets):
            group.create_dataset(name, (1, len(targets)), dtype=h5py.ref_dtype)
            for at, target in enumerate(targets):
                group[name][0, at] = target

        def sparse(group, name):
            inside = group.create_group(name)
            inside["data"], inside["ir"] = SPARSE.data, SPARSE.indices.astype(np.uint64)
            inside["jc"] = SPARSE.indptr.astype(np.uint64)
            inside.attrs["MATLAB_sparse"] = np.uint64(2)

        result = file.create_group("result")
        result["B_te"], result["deep/L"], file["X"] = A.T, (A > 2).T, A.T
        cells(result, "names", [text(refs, "a", "ab"), text(refs, "b", "ç")])
        text(result, "note", "hello")
        sparse(result, "S")
        sparse(file, "S")
        refs["m0"], refs["m1"] = A.T, (A + 1).T
        cells(file, "cells", [refs["m0"].ref, refs["m1"].ref])


@pytest.fixture(params=[save_v5, save_v73], ids=["v5", "v7.3"])
def mat(request, tmp_path):
    request.param(tmp_path / "r.mat")
    return tmp_path / "r.mat"


@pytest.mark.parametrize("dot", [".", "/"])
def test_fields_of_a_struct_have_paths(mat, dot):
    assert (read_array(f"{mat}:result{dot}B_te") == A).all()
    assert (read_array(f"{mat}:result{dot}deep{dot}L") == (A > 2)).all()
    assert read_named(mat, f"result{dot}note") == "hello"


def test_cells_and_sparse_matrices(mat):
    assert np.ravel(read_named(mat, "result.names")).tolist() == ["ab", "ç"]
    first, second = np.ravel(read_named(mat, "cells"))
    assert (first == A).all()
    assert (second == A + 1).all()
    for name in ("S", "result.S"):
        assert read_named(mat, name).format == "csr"
        assert (read_named(mat, name).toarray() == SPARSE.toarray()).all()
        assert (read_array(f"{mat}:{name}") == SPARSE.toarray()).all()


def test_contents_have_paths_and_shapes(mat):
    found = {each.name: each for each in contents(mat)}
    assert {*found} == {"X", "S", "cells", *(f"result.{name}" for name in ("B_te", "deep.L", "names", "note", "S"))}
    assert found["result.B_te"].shape == found["X"].shape == found["S"].shape == (2, 3)
    assert (found["result.names"].kind, found["result.note"].kind, found["S"].kind) == ("cell", "text", "sparse")
    assert (found["X"].read() == A).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"holds .*X \(2, 3\).*; choose one as .*r.mat:NAME"),
        (":result", r"result is a struct; choose one of its fields: result.B_te \(2, 3\)"),
        (":result.B_tr", r"has no 'result.B_tr'; it holds .*result.B_te \(2, 3\)"),
        (":result.names", "holds texts and not numbers"),
    ],
)
def test_what_is_not_there_is_listed(mat, name, message):
    with pytest.raises(InputError, match=message):
        read_array(f"{mat}{name}")


def test_hdf5_of_other_programs_keeps_its_axes(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/A"], file["names"] = A, ["a", "b"]
    assert (read_array(f"{tmp_path / 'x.h5'}:group/A") == A).all()
    assert read_named(tmp_path / "x.h5", "names").tolist() == ["a", "b"]


def test_npy_is_mapped_and_large_arrays_are_spooled(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "SPOOLED", 1)
    monkeypatch.setattr("crossbit.io.arrays.hdf5.SPOOLED", 1)
    monkeypatch.setattr("crossbit.io.arrays.hdf5.BLOCK", 60)
    monkeypatch.setattr(stored, "BLOCK", 60)
    x = np.random.default_rng(0).normal(size=(50, 7))
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x, f=np.asfortranarray(x))
    for name, kept in (("x.h5", x), ("x.mat", x.T)):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("x", data=kept, chunks=(4, 4), compression="gzip")
    for place in ("x.npy", "x.npz:x", "x.h5:x", "x.mat:x"):
        read = read_array(str(tmp_path / place))
        assert isinstance(read, np.memmap), place
        assert (read == x).all(), place
    assert (read_array(str(tmp_path / "x.npz:f")) == x).all()


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "SPOOLED", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    np.savez(tmp_path / "x.npz", x=A)
    with pytest.raises(
        DiskError, match=r"a temporary file of 48 bytes cannot be written into .*nowhere.* set TMPDIR to"
    ):
        read_array(str(tmp_path / "x.npz"))


def test_texts_and_their_columns(tmp_path):
    (tmp_path / "x.list").write_text("t1\tim 1\t3\nt2\tim 2\t10\n")
    assert read_array(f"{tmp_path / 'x.list'}:3").tolist() == [3, 10]
    assert read_named(tmp_path / "x.list", "2").tolist() == ["im 1", "im 2"]
    (tmp_path / "x.csv").write_text("a,b\n1,2.5\n3,4\n\n")
    assert read_array(str(tmp_path / "x.csv")).tolist() == [[1, 2.5], [3, 4]]
    assert read_array(f"{tmp_path / 'x.csv'}:b").tolist() == [2.5, 4]
    (tmp_path / "caps.txt").write_text("a dog, here\nno cat\n")
    assert read_named(tmp_path / "caps.txt").tolist() == ["a dog, here", "no cat"]
    (tmp_path / "ids.json").write_text(json.dumps(["a", "b"]))
    assert read_named(tmp_path / "ids.json").tolist() == ["a", "b"]
    (tmp_path / "bad.json").write_text('[{"a": 1}]')
    with pytest.raises(InputError, match="a list must hold texts or numbers alone"):
        read_named(tmp_path / "bad.json")


def test_tensors_of_torch_are_read_and_nothing_else(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"image": torch.tensor(A), "more": [torch.ones(2, dtype=torch.bfloat16)]}, tmp_path / "x.pt")
    assert (read_array(f"{tmp_path / 'x.pt'}:image") == A).all()
    assert read_array(f"{tmp_path / 'x.pt'}:more.0").tolist() == [1, 1]
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(InputError, match="must hold plain tensors, alone or in mappings and lists"):
        read_array(str(tmp_path / "model.pt"))
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(InputError, match="is damaged, or is no file of PyTorch"):
        read_array(str(tmp_path / "junk.pt"))
    torch.save(torch.ones(1).expand(1 << 40), tmp_path / "claimed.pt")
    with pytest.raises(InputError, match="unpacks to 4,398,046,511,104 bytes"):
        read_array(str(tmp_path / "claimed.pt"))


def nested(depth, inner_size=None):
    """A cell in a cell in a cell; with `inner_size` the sizes in their headers lie."""
    head = struct.pack("<6I2i2I", 6, 8, 1, 0, 5, 8, 1, 1, 1, 0)
    leaf = head.replace(struct.pack("<I", 1), struct.pack("<I", 6), 1) + struct.pack("<2Id", 9, 8, 1.0)
    data = struct.pack("<2I", 14, len(leaf)) + leaf
    size, heads = len(data), []
    for _ in range(depth):
        size += len(head)
        heads.append(struct.pack("<2I", 14, inner_size or size) + head)
        size += 8
    name = struct.pack("<2I8s", 1, 1, b"x")
    outer = heads[-1][:40] + name
    outer = struct.pack("<2I", 14, size + 0) + outer[8:]
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + outer + b"".join(reversed(heads[:-1])) + data


@pytest.mark.parametrize("lie", [None, 16])
def test_cells_too_deep_are_refused_before_they_are_read(tmp_path, lie):
    (tmp_path / "deep.mat").write_bytes(nested(5))
    assert contents(tmp_path / "deep.mat")[0].kind == "cell"
    assert read_named(tmp_path / "deep.mat", "x").dtype == object
    (tmp_path / "deep.mat").write_bytes(nested(200_000, lie))
    with pytest.raises(InputError, match="more than 24 deep in each other"):
        read_named(tmp_path / "deep.mat", "x")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "u1", "i2", "u2", "i8", "?"])
def test_every_class_of_matlab_is_read_as_it_is(tmp_path, kind, compressed):
    values = {"x": np.arange(24).reshape(2, 3, 4).astype(kind), "y": np.array(["row 1", "row 2"])}
    values |= {"s": scipy.sparse.csc_array(np.eye(3, 5) > 0), "c": np.array([[1 + 2j]]), "e": np.zeros((0, 3))}
    values["many"] = np.array([({"a": 1},), ({"a": 2},)], dtype=[("f", object)])
    scipy.io.savemat(tmp_path / "x.mat", values, do_compression=compressed)
    found = {each.name: each.read() for each in contents(tmp_path / "x.mat")}
    assert found["x"].dtype == kind
    assert (found["x"] == values["x"]).all()
    assert found["y"].tolist() == ["row 1", "row 2"]
    assert (found["s"].toarray() == np.eye(3, 5)).all()
    assert (found["c"].item(), found["e"].shape) == (1 + 2j, (0, 3))
    assert [row["f"]["a"].item() for row in found["many"]] == [1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_damage_anywhere_in_a_matlab_file_is_told_in_words(tmp_path, seed):
    save_v5(tmp_path / "r.mat")
    whole, dice = (tmp_path / "r.mat").read_bytes(), np.random.default_rng(seed)
    for _ in range(150):
        damaged = bytearray(whole)
        for at in dice.integers(0, len(whole), 3):
            damaged[at] = dice.integers(256)
        (tmp_path / "d.mat").write_bytes(damaged)
        with contextlib.suppress(InputError):
            for each in contents(tmp_path / "d.mat"):
                with contextlib.suppress(InputError):
                    read_named(tmp_path / "d.mat", each.name)


def test_groups_that_hold_themselves_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/x"] = A
        file["a/again"] = file["a"]
    with pytest.raises(InputError, match="lies more than 24 groups deep"):
        contents(tmp_path / "x.h5")


def test_cells_that_repeat_a_large_array_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "LARGEST", 1 << 20)
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["#refs#/a"] = np.zeros(1 << 14)
        file.create_dataset("c", (20, 1), dtype=h5py.ref_dtype)
        for at in range(20):
            file["c"][at, 0] = file["#refs#/a"].ref
    with pytest.raises(InputError, match="c unpacks to 2,621,440 bytes"):
        read_named(tmp_path / "x.mat", "c")


@pytest.mark.parametrize("part", ["data", "ir", "jc"])
def test_damaged_sparse_matrices_are_refused(tmp_path, part):
    save_v73(tmp_path / "r.mat")
    with h5py.File(tmp_path / "r.mat", "r+") as file:
        values = file[f"S/{part}"][()]
        del file[f"S/{part}"]
        file[f"S/{part}"] = values[:-1] if part == "data" else values + 100
    with pytest.raises(InputError, match=r"cannot be read as .mat|is a damaged sparse matrix"):
        read_array(f"{tmp_path / 'r.mat'}:S")


@pytest.mark.parametrize("kind", ["mat", "npz"])
def test_sparse_matrices_whose_indices_lead_out_of_them_are_refused(tmp_path, kind):
    bad = scipy.sparse.csc_array((np.ones(2), np.array([0, 1]), np.array([0, 1, 2])), (2, 2))
    bad.indices[1] = 1 << 30
    path = tmp_path / f"x.{kind}"
    scipy.io.savemat(path, {"S": bad}) if kind == "mat" else scipy.sparse.save_npz(path, bad)
    with pytest.raises(InputError, match="is a damaged sparse matrix"):
        read_named(path)
