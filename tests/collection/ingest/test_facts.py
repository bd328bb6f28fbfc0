"""Facts of pictures: what a file says becomes metadata, below what its source says, without encoding anything twice."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from crossbit.collection import Collection, Raw
from crossbit.collection.ingest.encode import Encoder
from helpers.photos import PHONE, encoded, exif

MTIME = 1620043331


@pytest.fixture
def photos(tmp_path):
    """Return two photos of a phone, and one without EXIF."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        picture = Image.new("RGB", (48, 32), (200, 30 * number, 30))
        (folder / name).write_bytes(encoded(picture, **({} if name == "c.jpg" else {"exif": exif(**PHONE)})))
        os.utime(folder / name, (MTIME, MTIME))
    return folder


@pytest.fixture
def album(model, tmp_path):
    with Collection.create(tmp_path / "album", model) as album:
        yield album


def raws(folder, **metadata):
    return [Raw(path.name, path, f"the photo {path.stem}", metadata) for path in sorted(folder.iterdir())]


def test_facts_are_metadata_and_the_source_has_the_last_word(album, photos):
    album.add(raws(photos, camera="mine", note="x"))
    size = (photos / "a.jpg").stat().st_size
    assert album.item("a.jpg").metadata == {
        "camera": "mine",
        "note": "x",
        "width": 32,
        "height": 48,
        "bytes": size,
        "mtime": "2021-05-03T12:02:11Z",
        "taken": "2021-05-03T14:02:11+02:00",
        "lens": "Pixel 6 back camera",
    }
    assert "taken" not in album.item("c.jpg").metadata
    assert album.ids("taken >= 2021-05 and lens contains 'PIXEL' and width < 48 == height") == ["a.jpg", "b.jpg"]


def test_bytes_have_facts_without_a_file_and_pixels_have_none(album, photos, scenes):
    album.add([Raw("file", (photos / "c.jpg").read_bytes()), Raw("pixels", scenes[0].picture)])
    assert {*album.item("file").metadata} == {"width", "height", "bytes"}
    assert not album.item("pixels").metadata


def test_adding_again_changes_nothing_though_the_files_were_copied(album, photos, tmp_path):
    album.add(raws(photos), gps=True)
    os.utime(photos / "a.jpg", (MTIME + 1000, MTIME + 1000))
    before = [item.metadata for item in album]
    assert album.add(raws(photos)).unchanged == 3
    assert [item.metadata for item in album] == before
    shutil.copyfile(photos / "c.jpg", photos / "a.jpg")
    assert album.add(raws(photos)).replaced == 1
    assert "lat" not in album.item("a.jpg").metadata
    assert album.item("a.jpg").metadata["mtime"] > "2021-05-03T12:20"


@pytest.fixture
def encodings(monkeypatch):
    """Return the number of items that were encoded, each time."""
    counts = []
    values = Encoder._values
    monkeypatch.setattr(
        Encoder, "_values", lambda self, opened, m: (counts.append(len(opened)), values(self, opened, m))[1]
    )
    return counts


def test_places_are_read_on_demand_and_stay_without_encoding_anything_again(album, photos, encodings):
    album.add(raws(photos))
    codes = {m: side.codes.packed for m, side in album.snapshot().sides.items()}
    thumbnails = {id_: album.thumbnail(id_) for id_ in album.ids()}
    assert "lat" not in album.item("a.jpg").metadata
    encodings.clear()
    assert album.add(raws(photos), gps=True).replaced == 2
    assert album.add(raws(photos)).unchanged == 3
    assert not any(encodings)
    assert (album.item("a.jpg").metadata["lat"], album.item("a.jpg").metadata["lon"]) == (41.89, 12.491667)
    order = [album.ids().index(id_) for id_ in ("a.jpg", "b.jpg", "c.jpg")]
    for modality, side in album.snapshot().sides.items():
        assert np.array_equal(side.codes.packed[order], codes[modality])
    assert {id_: album.thumbnail(id_) for id_ in thumbnails} == thumbnails


def test_items_of_an_earlier_version_get_their_facts_without_being_encoded_again(album, photos, encodings, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(Encoder, "_facts", lambda *_: {})
        album.add(raws(photos, year=2021))
    assert album.item("a.jpg").metadata == {"year": 2021}
    encodings.clear()
    assert album.add(raws(photos, year=2021)).replaced == 3
    assert not any(encodings)
    assert album.item("a.jpg").metadata["taken"] == "2021-05-03T14:02:11+02:00"
    assert album.search("the photo a", target="image", k=3).hits


def test_other_metadata_of_the_source_needs_no_encoding_and_other_texts_do(album, photos, encodings):
    album.add(raws(photos, year=2020))
    encodings.clear()
    assert album.add(raws(photos, year=2021)).replaced == 3
    assert not any(encodings)
    assert album.add([Raw("a.jpg", photos / "a.jpg", "another text", {"year": 2021})]).replaced == 1
    assert any(encodings)
