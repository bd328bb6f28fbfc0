"""Indexes: every exact one equals the oracle, the approximate one reaches its stated recall, bad input is named."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.codes import Codes, hamming
from crossbit.errors import InputError
from crossbit.indexes import INDEXES, build
from crossbit.indexes.ivf import InvertedFile

EXACT = sorted(set(INDEXES) - {"exact", "faiss-ivf"})


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
    mask = rng.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    allowed = draw(st.sampled_from([None, mask, rng.permutation(np.flatnonzero(mask))]))
    return database, queries, draw(st.integers(1, 45)), draw(st.integers(0, 140)), allowed


def test_the_table_of_indexes_is_the_folder():
    folder = Path(sys.modules["crossbit.indexes"].__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert files == {spec.partition(":")[0] for spec in INDEXES.builtin.values()}


@given(cases())
def test_the_oracle_sorts_by_distance_then_row(case):
    database, queries, k, radius, allowed = case
    rows = np.arange(len(database)) if allowed is None else np.sort(np.arange(len(database))[allowed])
    distance = hamming(queries, database)
    index = build("exact", database)
    found, balls = index.search(queries, k, allowed), index.within(queries, radius, allowed)
    assert found.rows.shape == (len(queries), min(k, len(rows)))
    for i in range(len(queries)):
        expected = sorted((int(distance[i, row]), int(row)) for row in rows)
        ball = slice(balls.starts[i], balls.starts[i + 1])
        assert list(zip(found.distances[i].tolist(), found.rows[i].tolist(), strict=True)) == expected[:k]
        assert list(zip(balls.distances[ball].tolist(), balls.rows[ball].tolist(), strict=True)) == [
            pair for pair in expected if pair[0] <= radius
        ]


@pytest.mark.parametrize("name", EXACT)
@given(case=cases())
def test_an_exact_index_equals_the_oracle(name, case):
    database, queries, k, radius, allowed = case
    ours, oracle = build(name, database), build("exact", database)
    assert_same(ours.search(queries, k, allowed), oracle.search(queries, k, allowed))
    assert_same(ours.within(queries, radius, allowed), oracle.within(queries, radius, allowed))


@given(cases())
def test_an_inverted_file_that_probes_every_list_equals_the_oracle_up_to_the_last_tie(case):
    database, queries, k, radius, allowed = case
    ours, oracle = build("faiss-ivf", database, lists=1 + len(database) // 8, probes=99), build("exact", database)
    found, expected = ours.search(queries, k, allowed), oracle.search(queries, k, allowed)
    assert (found.distances == expected.distances).all()
    before_last_tie = expected.distances < expected.distances[:, -1:]
    assert (found.rows == expected.rows)[before_last_tie].all()
    assert (found.distances == np.take_along_axis(hamming(queries, database), found.rows, 1)).all()
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
    assert (found.distances == np.take_along_axis(hamming(queries, database), found.rows, 1)).all()


def test_a_query_whose_lists_hold_too_few_codes_is_still_answered_in_full(rng):
    database, queries = random_codes(rng, 300, 32), random_codes(rng, 20, 32)
    ours, oracle = build("faiss-ivf", database, lists=64, probes=1), build("exact", database)
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
        (lambda index, q: index.search(Codes.from_bits(np.ones((1, 9), bool)), 1), "9 bits .* among codes of 16 bits"),
        (lambda index, q: index.within(Codes.from_bits(np.ones((1, 9), bool)), 1), "9 bits .* among codes of 16 bits"),
        (lambda index, q: index.search(q, 1, np.ones(5, bool)), "has 5 entries for 6 codes"),
        (lambda index, q: index.search(q, 1, np.ones(6, int)), "5 of 6 allowed row numbers are repeated.*make it bool"),
        (
            lambda index, q: index.search(q, 1, np.ones(6)),
            r"boolean mask or row numbers, but got float64 of shape \(6,",
        ),
        (lambda index, q: index.search(q, 1, np.ones((2, 6), bool)), r"one boolean mask .* shape \(2, 6\)"),
        (lambda index, q: index.within(q, 1, np.array([-1, 6])), "go from -1 to 6, but there are rows 0 to 5"),
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
        ("faiss-hnsw", {}, "no index 'faiss-hnsw'; there are exact, faiss, faiss-ivf"),
        ("exact", {"lists": 3}, r"'exact' has no options \['lists'\]; it has none"),
        ("faiss-ivf", {"nprobe": 3}, r"no options \['nprobe'\]; it has \['lists', 'probes'\]"),
        ("faiss-ivf", {"lists": 7}, "7 lists cannot be made of 6 codes; use 1 to 6 lists"),
        ("faiss-ivf", {"probes": 0}, "at least one list, but probes is 0"),
    ],
)
def test_bad_indexes_are_refused(rng, name, options, message):
    with pytest.raises(InputError, match=message):
        build(name, random_codes(rng, 6, 16), **options)


def test_no_index_needs_torch():
    code = "import sys, crossbit.indexes.flat, crossbit.indexes.ivf; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
