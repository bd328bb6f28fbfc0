"""Results as Python, notebooks and pandas show them."""

import sys
import types

import pytest

from crossbit.collection import Collection, Hit, Raw
from crossbit.errors import InputError


def test_results_are_a_sequence_of_hits(shelf):
    results = shelf.search("a red circle", k=5)
    assert len(results) == 5
    assert [*results] == [*results.hits]
    assert isinstance(results[0], Hit)
    assert results[-2:] == results.hits[3:]


def test_results_are_printed_as_a_table(shelf):
    results = shelf.search("a red circle", k=2)
    head, *rows, summary = str(results).splitlines()
    assert head.split() == ["rank", "id", "distance", "score", "text"]
    assert [row.split()[1] for row in rows] == [hit.item.id for hit in results]
    assert summary == "2 of 60 items"
    assert repr(results) == str(results)
    assert "(no rows)" in str(shelf.search("red", where="year > 3000"))


def test_a_notebook_shows_thumbnails_and_nothing_that_it_would_run(shelf, scenes):
    attack = '<script>alert("x")</script>'
    shelf.add([Raw(f'"><img src=x onerror={attack}', scenes[0].picture, (attack,))])
    html = shelf.search(scenes[0].picture, target="image", k=61)._repr_html_()
    assert html.count('<img src="data:image/jpeg;base64,') == 50
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html
    assert "61 of 61 items" in html


def test_a_notebook_shows_what_is_left(folder, model, tmp_path):
    with Collection(folder) as shelf:
        results = shelf.search("red", k=2)
        shelf.remove(results[0].item.id)
        assert results._repr_html_().count("<img") == 1


def test_hits_become_a_data_frame_where_pandas_is(shelf, monkeypatch):
    results = shelf.search("a red circle", k=2, where="year > 2000")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        results.to_pandas()
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=list))
    first, second = results.to_pandas()
    assert first["id"] == results[0].item.id
    assert (first["rank"], second["rank"]) == (1, 2)
    assert first["metadata.year"] == results[0].item.metadata["year"]
    assert first.keys() >= {"distance", "score", "probability", "text", "picture", "metadata.licence"}
