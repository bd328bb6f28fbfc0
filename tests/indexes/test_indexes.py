"""Indexes: each keeps the contract; exact ones equal the oracle, the other reaches its recall; bad input is named."""

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.codes import Codes, hamming
from crossbit.errors import DamagedError, InputError, MissingError
from crossbit.indexes import INDEXES, build, files, scan
from crossbit.indexes.ivf import InvertedFile
from crossbit.testing.indexes import check_index

EXACT = sorted(set(INDEXES) - {"exact", "ivf"})


def random_codes(rng, n, bits):
    return Codes.from_bits(rng.random((n, bits)) < 0.5)


def clustered(rng, centres, n, flip=0.12):
    return Codes.from_bits(centres[rng.integers(len(centres), size=n)] ^ (rng.random((n, centres.shape[1])) < flip))


@st.composite
def cases(draw):
    """Few codes of few distinct values, so that ties are everywhere, and a restriction of each kind or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, bits = draw(st.integers(1, 40)), draw(st.integers(1, 130))
    pool = random_codes(rng, draw(st.integers(1, 12)), bits)
    database = pool[rng.integers(len(pool), size=n)]
    queries = random_codes(rng, draw(st.integers(0, 5)), bits)
    ids = draw(st.sampled_from([None, np.arange(n) * 3, rng.permutation(1000)[:n]]))
    mask = rng.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    allowed = draw(st.sampled_from([None, rng.permutation((np.arange(n) if ids is None else ids)[mask])]))
    return database, ids, queries, draw(st.integers(1, 45)), draw(st.integers(0, 140)), allowed


def test_the_table_of_indexes_is_the_folder():
    folder = Path(sys.modules["crossbit.indexes"].__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "files", "scans"}
    assert files == {spec.partition(":")[0] for spec in INDEXES.builtin.values()}


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_keeps_the_contract(name):
    check_index(INDEXES[name])


@given(cases())
def test_the_oracle_sorts_by_distance_then_id(case):
    database, ids, queries, k, radius, allowed = case
    numbers = np.arange(len(database)) if ids is None else ids
    searched = range(len(numbers)) if allowed is None else np.flatnonzero(np.isin(numbers, allowed))
    distance = hamming(queries, database)
    index = build("exact", database, ids)
    found, balls = index.search(queries, k, allowed), index.within(queries, radius, allowed)
    assert found.ids.shape == (len(queries), min(k, len(searched)))
    for i in range(len(queries)):
        expected = sorted((int(distance[i, row]), int(numbers[row])) for row in searched)
        ball = slice(balls.starts[i], balls.starts[i + 1])
        assert list(zip(found.distances[i].tolist(), found.ids[i].tolist(), strict=True)) == expected[:k]
        assert list(zip(balls.distances[ball].tolist(), balls.ids[ball].tolist(), strict=True)) == [
            pair for pair in expected if pair[0] <= radius
        ]


@pytest.mark.parametrize("name", EXACT)
@given(case=cases())
def test_an_exact_index_equals_the_oracle(name, case):
    database, ids, queries, k, radius, allowed = case
    ours, oracle = build(name, database, ids), build("exact", database, ids)
    assert_same(ours.search(queries, k, allowed), oracle.search(queries, k, allowed))
    assert_same(ours.within(queries, radius, allowed), oracle.within(queries, radius, allowed))


@given(cases())
def test_an_inverted_file_that_probes_every_list_equals_the_oracle_up_to_the_last_tie(case):
    database, ids, queries, k, radius, allowed = case
    ours, oracle = build("ivf", database, ids, lists=1 + len(database) // 8, probes=99), build("exact", database, ids)
    found, expected = ours.search(queries, k, allowed), oracle.search(queries, k, allowed)
    assert (found.distances == expected.distances).all()
    before_last_tie = expected.distances < expected.distances[:, -1:]
    assert (found.ids == expected.ids)[before_last_tie].all()
    assert_same(ours.within(queries, radius, allowed), oracle.within(queries, radius, allowed))


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert (ours == theirs).all()


@pytest.mark.parametrize("bits", [64, 100])
def test_the_inverted_file_reaches_its_stated_recall_on_clustered_codes(rng, bits):
    centres = rng.random((500, bits)) < 0.5
    database, queries = clustered(rng, centres, 50_000), clustered(rng, centres, 200)
    index = InvertedFile(database)
    found, expected = index.search(queries, 100), build("exact", database).search(queries, 100)
    recall = (found.distances <= expected.distances[:, -1:]).mean()
    assert recall >= 0.95
    assert (found.distances == np.take_along_axis(hamming(queries, database), found.ids, 1)).all()


def test_a_query_whose_lists_hold_too_few_codes_is_still_answered_in_full(rng):
    database, queries = random_codes(rng, 300, 32), random_codes(rng, 20, 32)
    ours, oracle = build("ivf", database, lists=64, probes=1), build("exact", database)
    assert_same(ours.search(queries, 200), oracle.search(queries, 200))


def test_the_oracle_answers_alike_however_it_is_blocked(rng, monkeypatch):
    database, queries = random_codes(rng, 50, 20), random_codes(rng, 9, 20)
    whole = build("exact", database)
    search, within = whole.search(queries, 7), whole.within(queries, 8)
    monkeypatch.setattr("crossbit.indexes.exact._BLOCK", 101)
    assert_same(whole.search(queries, 7), search)
    assert_same(whole.within(queries, 8), within)


@pytest.mark.parametrize("name", INDEXES.builtin)
def test_codes_may_lie_in_a_memory_mapped_file_or_be_strided(tmp_path, rng, name):
    database, queries = random_codes(rng, 40, 24), random_codes(rng, 3, 24)
    np.save(tmp_path / "codes.npy", database.packed)
    mapped = Codes(np.load(tmp_path / "codes.npy", mmap_mode="r"), 24)
    expected = build("exact", database[::2]).search(queries, 5).distances
    assert (build(name, mapped[::2]).search(queries[::-1], 5).distances == expected[::-1]).all()


@pytest.mark.parametrize("name", INDEXES.builtin)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index, q: index.search(q, 0), "at least one neighbour, but k is 0"),
        (lambda index, q: index.within(q, -1), "radius is at least 0, but it is -1"),
        (lambda index, q: index.search(Codes.from_bits(np.ones((1, 9), bool)), 1), "9 bits .* an index of 16 bits"),
        (lambda index, q: index.within(Codes.from_bits(np.ones((1, 9), bool)), 1), "9 bits .* an index of 16 bits"),
        (lambda index, q: index.search(q, 1, np.ones(6, int)), "5 of 6 allowed ids are repeated.*np.flatnonzero of it"),
        (lambda index, q: index.search(q, 1, np.ones(6)), r"integers, but got float64 of shape \(6,.*np.flatnonzero"),
        (lambda index, q: index.search(q, 1, np.ones((2, 6), int)), r"one row of integers, .* shape \(2, 6\)"),
        (lambda index, q: index.add(q[:2], np.array([9, 5])), "1 of 2 ids are in the index already, the first is 5"),
        (lambda index, q: index.add(q[:2], np.array([-9, 7])), "at least 0, but one is -9"),
        (lambda index, q: index.add(q[:2], np.array([7])), "2 codes need as many ids, but got 1"),
    ],
)
def test_bad_searches_are_refused(rng, name, call, message):
    codes = random_codes(rng, 6, 16)
    with pytest.raises(InputError, match=message):
        call(build(name, codes), codes)


@pytest.mark.parametrize("name", INDEXES.builtin)
def test_no_codes_make_no_index(name):
    with pytest.raises(InputError, match="at least one code, but got none"):
        build(name, Codes(np.empty((0, 2), np.uint8), 16))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("faiss-hnsw", {}, "no index 'faiss-hnsw'; there are exact, flat, ivf"),
        ("exact", {"lists": 3}, r"'exact' has no options \['lists'\]; it has none"),
        ("ivf", {"nprobe": 3}, r"no options \['nprobe'\]; it has \['lists', 'probes'\]"),
        ("ivf", {"lists": 7}, "7 lists cannot be made of 6 codes; use 1 to 6 lists"),
        ("ivf", {"probes": 0}, "at least one list, but probes is 0"),
    ],
)
def test_bad_indexes_are_refused(rng, name, options, message):
    with pytest.raises(InputError, match=message):
        build(name, random_codes(rng, 6, 16), **options)


def test_indexes_are_imported_without_torch_or_faiss():
    code = (
        "import sys, crossbit.indexes.flat, crossbit.indexes.ivf; sys.exit(bool({'torch', 'faiss'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_faiss_the_scan_is_that_of_numpy(rng, monkeypatch):
    codes = random_codes(rng, 30, 24)
    assert type(scan(codes)).__name__ == "Flat"
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert type(scan(codes)).__name__ == "Exact"
    for name in [*EXACT, "ivf"]:
        with pytest.raises(MissingError, match=r"faiss is missing.*pip install faiss-cpu, or use the index exact"):
            build(name, codes)


def test_a_scan_neither_copies_codes_in_order_of_their_ids_nor_a_saved_file(tmp_path, rng):
    codes, ids = random_codes(rng, 40, 24), np.arange(40) * 2
    index = build("flat", codes, ids)
    assert np.shares_memory(index.entries()[1].packed, codes.packed)
    assert np.shares_memory(index.entries()[0], ids)
    index.save(tmp_path / "index")
    for array in (loaded := type(index).load(tmp_path / "index")).codes.packed, loaded.entries()[0]:
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(array, mmap.mmap)


def test_a_file_that_is_whole_but_makes_no_sense_is_refused(tmp_path, rng):
    codes, ids = random_codes(rng, 4, 24), np.arange(4)
    path, sizes, probes = tmp_path / "index", np.array([2, 2]), np.array([1])
    wrong = {
        "scan": [{}, {"ids": ids[:3]}, {"ids": ids[::-1]}, {"ids": ids.astype(np.uint8)[:, None]}],
        "ivf": [
            {"ids": ids, "sizes": sizes, "centres": codes.packed[:2]},
            {"ids": ids, "sizes": sizes + 1, "centres": codes.packed[:2], "probes": probes},
            {"ids": ids, "sizes": np.array([5, -1]), "centres": codes.packed[:2], "probes": probes},
            {"ids": ids, "sizes": sizes, "centres": codes.packed, "probes": probes},
            {"ids": ids, "sizes": sizes, "centres": codes.packed[:2, :1], "probes": probes},
            {"ids": codes.packed[:, 0], "sizes": sizes, "centres": codes.packed[:2], "probes": probes},
            {"ids": ids, "sizes": sizes, "centres": codes.packed[:2], "probes": probes - 1},
            {"ids": ids[:0], "sizes": sizes[:0], "centres": codes.packed[:0], "probes": probes},
        ],
    }
    for kind, cases in wrong.items():
        for arrays in cases:
            files.save(path, kind, codes, **arrays)
            with pytest.raises(DamagedError, match=r"cannot be used: .*; build it again from the codes"):
                INDEXES["flat" if kind == "scan" else "ivf"].load(path)


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [("flat", "ivf", "is of kind 'ivf', not 'scan'"), ("ivf", "exact", "is of kind 'scan', not 'ivf'")],
)
def test_the_file_of_an_index_of_another_kind_is_refused(tmp_path, rng, name, other, message):
    build(other, random_codes(rng, 40, 24)).save(tmp_path / "index")
    with pytest.raises(DamagedError, match=message):
        INDEXES[name].load(tmp_path / "index")
