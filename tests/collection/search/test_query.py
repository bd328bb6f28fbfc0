"""Queries in plain values: strings, paths, bytes, images and arrays, with weights; what cannot be one is refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossbit.collection import Collection, Item, Part, Raw, image, like
from crossbit.collection import text as words
from crossbit.collection.search.query import part_of
from crossbit.errors import InputError


def ids(results):
    return [hit.item.id for hit in results]


@pytest.fixture
def file(scenes, tmp_path):
    path = tmp_path / "red circle.png"
    Image.fromarray(scenes[0].picture).save(path)
    return path


def test_a_collection_opens_and_is_made_by_a_string(folder, model, tmp_path):
    with Collection(str(folder)) as shelf:
        assert len(shelf) == 60
    with Collection.create(str(tmp_path / "new"), str(model)) as new:
        assert len(new) == 0


def test_a_string_is_a_text(shelf, file, monkeypatch):
    assert ids(shelf.search("a red circle")) == ids(shelf.search(words("a red circle")))
    monkeypatch.chdir(file.parent)
    assert ids(shelf.search("red circle.png")) == ids(shelf.search(words("red circle.png")))


def test_a_picture_may_come_in_any_form(shelf, scenes, file):
    expected = ids(shelf.search(image(scenes[0].picture)))
    with Image.open(file) as opened:
        forms = [file, file.read_bytes(), opened, scenes[0].picture]
        for form in forms:
            assert ids(shelf.search(form)) == expected
            assert ids(shelf.search(image(form))) == expected
        assert opened.getpixel((0, 0)) == tuple(scenes[0].picture[0, 0])
    assert ids(shelf.search(image(str(file)))) == expected


def test_an_image_is_shown_upright_and_stays_as_it_is(scenes):
    turned = Image.fromarray(np.rot90(scenes[0].picture, 1).copy())
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(stored := BytesIO(), "PNG", exif=exif)
    with Image.open(stored) as opened:
        assert (image(opened).value == scenes[0].picture).all()
        assert opened.getexif()[0x0112] == 6


def test_parts_add_up_with_weights(shelf, file):
    found = ids(shelf.search("a star", (file, 0.5), ("blue", -0.25), like("000003")))
    parts = words("a star"), image(file) * 0.5, -0.25 * words("blue"), like("000003")
    assert found == ids(shelf.search(*parts))
    assert part_of((like("000003"), 2)).weight == 2


@pytest.mark.parametrize(
    ("value", "given"),
    [
        (5, "the int 5"),
        (["red", "blue"], r"the list \['red', 'blue'\]"),
        (("red", "blue"), r"the tuple \('red', 'blue'\)"),
        (("red", True), r"the tuple \('red', True\)"),
        (None, "the NoneType None"),
        ({"text": "red"}, r"the dict \{'text': 'red'\}"),
    ],
)
def test_another_kind_is_refused_with_what_would_do(shelf, value, given):
    with pytest.raises(InputError, match=rf"texts \(str\), pictures \(pathlib.Path, .*\), items .* not of {given}"):
        shelf.search(value)


def test_a_part_of_another_kind_is_refused():
    with pytest.raises(InputError, match=r"a text is a string, not the PosixPath PosixPath\('x.jpg'\)"):
        words(Path("x.jpg"))
    with pytest.raises(InputError, match="an id is a string, not the int 3"):
        like(3)
    with pytest.raises(InputError, match="a picture is a path, the bytes of an image file, a PIL image or an array"):
        image(3)
    with pytest.raises(InputError, match="no kind of part 'sound'"):
        Part("sound", "x")


def test_an_array_that_is_no_picture_is_refused(shelf):
    with pytest.raises(InputError, match=r"pixels are uint8 of shape \(height, width, 3\), not float64"):
        shelf.search(np.zeros((4, 4)))


@pytest.mark.parametrize("form", ["a red circle", ["a red circle"], ("a red circle",)])
def test_a_single_text_is_one_text(shelf, form):
    shelf.add([Raw("q", None, form)])
    assert shelf.item("q").texts == ("a red circle",)
    shelf.update("q", texts=form)
    assert shelf.item("q").texts == ("a red circle",)
    assert shelf.remove("q") == 1


def test_an_item_takes_a_single_text_too():
    assert Item("a", "hello").texts == ("hello",)


@pytest.mark.parametrize("texts", [5, b"red", ["red", 5], {"red": 1}, None])
def test_texts_of_another_kind_are_refused(shelf, texts):
    with pytest.raises(InputError, match=r"texts are (a string or a list of strings|strings)"):
        Raw("q", None, texts)


def test_ids_and_metadata_of_another_kind_are_refused(shelf):
    with pytest.raises(InputError, match="ids are strings, but the int 5 is among them"):
        shelf.remove([5])
    with pytest.raises(InputError, match="an id is a string, not the int 5"):
        Raw(5)
    with pytest.raises(InputError, match=r"metadata must be an object of JSON values, not the list \[1\]"):
        shelf.update("000003", metadata=[1])
    assert len(shelf) == 60


def test_an_item_takes_a_picture_in_any_form(shelf, file, scenes):
    with Image.open(file) as opened:
        shelf.add([Raw("path", str(file)), Raw("bytes", file.read_bytes()), Raw("image", opened)])
    for name in ("path", "bytes", "image"):
        assert ids(shelf.search(like(name), target="image", k=3))[0] in {"path", "bytes", "image", scenes[0].id}
    assert shelf.item("path").picture == str(file.resolve())
