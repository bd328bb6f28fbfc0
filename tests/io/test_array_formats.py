"""What formats of arrays hold that is not read, told in words; and what of MATLAB and SciPy is read as it is meant."""

import argparse

import h5py
import numpy as np
import pytest
import scipy.sparse

from crossbit.errors import InputError
from crossbit.io.arrays import contents, read_array, read_named

A = np.arange(6.0).reshape(2, 3)
SPARSE = scipy.sparse.csc_array(np.array([[0, 2.0, 0], [1, 0, 0]]))


@pytest.mark.parametrize(
    ("held", "cause"),
    [
        (lambda torch: torch.nn.Linear(2, 2), r"a module \(torch.nn.modules.linear.Linear\)"),
        (lambda torch: {"x": np.ones(3)}, "a NumPy array, for which .npy is the format"),
        (lambda torch: {"x": argparse.Namespace(a=1)}, r"other objects \(argparse.Namespace\)"),
    ],
)
def test_what_a_file_of_torch_holds_is_named_without_advice_to_trust_it(tmp_path, held, cause):
    torch = pytest.importorskip("torch")
    torch.save(held(torch), tmp_path / "x.pt")
    with pytest.raises(InputError, match=f"in mappings and lists, but it holds {cause}; save tensors") as told:
        read_array(str(tmp_path / "x.pt"))
    assert "weights_only" not in str(told.value)


def test_a_header_too_long_is_told_without_advice_to_trust_it(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(1, [(f"field{at:06d}", "f4") for at in range(1000)]))
    with pytest.raises(InputError, match="its header is longer than that of numbers is") as told:
        read_array(str(tmp_path / "x.npy"))
    assert "pickle" not in str(told.value)


def test_links_are_listed_and_not_followed(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["soft"], file["out"] = A, h5py.SoftLink("/a"), h5py.ExternalLink("/etc/passwd", "/x")
        file["empty/b"] = h5py.Empty("f4")
    path = tmp_path / "x.h5"
    assert {each.name: each.kind for each in contents(path)} | {"soft": "link", "out": "link"} == {
        each.name: each.kind for each in contents(path)
    }
    with pytest.raises(InputError, match="soft is a link to '/a', and no link is followed"):
        read_named(path, "soft")
    with pytest.raises(InputError, match="out is a link to '/etc/passwd:/x', and no link is followed"):
        read_named(path, "out")
    with pytest.raises(InputError, match="empty/b is empty"):
        read_named(path, "empty.b")
    with h5py.File(path, "r+") as file:
        del file["empty"]
    assert (read_array(str(path)) == A).all()


def test_what_matlab_calls_logical_is_bool(tmp_path):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["L"] = (A.T > 2).astype(np.uint8)
        file["L"].attrs["MATLAB_class"] = np.bytes_("logical")
    [held] = contents(tmp_path / "x.mat")
    assert held.kind == "bool"
    assert held.read().dtype == bool
    assert (held.read() == (A > 2)).all()


@pytest.mark.parametrize("form", ["coo", "csc", "csr", "bsr", "dia"])
def test_every_sparse_matrix_that_scipy_saves_is_read(tmp_path, form):
    scipy.sparse.save_npz(tmp_path / "s.npz", SPARSE.asformat(form))
    assert read_named(tmp_path / "s.npz").format == "csr"
    assert (read_array(str(tmp_path / "s.npz")) == SPARSE.toarray()).all()


def test_triplets_that_lead_out_of_their_matrix_are_refused(tmp_path):
    parts = {"row": np.array([1 << 30]), "col": np.array([0]), "data": np.ones(1), "shape": np.array([2, 2])}
    np.savez(tmp_path / "s.npz", format=np.array(b"coo"), **parts)
    with pytest.raises(InputError, match=r"cannot be read as \.npz"):
        read_named(tmp_path / "s.npz")
