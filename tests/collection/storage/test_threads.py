"""Threads: each reads one state of the collection, whatever others have read meanwhile."""

import threading

import pytest

from crossbit.collection import Collection, Raw
from crossbit.collection import text as words
from crossbit.collection.integrity.verify import verify
from crossbit.collection.storage.snapshot import Snapshot

NEW = Raw("new", None, ("a red circle",), {"year": 3000})


@pytest.fixture
def writer(folder):
    """Return the collection as another process has it open."""
    with Collection(folder) as opened:
        yield opened


def texts(shelf, where=""):
    return {hit.item.id for hit in shelf.search(words("red"), target="text", k=99, where=where).hits}


def elsewhere(act, *given):
    """Do something in another thread; return what it returns."""
    done = []
    thread = threading.Thread(target=lambda: done.append(act(*given)), name="elsewhere")
    thread.start()
    thread.join()
    return done[0]


def test_a_long_reader_sees_its_own_state_when_others_have_read_a_newer_one(shelf, writer):
    with shelf.store.reading() as connection:
        assert connection.execute("SELECT items FROM head").fetchone() == (60,)
        writer.add([NEW])
        assert len(elsewhere(texts, shelf)) == 61
        assert len(texts(shelf)) == 60
        assert "new" not in texts(shelf, "year > 2000")
        with shelf.view() as (_, snapshot):
            assert snapshot.head.items == 60
    assert len(texts(shelf)) == 61


@pytest.mark.parametrize("first", ["", "year > 2000"])
def test_a_filter_finds_what_came_while_a_reader_was_held_up(shelf, writer, first):
    texts(shelf, first)
    with shelf.store.reading() as connection:
        connection.execute("SELECT items FROM head").fetchone()
        writer.add([NEW])
        elsewhere(texts, shelf)
        texts(shelf, "year > 2000")
    assert "new" in texts(shelf, "year > 2000")
    assert texts(shelf, "year > 2000") == {*shelf.ids("year > 2000")}


def test_what_a_newer_reader_knows_of_a_filter_is_not_forgotten(shelf, writer):
    with shelf.store.reading() as connection:
        connection.execute("SELECT items FROM head").fetchone()
        writer.add([NEW])
        assert "new" in elsewhere(texts, shelf, "year > 2000")
        assert "new" not in texts(shelf, "year > 2000")
    assert "new" in texts(shelf, "year > 2000")


class Gate:
    """A lock before which the thread named `late` waits, once, until it is let go."""

    def __init__(self):
        self.lock, self.arrived, self.open = threading.Lock(), threading.Event(), threading.Event()

    def __enter__(self):
        if threading.current_thread().name == "late" and not self.arrived.is_set():
            self.arrived.set()
            assert self.open.wait(60)
        self.lock.acquire()

    def __exit__(self, *fault):
        self.lock.release()


def test_a_search_that_is_overtaken_neither_fails_nor_reads_all_codes_again(shelf, writer, monkeypatch):
    texts(shelf)
    found, read = [], []
    refreshed = Snapshot.refreshed
    monkeypatch.setattr(Snapshot, "refreshed", lambda self, *given: read.append(1) or refreshed(self, *given))
    gate = shelf._snapshots._lock = Gate()
    late = threading.Thread(target=lambda: found.append(texts(shelf, "year > 2000")), name="late")
    late.start()
    assert gate.arrived.wait(60)
    writer.add([NEW])
    elsewhere(texts, shelf)
    gate.open.set()
    late.join()
    assert "new" in found[0]
    assert read == [1]
    assert verify(shelf.folder, model=False).sound
