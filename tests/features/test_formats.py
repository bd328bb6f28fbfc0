"""Formats of pictures: what phones and cameras write is read, upright, whatever it is called and within the limits."""

import contextvars
import struct
import sys
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossbit.errors import InputError, ItemError
from crossbit.features import formats, pixel_limit, raw
from crossbit.features.formats import format_of
from crossbit.features.raw import LoadedPicture, open_picture, pixels_of
from helpers.photos import dng, encoded, exif, heic


def halves(width=48, height=32):
    """A picture whose upper half is red and whose lower half is blue."""
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    picture.paste((30, 30, 200), (0, height // 2, width, height))
    return picture


def colours(picture):
    """The colours in the middle of the left, upper, right and lower side: r or b."""
    width, height = picture.size
    places = [(2, height // 2), (width // 2, 2), (width - 3, height // 2), (width // 2, height - 3)]
    return "".join("r" if picture.getpixel(place)[0] > picture.getpixel(place)[2] else "b" for place in places)


def turned():
    """EXIF of a camera that was held upright; writing an AVIF takes the orientation out of it."""
    return exif({0x0112: 6})


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.mpo", "a.png", "a"])
def test_a_jpeg_is_one_by_its_content(name, tmp_path):
    (tmp_path / name).write_bytes(encoded(halves()))
    assert open_picture(tmp_path / name).size == (48, 32)


def test_the_first_of_several_pictures_in_one_file_counts():
    both = encoded(halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (48, 32))])
    assert Image.open(BytesIO(both)).format == "MPO"
    assert colours(open_picture(both))[1::2] == "rb"


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "JPEG", "WEBP", "TIFF"])
def test_every_format_is_turned_upright_once(kind):
    write = {"HEIC": lambda: heic(halves(), exif=turned().tobytes())}
    data = write.get(kind, lambda: encoded(halves(), kind, exif=turned()))()
    picture = open_picture(data)
    assert picture.size == (32, 48)
    assert colours(picture)[::2] == "br"  # what was above is at the right


def test_a_heic_under_another_name_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(heic(halves()))
    assert colours(open_picture(tmp_path / "a.jpg"))[1::2] == "rb"
    assert pixels_of(tmp_path / "a.jpg") == 48 * 32


def test_no_opener_is_registered():
    open_picture(heic(halves()))
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(("module", "data"), [("pillow_heif", heic(halves())), ("rawpy", dng(encoded(halves())))])
def test_a_missing_extra_is_named(module, data, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ItemError, match=r"which needs (pillow-heif|rawpy): install crossbit\[photos\]"):
        open_picture(data)


@pytest.mark.parametrize(("orientation", "sides"), [(1, "rb"), (3, "br")])
def test_a_raw_photo_shows_its_preview(orientation, sides):
    picture = open_picture(dng(encoded(halves()), orientation))
    assert picture.size == (48, 32)
    assert colours(picture)[1::2] == sides


def test_the_preview_of_a_raw_photo_is_turned_as_the_camera_was_held():
    picture = open_picture(dng(encoded(halves()), 6))
    assert picture.size == (32, 48)
    assert colours(picture)[::2] == "br"


def test_a_preview_that_says_itself_how_it_is_turned_is_turned_once():
    assert open_picture(dng(encoded(halves(), exif=turned()), 6)).size == (32, 48)


def test_a_raw_photo_without_a_preview_is_developed_small():
    assert open_picture(dng(side=64)).size == (32, 32)
    with pixel_limit(2000), pytest.raises(InputError, match="it has 64 x 64 pixels, more than the 2,000 allowed"):
        open_picture(dng(side=64))


def test_the_size_of_a_raw_photo_is_known_before_it_is_developed(monkeypatch):
    monkeypatch.setattr(formats, "_developed", lambda *_: pytest.fail("developed"))
    assert pixels_of(dng(side=64)) == 64 * 64
    assert LoadedPicture(dng(side=64)).facts()["width"] == 64


def test_a_raw_photo_of_no_known_kind_is_refused():
    with pytest.raises(InputError, match="a kind that LibRaw does not know"):
        open_picture(b"FUJIFILMCCD-RAW " + bytes(1000))


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"II*\0\x10\0\0\0CR\2\0", "RAW"),
        (b"II*\0\x10\0\0\0IIII", "RAW"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "RAW"),
        (b"IIRO\x08\0\0\0", "RAW"),
        (b"IIU\0\x18\0\0\0", "RAW"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heicmiaf", "HEIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom", None),
    ],
)
def test_the_first_bytes_tell_the_format(head, found):
    assert format_of(head) == found


def test_a_video_is_not_a_picture():
    assert format_of(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ") is None


def sized(data, width, height):
    """A JPEG whose header says that it has another size."""
    at = data.index(b"\xff\xc0") if b"\xff\xc0" in data else data.index(b"\xff\xc2")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def test_a_jpeg_of_too_many_pixels_is_decoded_small(monkeypatch):
    data = encoded(halves(640, 480), exif=turned())
    monkeypatch.setattr(raw, "MAX_PIXELS", 160_000)
    monkeypatch.setattr(raw, "REDUCED", 40_000)
    monkeypatch.setattr(raw, "MAX_JPEG_PIXELS", 400_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # of which Pillow would warn
    picture = open_picture(data)
    assert picture.size == (120, 160)
    assert colours(picture)[::2] == "br"
    assert pixels_of(data) == 640 * 480


def test_a_limit_decides_what_is_refused_and_not_how_it_is_decoded():
    data = encoded(halves(640, 480))
    with (
        pixel_limit(300_000),
        pytest.raises(InputError, match=r"more than the 300,000 allowed; .* --max-pixels 307200"),
    ):
        open_picture(data)
    with pixel_limit(307_200):
        assert open_picture(data).tobytes() == open_picture(data).tobytes()
        assert contextvars.copy_context().run(open_picture, data).size == (640, 480)
    with pytest.raises(InputError, match="should be 1 or more"), pixel_limit(-1):
        pass


@pytest.mark.parametrize("size", [(16_001, 16_000), (65_500, 65_500)])
def test_a_jpeg_of_no_phone_is_refused(size):
    with pytest.raises(InputError, match="more than the 256,000,000 allowed"):
        open_picture(sized(encoded(halves()), *size))


def test_what_a_decoder_holds_whole_is_refused_earlier():
    with pytest.raises(InputError, match="more than the 64,000,000 allowed"):
        open_picture(sized(encoded(halves(), progressive=True), 10_000, 10_000))
    one = sized(encoded(halves()), 10_000, 10_000)
    scan = one.index(b"\xff\xda")
    grey = one[:scan] + b"\xff\xda" + struct.pack(">HBBB", 8, 1, 1, 0) + b"\0\x3f\0" + one[scan + 14 :]
    with pytest.raises(InputError, match="more than the 64,000,000 allowed"):
        open_picture(grey)


def test_the_size_in_the_header_of_a_heic_is_not_believed():
    data = bytearray(heic(halves(640, 480)))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 16, 16)
    with pytest.raises(InputError, match="damaged or truncated"):
        open_picture(bytes(data))


@pytest.mark.filterwarnings("ignore")  # Pillow's own, which the command line does not show
def test_broken_exif_is_no_damage():
    picture = encoded(halves())
    block = b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(8)
    broken = picture[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + picture[2:]
    assert open_picture(broken).tobytes() == open_picture(picture).tobytes()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["HEIC", "AVIF", "DNG"]), st.data())
def test_damage_is_a_picture_or_an_input_error_never_a_crash(kind, data):
    whole = {"HEIC": heic(halves()), "AVIF": encoded(halves(), "AVIF"), "DNG": dng(encoded(halves()))}[kind]
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert np.asarray(open_picture(bytes(damaged))).shape[2] == 3
    except InputError as fault:
        assert str(fault)  # noqa: PT017  # either outcome is right
