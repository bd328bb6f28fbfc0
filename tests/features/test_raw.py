"""Opening images: every mode comes out as upright RGB, every hostile file as a named reason."""

import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossbit.errors import InputError
from crossbit.features import raw
from crossbit.features.raw import centre_square, normalised, open_picture, pixels_of, squashed


def encoded(image, kind="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


RED = Image.new("RGB", (8, 6), (200, 10, 20))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "LA", "RGBA", "P", "PA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb(mode):
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG", "PA": "TIFF"}.get(mode, "PNG")
    image = RED.convert("L").convert(mode) if mode == "I;16" else RED.convert(mode)
    picture = open_picture(encoded(image, kind))
    assert (picture.mode, picture.size) == ("RGB", (8, 6))


def test_colours_survive_cmyk():
    seen = np.asarray(open_picture(encoded(RED.convert("CMYK"), "TIFF")))
    assert np.abs(seen.astype(int) - [200, 10, 20]).max() <= 2


def test_sixteen_bits_keep_their_upper_eight():
    grey = np.array([[0, 255, 256, 0x8000, 0xFFFF]], np.uint16)
    assert np.asarray(open_picture(encoded(Image.fromarray(grey))))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_greys_beyond_sixteen_bits_and_floats_are_refused():
    with pytest.raises(InputError, match="exceed 16 bits"):
        open_picture(encoded(Image.fromarray(np.array([[70_000]], np.int32)), "TIFF"))
    with pytest.raises(InputError, match="floating-point"):
        open_picture(encoded(Image.fromarray(np.array([[0.5]], np.float32)), "TIFF"))


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert np.asarray(open_picture(encoded(clear))).min() == 255
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([9, 9, 9])
    assert np.asarray(open_picture(encoded(palette, transparency=0))).min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_in_bands_is_transparency_at_once(mode, rng, monkeypatch):
    image = Image.fromarray(rng.integers(0, 256, (37, 53, 4)).astype(np.uint8))
    image = image.convert("RGB").convert("P") if mode == "P" else image.convert(mode)
    kind, options = ("PNG", {"transparency": 3}) if mode == "P" else ("TIFF", {})
    data = encoded(image, kind, **options)
    layer = Image.open(BytesIO(data)).convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    composed, sizes = Image.alpha_composite, []
    monkeypatch.setattr(Image, "alpha_composite", lambda a, b: sizes.append(a.size) or composed(a, b))
    monkeypatch.setattr(raw, "_BAND", 200)
    assert open_picture(data).tobytes() == whole.tobytes()
    assert sizes == [(53, 3)] * 12 + [(53, 1)]


def test_the_size_of_a_picture_is_known_before_it_is_decoded(tmp_path, monkeypatch):
    huge = bomb(7_000, 6_000)
    (tmp_path / "a.png").write_bytes(encoded(RED))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    assert pixels_of(huge) == 42_000_000
    assert pixels_of(tmp_path / "a.png") == 48
    with pytest.raises(InputError, match="not an image in a known format"):
        pixels_of(b"hello")


def test_an_animation_counts_by_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(open_picture(data))[0, 0].tolist() == [255, 0, 0]


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    assert open_picture(encoded(RED, "JPEG", exif=exif)).size == (6, 8)


def test_a_file_and_its_bytes_and_its_pixels_are_the_same_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(RED))
    a, b, c = open_picture(tmp_path / "a.png"), open_picture(encoded(RED)), open_picture(np.asarray(RED))
    assert a.tobytes() == b.tobytes() == c.tobytes()


def test_missing_empty_and_foreign_files_are_named(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    for name, reason in (
        ("none.jpg", "does not exist"),
        ("empty.jpg", "0 bytes"),
        ("text.jpg", "not an image"),
        (".", "not a file"),
    ):
        with pytest.raises(InputError, match=reason):
            open_picture(tmp_path / name)


def test_postscript_is_never_interpreted():
    with pytest.raises(InputError, match="not an image in a known format"):
        open_picture(encoded(RED, "EPS"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_file_is_refused(kind, rng):
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(InputError, match=r"truncated|not an image"):
        open_picture(data[: len(data) // 2])


def bomb(width, height):
    """The header of a PNG with that many pixels, and next to nothing behind it."""
    data = bytearray(encoded(Image.new("1", (1, 1))))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(8_001, 8_000), (10_000, 9_000), (60_000, 60_000)])
def test_huge_pictures_are_refused_before_they_are_decoded(width, height, monkeypatch):
    data = bomb(width, height)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"more than the 64,000,000"):
        open_picture(data)


def test_extreme_shapes_are_refused():
    with pytest.raises(InputError, match="one side is over 200 times the other"):
        open_picture(bomb(4_000_000, 2))


def test_pixels_of_another_kind_are_refused():
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(InputError, match=r"pixels are uint8 of shape \(height, width, 3\)"):
            raw._from_pixels(wrong)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"]), st.data())
def test_damage_is_a_picture_or_an_input_error_never_a_crash(kind, data):
    noise = np.random.default_rng(3).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    damaged = bytearray(encoded(Image.fromarray(noise), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert open_picture(bytes(damaged)).mode == "RGB"
    except InputError as fault:
        assert str(fault)  # noqa: PT017  # either outcome is right


def test_the_central_square_is_that_of_the_resized_picture(pixels):
    image = Image.fromarray(pixels[0])  # 50 x 60
    resized = image.resize((30, 36), Image.Resampling.BILINEAR).crop((5, 8, 25, 28))
    ours = centre_square(image, 20, 30).astype(int)
    assert np.abs(ours - np.asarray(resized)).max() <= 1


def test_squashing_keeps_the_whole_picture():
    halves = np.zeros((40, 80, 3), np.uint8)
    halves[:, 40:] = 255
    assert squashed(Image.fromarray(halves), 4)[0, [0, 3], 0].tolist() == [0, 255]


def test_normalisation_is_the_textbook_formula(rng):
    pixels = rng.integers(0, 256, (2, 3, 4, 3)).astype(np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    np.testing.assert_allclose(normalised(pixels, mean, std), (pixels / 255 - mean) / std, atol=1e-5)
