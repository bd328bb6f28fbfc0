"""The contract check of indexes: it passes a minimal engine of one's own, and names each promise that one breaks."""

import json

import numpy as np
import pytest

from crossbit.codes import Codes
from crossbit.errors import DamagedError, InputError
from crossbit.indexes import Balls, Neighbours
from crossbit.indexes.exact import Exact
from crossbit.testing.indexes import check_index


class Remote:
    """An engine as of a server: the content lies elsewhere under a name, and what is saved is that name."""

    recall, saved = 1.0, True
    tables: dict[str, Exact] = {}  # noqa: RUF012

    def __init__(self, codes, ids=None):
        self.name = str(len(self.tables))
        self.tables[self.name] = Exact(codes, ids)

    bits = property(lambda self: self.tables[self.name].bits)

    def __len__(self):
        return len(self.tables[self.name])

    def add(self, codes, ids):
        self.tables[self.name].add(codes, ids)

    def remove(self, ids):
        return self.tables[self.name].remove(ids)

    def entries(self):
        return self.tables[self.name].entries()

    def search(self, queries, k, allowed=None, *, probes=None):
        return self.tables[self.name].search(queries, k, allowed, probes=probes)

    def within(self, queries, radius, allowed=None):
        return self.tables[self.name].within(queries, radius, allowed)

    def save(self, path):
        path.write_text(json.dumps([self.name, self.name]))

    @classmethod
    def load(cls, path):
        try:
            name, again = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DamagedError(f"{path}: {error}") from None
        if name != again or name not in cls.tables:
            raise DamagedError(f"{path} names no table")
        output = cls.__new__(cls)
        output.name = name
        return output


def test_an_engine_of_ones_own_passes():
    check_index(Remote)


def broken(**members):
    return type("Broken", (Remote,), members)


def search(change):
    """Return an engine whose results of a search are changed."""

    def changed(self, queries, k, allowed=None, *, probes=None):
        return change(Remote.search(self, queries, k, allowed), queries, self)

    return broken(search=changed)


def within(change):
    return broken(
        within=lambda self, queries, radius, allowed=None: change(Remote.within(self, queries, radius, allowed))
    )


def unfiltered(self, queries, k, allowed=None, *, probes=None):
    return Remote.search(self, queries, k)


def trusting(cls, path):
    output = cls.__new__(cls)
    output.name = path.read_text()[2:].partition('"')[0] or "0"
    return output


def replacing(self, codes, ids):
    self.remove(np.unique(ids))
    Remote.add(self, codes, ids)


BROKEN = {
    "results of other shape": (search(lambda f, q, i: Neighbours(f.ids[:, 1:], f.distances[:, 1:])), "have shape"),
    "other types": (search(lambda f, q, i: Neighbours(f.ids, f.distances.astype(int))), "distances uint16"),
    "distances of a bit more": (search(lambda f, q, i: Neighbours(f.ids, f.distances + 1)), "distance of each id"),
    "unknown ids": (search(lambda f, q, i: Neighbours(f.ids + 1, f.distances)), "ids that are in the index"),
    "farthest first": (
        search(lambda f, q, i: Neighbours(f.ids[:, ::-1], f.distances[:, ::-1])),
        "in order of distance",
    ),
    "an id twice": (
        search(
            lambda f, q, i: Neighbours(f.ids[:, :1].repeat(f.ids.shape[1], 1), f.distances * 0 + f.distances[:, :1])
        ),
        "each id once",
    ),
    "no filter": (broken(search=unfiltered), "in the index, and allowed"),
    "a lookup that loses the last": (
        within(lambda f: Balls(np.minimum(f.starts, max(len(f.ids) - 1, 0)), f.ids[:-1], f.distances[:-1])),
        "exactly the nearest",
    ),
    "a lookup without starts": (within(lambda f: Balls(f.starts[1:], f.ids, f.distances)), "starts has an entry"),
    "adding replaces": (broken(add=replacing), "add of an id that is there raises InputError, but it returned"),
    "removing counts unknown ids": (
        broken(remove=lambda self, ids: Remote.remove(self, ids) and len(ids)),
        "remove returned",
    ),
    "adding does nothing": (broken(add=lambda self, codes, ids: None), "raises InputError, but it returned"),
    "damage is not seen": (broken(load=classmethod(trusting)), "load, with byte 0 of index changed"),
    "a recall of nothing": (broken(recall=0), "recall is a share"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_named(case):
    engine, message = BROKEN[case]
    with pytest.raises(AssertionError, match=message):
        check_index(engine)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda codes, ids: None, "an index has recall, saved, .*, but NoneType has not"),
        (lambda codes: None, r"make\(codes, ids\) returns an index, but TypeError"),
    ],
)
def test_a_factory_without_an_index_is_told_in_a_sentence(make, message):
    with pytest.raises(AssertionError, match=message):
        check_index(make)


def test_an_approximate_engine_is_held_to_its_recall():
    class Lossy(Remote):
        recall = 0.95

        def search(self, queries, k, allowed=None, *, probes=None):
            ids = self.entries()[0]
            half = np.setdiff1d(ids if allowed is None else allowed, ids[::2])
            found = Remote.search(self, queries, k, half)
            rest = Remote.search(self, queries, k, allowed)
            short = rest.ids.shape[1] - found.ids.shape[1]
            if short:
                return rest
            return found

    with pytest.raises(AssertionError, match=r"finds \d+ of \d+, but its recall is 0.95"):
        check_index(Lossy)


def test_an_error_of_another_kind_is_named():
    def add(self, codes, ids):
        try:
            Remote.add(self, codes, ids)
        except InputError as error:
            raise KeyError("id") from error

    with pytest.raises(AssertionError, match="raises InputError, not KeyError"):
        check_index(broken(add=add))


def test_the_check_is_repeatable():
    calls = []

    def make(codes: Codes, ids):
        calls.append(codes.packed.tobytes())
        return Exact(codes, ids)

    check_index(make)
    first = [*calls]
    calls.clear()
    check_index(make)
    assert calls == first
