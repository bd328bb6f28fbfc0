"""A collection in Python: it is made from a fitted model, takes raw items, and says which kinds would do."""

from pathlib import Path

import pytest

from crossbit import Collection, InputError, Item, Raw, load_model, text


def test_a_fitted_model_makes_the_same_collection_as_its_folder(model, scenes, tmp_path):
    with Collection.create(tmp_path / "a", load_model(model)) as one, Collection.create(tmp_path / "b", model) as other:
        assert one.store.facts["model"] == other.store.facts["model"]
        assert one.add(scenes[:3]).added == 3


@pytest.mark.parametrize("kind", ["encoder", "number"])
def test_what_is_no_model_is_told_what_would_do(kind, model, tmp_path):
    given = load_model(model).encoder if kind == "encoder" else 5
    with pytest.raises(
        InputError, match=r"one of crossbit\.fit, or the folder in which model\.save\(folder\) saved it"
    ):
        Collection.create(tmp_path / "shelf", given)
    assert not (tmp_path / "shelf").exists()


def test_a_single_raw_is_taken_as_one(shelf):
    assert shelf.add(Raw("alone", texts="a red circle")).added == 1
    assert shelf.item("alone").texts == ("a red circle",)


@pytest.mark.parametrize("given", ["a.png", b"a", Path("a.png"), {"id": "a"}, Item("a"), None, 3], ids=repr)
def test_what_is_no_raw_is_told_what_would_do(given, shelf):
    for value in (given, [given], [Raw("new", texts="red"), given]):
        with pytest.raises(
            InputError, match=r"are crossbit\.Raw\(id, picture=\.\.\., texts=\.\.\.\), one or several, not the"
        ):
            shelf.add(value)
    assert len(shelf) == 60


def test_unknown_words_are_told_with_the_results(shelf):
    found = shelf.search("zzzz", -text("red"), k=2)
    assert found.warning == "no word of 'zzzz' is in the model's vocabulary; results are meaningless"
    assert repr(found).endswith(found.warning)
    assert "no word of" in found._repr_html_()
    assert shelf.search("zzzz red").warning is None


def test_a_number_of_hits_is_a_number(shelf):
    with pytest.raises(InputError, match="k is a whole number, not the str '3'"):
        shelf.search("red", k="3")
