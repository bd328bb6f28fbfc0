"""Registries: built-in names, plug-ins of installed packages, and names registered in this process."""

import logging
import sys
from importlib.metadata import EntryPoint

import pytest

from crossbit import registry
from crossbit.errors import InputError
from crossbit.registry import Registry


class Dist:
    def __init__(self, name):
        self.name = name


def point(name, value, package):
    found = EntryPoint(name, value, "group")
    vars(found)["dist"] = Dist(package)
    return found


@pytest.fixture
def names(monkeypatch):
    """Return a function that makes a registry with some plug-ins installed."""

    def make(*points, base="collections:OrderedDict"):
        monkeypatch.setattr(registry, "entry_points", lambda group: list(points))
        builtin = {"zlib": "parse:quote", "a": dict}
        return Registry("thing", builtin, group="group", package="urllib", base=base)

    return make


def test_names_are_sorted_and_found_lazily(names):
    things = names(point("mine", "collections:OrderedDict", "pack"))
    things.register("later", type("Later", (things["mine"],), {}))
    assert list(things) == ["a", "later", "mine", "zlib"]
    assert len(things) == 4
    assert "mine" in things
    assert "other" not in things
    assert things["a"] is dict
    assert things["zlib"].__name__ == "quote"
    assert [things.distribution(name) for name in things] == ["crossbit", "", "pack", "crossbit"]


def test_listing_imports_no_plug_in(names):
    sys.modules.pop("antigravity_plugin", None)
    things = names(point("mine", "no_such_module:Thing", "pack"))
    assert list(things) == ["a", "mine", "zlib"]
    with pytest.raises(InputError, match=r"thing 'mine' of package pack cannot be imported: ModuleNotFoundError"):
        things["mine"]


def test_an_unknown_name_is_answered_with_those_there_are(names):
    with pytest.raises(InputError, match="no thing 'b'; there are a, zlib"):
        names()["b"]


def test_the_first_package_has_a_name_and_the_others_are_told(names, caplog):
    points = [point("x", "collections:OrderedDict", package) for package in ("second", "first")]
    with caplog.at_level(logging.WARNING):
        things = names(*points, point("a", "collections:OrderedDict", "third"))
        assert things.distribution("x") == "first"
    assert [record.getMessage() for record in caplog.records] == [
        "thing 'a' of package third is ignored: crossbit has one too",
        "thing 'x' of package second is ignored: first has one too",
    ]
    assert things["a"] is dict


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", dict, "crossbit has a thing 'a' already; register yours under another name"),
        ("plug", dict, "pack has a thing 'plug' already"),
        ("a b", dict, "'a b' cannot name a thing: a name has letters, digits and . _ - only"),
        ("b", dict, "thing 'b' is <class 'dict'>, but must be a class derived from collections.OrderedDict"),
        ("b", 3, "thing 'b' is 3, but must be a class derived from"),
    ],
)
def test_what_cannot_be_registered_is_refused(names, name, value, message):
    things = names(point("plug", "collections:OrderedDict", "pack"))
    with pytest.raises(InputError, match=message):
        things.register(name, value)


def test_a_cell_of_a_notebook_can_be_run_twice(names):
    things = names(base="")
    things.register("b", 1)
    things.register("b", 2)
    assert things["b"] == 2
