"""Rows of matrices that need not fit into memory: the same numbers as a copy, read only where they are asked for."""

import mmap

import numpy as np
import pytest
from scipy.sparse import csr_array

from crossbit.data import rows as file
from crossbit.data.pairs import Dataset, Paired
from crossbit.data.rows import Rows, blocks, mapped, select, shares
from crossbit.data.splits import Split


@pytest.fixture
def matrix(rng):
    return rng.normal(size=(40, 6)).astype(np.float32)


@pytest.fixture
def on_disk(tmp_path, matrix):
    np.save(tmp_path / "matrix.npy", matrix)
    return np.load(tmp_path / "matrix.npy", mmap_mode="r")


@pytest.fixture
def lazy(monkeypatch):
    """Treat every matrix as too large to copy, and more than 60 numbers as too many for one block."""
    monkeypatch.setattr(file, "COPIED", 0)
    monkeypatch.setattr(file, "WHOLE", 60)
    monkeypatch.setattr(file, "BLOCK", 60)


def test_few_rows_are_copied_and_many_stay_where_they_lie(matrix, on_disk, monkeypatch):
    chosen = np.array([3, 1, 3])
    for x in (matrix, on_disk):
        assert type(select(x, chosen)) is np.ndarray
    assert select(matrix, slice(2, 9)).base is matrix
    monkeypatch.setattr(file, "COPIED", matrix[:3].nbytes - 1)
    for x in (matrix, on_disk):
        part = select(x, chosen)
        assert isinstance(part, Rows)
        assert (part.shape, part.ndim, part.dtype, len(part), part.nbytes) == ((3, 6), 2, np.float32, 3, 72)
        assert (np.asarray(part) == matrix[chosen]).all()
        assert (part[1] == matrix[1]).all()
        assert type(select(part, np.array([True, False, True]))) is np.ndarray
    assert isinstance(select(csr_array(matrix), chosen), csr_array)


def test_rows_of_rows_are_those_of_the_matrix(lazy, matrix, on_disk):
    part = select(select(on_disk, np.arange(39, -1, -2)), slice(1, 5))
    assert (part[:] == matrix[[37, 35, 33, 31]]).all()
    mask = np.zeros(4, bool)
    mask[[0, 2]] = True
    assert (part.select(mask)[:] == matrix[[37, 33]]).all()


def test_what_a_function_makes_of_many_rows_is_computed_when_it_is_read(lazy, matrix, on_disk):
    calls = []

    def halves(x):
        calls.append(len(x))
        return (x / 2)[:, :3]

    some = select(on_disk, np.arange(30))
    later = mapped(some, halves)
    assert later.shape == (30, 3)
    assert sum(calls) == 1
    assert (later[4:6] == matrix[4:6, :3] / 2).all()
    now = mapped(some, halves, most=10_000)
    assert type(now) is np.ndarray
    assert (now == matrix[:30, :3] / 2).all()
    assert max(calls) <= 20


@pytest.mark.parametrize("make", [np.asarray, csr_array, lambda x: Rows(x, np.arange(len(x)))])
def test_blocks_follow_from_the_shape_alone(lazy, matrix, make):
    found = [*blocks(make(matrix))]
    assert [start for start, _ in found] == [0, 10, 20, 30]
    dense = [block.toarray() if file.is_sparse(block) else block for _, block in found]
    assert (np.concatenate(dense) == matrix).all()
    assert [share for _, share in shares(make(matrix[:10]))] == [1.0]


def test_a_file_that_is_read_does_not_stay_in_memory(lazy, on_disk, matrix, monkeypatch):
    if not hasattr(mmap, "MADV_DONTNEED"):
        pytest.skip("the system takes no advice")
    told = []
    monkeypatch.setattr(file, "_release", lambda x: told.append(x.base))
    assert (select(on_disk[5:], np.arange(9))[:] == matrix[5:14]).all()
    assert told


def test_what_was_changed_in_memory_alone_is_kept(lazy, tmp_path, matrix):
    np.save(tmp_path / "m.npy", matrix)
    changed = np.load(tmp_path / "m.npy", mmap_mode="c")
    changed[2] = 7
    assert (select(changed, np.arange(5))[:][2] == 7).all()
    assert (changed[2] == 7).all()


def test_a_checksum_does_not_depend_on_where_features_lie(lazy, matrix, on_disk, monkeypatch):
    split = Split("s", train=("a",), query=("b",), database=("c",))

    def checksum(x):
        pairs = Paired(x, csr_array(matrix), item=np.arange(40))
        return Dataset("d", train=pairs, query=pairs[:5], database=pairs[np.arange(5, 40)], split=split).sha256

    cut = checksum(on_disk), checksum(matrix)
    monkeypatch.undo()
    assert {*cut} == {checksum(matrix)}


def test_pairs_leave_a_large_file_where_it_is(lazy, matrix, on_disk, rng):
    pairs = Paired(on_disk, matrix)
    assert isinstance(pairs.image, Rows)
    assert pairs.text is matrix
    held = pairs[np.arange(7, 30)]
    assert (held.image[:] == held.text[:]).all()
    for at, batch in pairs.batches(8, rng):
        assert (np.asarray(batch.image) == matrix[at]).all()
    once = Paired(on_disk, matrix, item=np.arange(40) // 2).side("image")
    assert (once.image[:] == matrix[::2]).all()
