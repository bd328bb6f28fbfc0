"""Saved indexes: they find what the scan finds, outlive changes, and are built again when damaged."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.collection import Collection, Raw, Settings, like
from crossbit.collection import text as words
from crossbit.collection.item import Item
from crossbit.collection.search.saved_index import SavedIndex
from crossbit.collection.storage.batch import EncodedBatch
from crossbit.collection.storage.snapshot import Side
from crossbit.errors import InputError
from crossbit.indexes import INDEXES, register_index
from crossbit.indexes.exact import Exact

FLAT, ALL_LISTS = Settings("flat", shortlist=0), Settings("ivf", probes=10_000, shortlist=0)


@pytest.fixture
def built(monkeypatch):
    """Count how often an inverted file is built."""
    calls = []
    build = SavedIndex.built
    monkeypatch.setattr(SavedIndex, "built", lambda name, side: calls.append(len(side)) or build(name, side))
    return calls


@pytest.fixture
def put(rng):
    """Return a function that adds items of random codes."""

    def put(shelf, names):
        codes = Codes.from_bits(rng.random((len(names), shelf.bits)) < 0.5)
        items = [Item(name, (name,)) for name in names]
        return shelf.put(EncodedBatch(items, np.full(len(names), 3, np.uint8), {"image": codes, "text": codes}))

    return put


def assert_same(shelf, rng, k=9):
    queries = Codes.from_bits(rng.random((20, shelf.bits)) < 0.5)
    exact, found = (shelf.nearest(queries, "image", k, settings=each) for each in (FLAT, ALL_LISTS))
    assert (exact.distances == found.distances).all()
    distances = {int(n): c for n, c in zip(*_sides(shelf), strict=True)}
    for row, query in enumerate(queries.packed):
        right = [np.unpackbits(query ^ distances[n]).sum() for n in found.ids[row].tolist()]
        assert right == found.distances[row].tolist()
        assert len({*found.ids[row].tolist()}) == k


def _sides(shelf):
    side = shelf.snapshot().sides["image"]
    return side.numbers.tolist(), side.codes.packed


def test_it_answers_as_the_scan_does_where_all_lists_are_looked_into(shelf, rng, built):
    assert_same(shelf, rng)
    assert shelf.search(words("a red circle"), k=5).hits == shelf.search(words("a red circle"), k=5).hits
    assert len(built) == 1


def test_probes_are_of_a_search_and_few_of_them_still_find_as_many(shelf, rng, put, built):
    put(shelf, [f"r{row}" for row in range(400)])
    queries = Codes.from_bits(rng.random((20, shelf.bits)) < 0.5)
    recalls = []
    truth = shelf.nearest(queries, "image", 10, settings=FLAT).distances
    for probes in (1, 4, 10_000):
        found = shelf.nearest(queries, "image", 10, settings=Settings("ivf", probes, 0))
        assert (found.ids >= 0).all()
        recalls.append((found.distances <= truth[:, -1:]).mean())
    assert recalls[0] < recalls[-1] == 1
    assert len(built) == 1


def test_it_is_kept_and_read_again(shelf, folder, rng, built):
    assert_same(shelf, rng)
    with Collection(folder) as again:
        assert_same(again, rng)
    assert len(built) == 1


def test_it_outlives_changes_until_they_are_many(shelf, folder, rng, put, built, scenes):
    put(shelf, [f"r{row}" for row in range(400)])
    assert_same(shelf, rng)
    put(shelf, [f"s{row}" for row in range(20)])
    shelf.remove([f"r{row}" for row in range(0, 40, 2)])
    assert_same(shelf, rng)
    with Collection(folder) as again:
        assert_same(again, rng)
    shelf.compact()
    assert_same(shelf, rng)
    assert built == [460]
    shelf.remove([f"r{row}" for row in range(1, 21, 2)])
    assert_same(shelf, rng)
    assert built == [460, 450]
    assert len(list((folder / "indexes").iterdir())) == 1


def test_a_search_for_more_than_is_left_is_a_scan(shelf, rng, put):
    put(shelf, [f"r{row}" for row in range(400)])
    assert_same(shelf, rng)
    shelf.remove([f"r{row}" for row in range(40)])
    assert_same(shelf, rng, k=420)


@pytest.mark.parametrize("harm", ["bit", "cut", "empty", "of another"])
def test_what_is_damaged_or_of_other_codes_is_built_anew(shelf, folder, rng, put, built, harm, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    put(shelf, [f"r{row}" for row in range(400)])
    assert_same(shelf, rng)
    (path,) = (folder / "indexes").iterdir()
    content = bytearray(path.read_bytes())
    if harm == "of another":
        with Collection(copy) as other:
            put(other, [f"r{row}" for row in range(400)])
            shutil.copytree(folder / "indexes", copy / "indexes")
            assert_same(other, rng)
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes({"bit": content, "cut": content[:-40], "empty": b""}[harm])
        with Collection(folder) as again:
            assert_same(again, rng)
    assert len(built) == 2


def test_a_folder_that_cannot_be_written_is_searched_all_the_same(shelf, folder, rng):
    (folder / "indexes").write_text("in the way")
    assert_same(shelf, rng)


def test_items_of_one_side_alone(shelf, rng):
    shelf.add([Raw("text alone", None, ("a red circle",))])
    assert_same(shelf, rng)


@pytest.mark.parametrize("k", [5, 399, 400])
def test_a_reader_of_an_older_state_finds_as_many(rng, k):
    codes = Codes.from_bits(rng.random((400, 24)) < 0.5)
    older, newer = Side(np.arange(400), codes), Side(np.arange(10, 410), codes)
    found = SavedIndex.built("ivf", newer).search(older, codes[:9], k, 999)
    assert found.ids.shape == (9, k)
    assert ((found.ids >= 0) & (found.ids < 400)).all()
    assert all(len({*row}) == k for row in found.ids.tolist())


def test_an_inverted_file_of_version_0_1_0_is_replaced(shelf, folder, rng, built):
    (folder / "indexes").mkdir()
    for name in ("image-0a1b.faiss", "text-0a1b.faiss"):
        (folder / "indexes" / name).write_bytes(b"of another format")
    assert_same(shelf, rng)
    assert sorted(path.name for path in (folder / "indexes").iterdir()) == ["image-ivf.index", "text-0a1b.faiss"]


def test_any_registered_index_can_be_chosen(shelf, folder, rng, built, monkeypatch):
    monkeypatch.setattr(INDEXES, "_registered", {})

    class Own(Exact):
        saved = True

    register_index("own", Own)
    queries = Codes.from_bits(rng.random((20, shelf.bits)) < 0.5)
    for _ in range(2):
        exact, own = (
            shelf.nearest(queries, "image", 9, settings=Settings(each, shortlist=0)) for each in ("flat", "own")
        )
        assert (exact.ids == own.ids).all()
        shelf.remove(shelf.ids()[3:5])
    assert built == [60]
    assert (folder / "indexes" / "image-own.index").is_file()
    with pytest.raises(InputError, match="no index 'none'; there are auto, exact, flat, ivf"):
        Settings("none")


def test_a_collection_is_searched_by_code_and_item_without_faiss(folder):
    code = f"""
import sys
sys.modules["faiss"] = None
from pathlib import Path
from crossbit.collection import Collection, Settings, like
with Collection(Path({str(folder)!r})) as shelf:
    first = shelf.ids()[0]
    for where in ("", "year >= 2001"):
        found = shelf.search(like(first), where=where, k=3)
        print([(hit.item.id, hit.distance) for hit in found.hits], found.stages[1].how)
    print(len(shelf.search(like(first), radius=8).hits))
    try:
        shelf.search(like(first), settings=Settings("ivf"))
    except ValueError as error:
        print(error)
assert "torch" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    everything, some, ball, refused = run.stdout.splitlines()
    with Collection(folder) as shelf:
        first = shelf.ids()[0]
        for printed, where in ((everything, ""), (some, "year >= 2001")):
            hits = [(hit.item.id, hit.distance) for hit in shelf.search(like(first), where=where, k=3).hits]
            assert printed.startswith(f"{hits} exact")
        assert int(ball) == len(shelf.search(like(first), radius=8).hits)
    assert refused.startswith("faiss is missing")
