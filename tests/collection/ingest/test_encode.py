"""Encoding of added items: a picture is read, hashed and decoded once, whatever is made of it."""

import hashlib
import sys
from collections import Counter

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

import crossbit.features.raw
from crossbit.collection import Collection, Raw


class Opened:
    """Counts the files of a folder that are opened; an audit hook cannot be taken back."""

    def __init__(self):
        self.folder, self.files = None, Counter()

    def hook(self, event, arguments):
        if event == "open" and self.folder and isinstance(arguments[0], str):
            folder, _, name = arguments[0].rpartition("/")
            self.files.update([name] if folder == self.folder else [])


OPENED = Opened()
sys.addaudithook(OPENED.hook)


@pytest.fixture
def photos(scenes, tmp_path):
    """Return forty items whose pictures are files, which do not repeat."""
    folder = tmp_path / "photos"
    folder.mkdir()
    items = []
    for row, raw in enumerate(scenes[:40]):
        path = folder / f"{row}.png"
        image = Image.fromarray(raw.picture)
        image.putpixel((0, 0), (row, row, row))
        image.save(path)
        items.append(Raw(path.name, path, raw.texts))
    return items


@pytest.fixture
def work(monkeypatch, photos):
    """Return the counts of opened files, sha256 sums of whole files, and decoded pictures."""
    contents = {raw.picture.read_bytes(): raw.id for raw in photos}
    hashed, decoded = Counter(), Counter()
    sha256, prepare = hashlib.sha256, PngImageFile.load_prepare

    def counted(data=b"", **how):
        if bytes(data) in contents:
            hashed[contents[bytes(data)]] += 1
        return sha256(data, **how)

    def preparing(image):
        decoded[contents[image.fp.getvalue()]] += 1
        return prepare(image)

    monkeypatch.setattr(hashlib, "sha256", counted)
    monkeypatch.setattr(PngImageFile, "load_prepare", preparing)
    OPENED.files.clear()
    OPENED.folder = str(photos[0].picture.parent)
    yield OPENED.files, hashed, decoded
    OPENED.folder = None


@pytest.mark.parametrize("cached", [False, True])
def test_a_picture_is_read_hashed_and_decoded_once(model, photos, tmp_path, work, cached):
    once = {raw.id: 1 for raw in photos}
    with Collection.create(tmp_path / "shelf", model) as shelf:
        assert shelf.add(photos, cache=tmp_path / "cache" if cached else None).added == 40
        assert [dict(each) for each in work] == [once, once, once]
        assert shelf.thumbnail("3.png")


def test_an_unchanged_picture_is_read_and_hashed_but_not_decoded(model, photos, tmp_path, work):
    with Collection.create(tmp_path / "shelf", model) as shelf:
        shelf.add(photos)
        for each in work:
            each.clear()
        assert shelf.add(photos).unchanged == 40
    opened, hashed, decoded = work
    assert dict(opened) == dict(hashed) == {raw.id: 1 for raw in photos}
    assert not decoded


def test_cached_features_need_no_decoding_without_thumbnails(model, photos, tmp_path, work):
    for name in ("first", "second"):
        with Collection.create(tmp_path / name, model, thumbnail=0) as shelf:
            assert shelf.add(photos, cache=tmp_path / "cache").added == 40
    assert set(work[2].values()) == {1}


def test_a_file_that_is_too_large_is_not_read(shelf, photos, monkeypatch):
    monkeypatch.setattr(crossbit.features.raw, "MAX_BYTES", 10)
    (failure,) = shelf.add(photos[:1]).failures
    assert failure.reason.startswith("image: the file has ")
    assert failure.reason.endswith("bytes, more than the 10 allowed")


def test_of_items_with_the_same_id_the_first_counts(shelf):
    counts = shelf.add([Raw("a", None, "red"), Raw("b", None, "blue"), Raw("a", None, "green")])
    assert counts.added == 2
    assert [failure.id for failure in counts.failures] == ["a"]
    assert shelf.item("a").texts == ("red",)
    assert shelf.ids()[-2:] == ["a", "b"]
