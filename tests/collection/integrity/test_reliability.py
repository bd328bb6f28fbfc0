"""Reliability: what was acknowledged is there after a kill or a full disk; damage is named; repair keeps what is sound.

The same program with hundreds of trials is benchmarks/crash.py, which writes docs/reliability.md.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

import crossbit.collection.storage.store
from crossbit.collection import Collection, Raw
from crossbit.collection import text as words
from crossbit.collection.integrity.repair import repair
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.stats import stats
from crossbit.collection.storage.store import address
from crossbit.errors import DamagedError, DiskError, InputError, StorageError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def crash(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return __import__("crash")


def clean(rows):
    assert rows
    for row in rows:
        assert {row[name] for name in ("items lost", "half items", "unsound") if name in row} == {0}


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(crash, tmp_path):
    with crash.collection(tmp_path / "killed", crash.made_model(tmp_path)) as folder:
        rows = crash.kill(folder, 10, seed=5)
    clean(rows)
    assert sum(row["trials"] for row in rows) == 10


def test_nothing_acknowledged_is_lost_when_the_disk_is_full(crash, tmp_path):
    with crash.collection(tmp_path / "full", crash.made_model(tmp_path)) as folder:
        (row,) = crash.fill(folder, 4, seed=6)
    clean([row])
    assert row["refused with the reason"] == 4


def test_damage_is_named_and_repaired(crash, tmp_path):
    with crash.collection(tmp_path / "damaged", crash.made_model(tmp_path), items=200) as folder:
        rows = crash.damage(folder, 16, seed=7)
    assert sum(row["trials"] for row in rows) == 16
    assert {row["unnoticed"] for row in rows} == {0}
    assert {row["forged after repair"] for row in rows} == {0}


@pytest.mark.slow
def test_two_hundred_kills(crash, tmp_path):
    with crash.collection(tmp_path / "killed", crash.made_model(tmp_path)) as folder:
        clean(crash.kill(folder, 200, seed=8))


def test_a_full_disk_is_said_and_work_goes_on_after(shelf, monkeypatch, scenes):
    connect = crossbit.collection.storage.store.ItemStore._connect

    def small(self):
        connection = connect(self)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        return connection

    more = [Raw(f"more{row}", raw.picture, raw.texts) for row, raw in enumerate(scenes)]
    with monkeypatch.context() as patch:
        patch.setattr(crossbit.collection.storage.store.ItemStore, "_connect", small)
        with pytest.raises(DiskError, match="the disk is full; every acknowledged write is kept") as full:
            shelf.add(more)
    assert isinstance(full.value, StorageError)
    assert not isinstance(full.value, InputError)
    assert len(shelf) == 60
    assert verify(shelf.folder, model=False).sound
    assert shelf.add(more).added == 60


def execute(folder, statement, *values):
    with sqlite3.connect(folder / "items.db") as connection:
        connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE items SET metadata = '{}' WHERE number = 3", "item '000003'"),
        ("UPDATE items SET texts = 'x' WHERE number = 3", "item '000003'"),
        ("UPDATE items SET id = x'ff' WHERE number = 3", "item "),
        ("UPDATE segments SET image = zeroblob(120)", "codes from number 0"),
        ("UPDATE segments SET present = x'00'", "codes from number 0"),
        ("UPDATE thumbnails SET jpeg = x'00' WHERE number = 3", "thumbnails of number 3"),
        ("UPDATE vectors SET text = x'00' WHERE number = 3", "vectors of number 3"),
        ("DELETE FROM vectors WHERE number = 3", "vectors of number 3"),
        ("DELETE FROM items WHERE number = 3", "number 3"),
        ("INSERT INTO removed VALUES (3, 1)", "number 3"),
        ("UPDATE head SET items = 59", "head"),
        ("UPDATE head SET next = 5", "head"),
        ("UPDATE facts SET value = '17' WHERE name = 'bits'", "fact 'bits'"),
        ("DELETE FROM head", "head"),
    ],
)
def test_every_damage_is_named_and_only_it_is_lost(folder, statement, where):
    execute(folder, statement)
    report = verify(folder, model=False)
    assert [damage for damage in report.damage if damage.where.startswith(where)], report.damage
    kept = repair(folder)
    assert kept.items >= 59 or "segments" in statement
    assert verify(folder).sound
    assert (folder / "damaged" / "items.db").exists()
    with Collection(folder) as shelf:
        assert len(shelf) == kept.items


def test_what_was_lost_is_added_again_from_its_source(folder, scenes):
    execute(folder, "UPDATE segments SET image = zeroblob(120)")
    with pytest.raises(DamagedError, match=r"codes of items 0 to 59 have changed; `crossbit index verify .*--repair"):
        Collection(folder).search(words("red"))
    repair(folder)
    with Collection(folder) as shelf:
        counts = shelf.add(scenes)
        assert counts.added + counts.unchanged == 60
        assert len(shelf.search(words("red"), k=60).hits) == 60


def test_lost_changes_are_noticed(folder, scenes, tmp_path):
    shutil.copytree(folder, tmp_path / "before")
    with Collection(folder) as shelf:
        shelf.remove([scenes[0].id])
    shutil.copy(tmp_path / "before" / "items.db", folder / "items.db")
    report = verify(folder, model=False)
    assert report.damage[0].what == "the last 1 acknowledged changes are lost"
    assert not (folder / "head.json").unlink()
    assert verify(folder, model=False).damage[0].where == "head.json"


@pytest.fixture
def read_only(monkeypatch):
    """Return a function that makes all disks read-only, or not, as far as the collection asks."""

    def switch(on):
        monkeypatch.setattr(crossbit.collection.storage.store.os, "access", lambda place, mode: not on)

    return switch


def test_a_disk_that_cannot_be_written_can_be_searched(folder, scenes, read_only):
    assert address(folder).endswith("items.db?mode=rw")
    read_only(True)
    before = address(folder)
    assert "immutable=1" in before
    with Collection(folder) as shelf:
        assert shelf.search(words("red"), k=60).searched == stats(shelf).items == 60
        assert verify(folder).sound
        with pytest.raises(DiskError, match="cannot be read or written"):
            shelf.remove([scenes[0].id])
        read_only(False)
        with Collection(folder) as writer:
            writer.remove([scenes[0].id])
            read_only(True)
            assert address(folder).endswith("items.db?mode=ro")
            assert shelf.search(words("red"), k=60).searched == 59
            read_only(False)
        shelf.close()
        read_only(True)
        assert address(folder) != before
        assert shelf.search(words("red"), k=60).searched == 59


def test_what_cannot_be_opened_is_not_called_damaged(folder, monkeypatch):
    monkeypatch.setattr(
        "crossbit.collection.integrity.salvage.address", lambda folder: f"file:{folder}/absent/items.db?mode=rw"
    )
    with pytest.raises(DiskError, match=r"cannot be read or written \(unable to open database file\)"):
        verify(folder)


def test_a_damaged_model_is_named(folder):
    path = folder / "model" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "method": "other"}))
    assert verify(folder).damage[0].where == "model/bundle.json"
    (folder / "model" / "weights.safetensors").write_bytes(b"x")
    assert {damage.where.partition("/")[0] for damage in verify(folder).damage} == {"model"}


def test_a_file_that_was_cut_keeps_what_is_left(folder):
    data = (folder / "items.db").read_bytes()
    (folder / "items.db").write_bytes(data[: 3 * len(data) // 4])
    assert not verify(folder, model=False).sound
    repair(folder)
    assert verify(folder).sound


def test_a_first_page_that_is_lost_costs_no_item(folder):
    data = bytearray((folder / "items.db").read_bytes())
    data[:200] = bytes(200)
    (folder / "items.db").write_bytes(data)
    assert verify(folder, model=False).damage[0].what.startswith("it cannot be read")
    assert repair(folder).items == 60


def test_an_interrupted_repair_goes_on(folder, monkeypatch):
    execute(folder, "UPDATE items SET metadata = '{}' WHERE number = 3")
    replace = Path.replace

    def killed(self, target):
        if self.parent.name == "repaired" and self.name == "items.db":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            repair(folder)
    assert repair(folder).items == 59
    assert verify(folder).sound
