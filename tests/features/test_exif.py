"""EXIF: when, where and with what a picture was taken; what is broken or impossible counts as missing."""

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossbit.features.exif import Tags, read_tags
from crossbit.features.raw import LoadedPicture
from helpers.photos import PHONE, directory, dng, encoded, exif, heic

TAKEN = {"taken": "2021-05-03T14:02:11+02:00", "camera": "Google Pixel 6", "lens": "Pixel 6 back camera"}
ROME = {"lat": 41.89, "lon": 12.491667}


def picture():
    return Image.new("RGB", (48, 32), (200, 30, 30))


def written(kind):
    block = exif(**PHONE)
    return heic(picture(), exif=block.tobytes()) if kind == "HEIC" else encoded(picture(), kind, exif=block)


@pytest.mark.parametrize("kind", ["JPEG", "HEIC", "AVIF", "PNG", "WEBP"])
def test_facts_are_read_from_every_format(kind):
    found = LoadedPicture(data := written(kind))
    assert found.facts() == {"width": 32, "height": 48, "bytes": len(data), **TAKEN}
    assert found.facts(gps=True) == {**found.facts(), **ROME}
    assert found.image.size == (32, 48)


def test_a_tiff_is_its_own_exif():
    assert LoadedPicture(data := written("TIFF")).facts() == {
        "width": 32,
        "height": 48,
        "bytes": len(data),
        "camera": "Google Pixel 6",
    }


def test_a_raw_photo_has_the_size_of_its_sensor_and_its_own_exif():
    data = dng(encoded(picture()), 6)
    assert LoadedPicture(data).facts() == {"width": 64, "height": 64, "bytes": len(data), "camera": "Maker One"}


def test_pixels_and_damaged_files_have_no_facts(pixels):
    assert LoadedPicture(pixels[0]).facts() == LoadedPicture(b"damaged").facts() == {}


def test_a_thumbnail_says_nothing_of_its_picture():
    data = encoded(picture(), exif=exif(**PHONE), comment=b"at home", dpi=(300, 300))
    small = LoadedPicture(data).thumbnail(16)
    assert not any(word in small for word in (b"Exif", b"Pixel", b"at home"))


@pytest.mark.parametrize(
    ("main", "facts"),
    [
        ({"taken": "2021:05:03 14:02:11"}, {"taken": "2021-05-03T14:02:11"}),
        ({"taken": "2021-05-03T14:02:11", "offset": "Z"}, {"taken": "2021-05-03T14:02:11+00:00"}),
        ({"taken": "2021:05:03 14:02:11", "offset": "+99:00"}, {"taken": "2021-05-03T14:02:11"}),
        ({"taken": "2021:02:30 14:02:11"}, {}),
        ({"taken": "0000:00:00 00:00:00"}, {}),
        ({"taken": "0001:01:01 00:00:00"}, {}),
        ({"taken": "2021:05:03 24:60:60"}, {}),
        ({"taken": "yesterday"}, {}),
        ({"taken": 20210503}, {}),
        ({"make": "Canon", "model": "Canon EOS R"}, {"camera": "Canon EOS R"}),
        ({"make": "NIKON CORPORATION", "model": "NIKON D850"}, {"camera": "NIKON D850"}),
        ({"make": "Google", "model": " Pixel\t 6 "}, {"camera": "Google Pixel 6"}),
        ({"model": "X100"}, {"camera": "X100"}),
        ({"make": "Leica"}, {"camera": "Leica"}),
        ({"make": 3, "model": (1, 2)}, {}),
    ],
)
def test_what_makes_no_sense_is_missing(main, facts):
    assert Tags(main).facts() == facts


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({}, (41.5, -0.25)),
        ({"north": "S"}, (-41.5, -0.25)),
        ({"north": None}, None),
        ({"north": ""}, None),
        ({"lat": (41, 0, 30, 1, 0, 1)}, None),
        ({"lat": (41, 1)}, None),
        ({"lat": (91, 1, 0, 1, 0, 1)}, None),
        ({"lon": 15}, None),
    ],
)
def test_a_place_is_whole_or_missing(change, place):
    whole = {"north": "N", "lat": (41, 1, 30, 1, 0, 1), "east": "W", "lon": (0, 1, 15, 1, 0, 1)}
    found = Tags({}, whole | change).position()
    assert found == ({} if place is None else dict(zip(("lat", "lon"), place, strict=True)))


def block(*entries):
    return BytesIO(b"II*\0" + struct.pack("<I", 8) + directory(entries, 8))


def test_broken_values_are_left_out_one_by_one():
    found = read_tags(
        block((0x010F, 2, b"Caf\xe9\0"), (0x0110, 2, b"X100\0"), (0x9003, 2, b"x" * 5000), (0xA434, 2, b"\x01\0"))
    )
    assert found == Tags({"model": "X100"})
    assert read_tags(block((0x0110, 3, [1, 2, 3]), (0x8769, 4, [1 << 31]))).facts() == {}
    assert (
        read_tags(BytesIO(b"II*\0\xff\xff\xff\xff")) == read_tags(BytesIO(b"")) == read_tags(BytesIO(b"MM")) == Tags()
    )


def test_a_directory_that_leads_to_itself_ends():
    assert read_tags(block((0x8769, 4, [8]), (0x8825, 4, [8]), (0x0110, 2, b"X100\0"))).facts() == {"camera": "X100"}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_exif_is_facts_or_nothing_never_an_error(data):
    damaged = bytearray(exif(**PHONE).tobytes().removeprefix(b"Exif\0\0"))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = read_tags(BytesIO(bytes(damaged)))
    assert all(isinstance(value, str) and len(value) <= 801 for value in found.facts().values())
    assert set(found.position()) in (set(), {"lat", "lon"})
