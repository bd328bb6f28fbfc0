"""Raw images and texts, opened in one place: limits against malicious input, and the geometry that extractors share.

A file that is not a picture of sensible size in a known format is refused before its pixels are decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from ..errors import InputError, ItemError
from .formats import Undecoded, open_undecoded

#: An image file, the bytes of one, RGB pixels, or a PIL image.
Picture: TypeAlias = Path | bytes | UInt8[ndarray, "h w 3"] | Image.Image

#: Limits of a picture and a text; larger ones raise `ItemError`.
MAX_PIXELS, MAX_ASPECT, MAX_CHARACTERS = 64_000_000, 200, 1_000_000
#: Pixels of a JPEG; one that has more than `MAX_PIXELS` is decoded at 1/2, 1/4 or 1/8 of its size, to at most these.
MAX_JPEG_PIXELS, REDUCED = 4 * MAX_PIXELS, MAX_PIXELS // 4
#: Bytes of an image file that are read at most: those of the most pixels allowed, with 16 bits in each of 4 channels.
MAX_BYTES = 1 << 29
#: The JPEG quality of thumbnails.
QUALITY = 80
#: Pixels that are composed with white at once.
_BAND = 1 << 18
#: What turns a picture of an EXIF orientation upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_limit: ContextVar[int] = ContextVar("pixel limit", default=0)


@contextmanager
def pixel_limit(most: int) -> Iterator[None]:
    """Allow pictures of so many pixels within the block, whatever their format; 0 means the defaults.

    The limit decides which pictures are refused, and never how one is decoded. Threads started within the block see it
    if they run in a copy of its context (`contextvars.copy_context`).
    """
    if most < 0:
        raise InputError(f"the limit of pixels is {most}, but should be 1 or more, or 0 for the defaults")
    token = _limit.set(most)
    try:
        yield
    finally:
        _limit.reset(token)


def open_picture(raw: Picture) -> Image.Image:
    """Return an upright RGB picture; an unusable one raises `ItemError` with the reason.

    An animation gives its first frame, transparency becomes white, 16-bit greys keep their upper 8 bits, and the EXIF
    orientation is applied.
    """
    if isinstance(raw, ndarray):
        return _from_pixels(raw)
    if isinstance(raw, Image.Image):  # which belongs to the caller, and stays as it is
        with _refusing():
            _refuse_size(*raw.size)
            raw.load()
            return _rgb(ImageOps.exif_transpose(raw))
    with _opened(raw) as found:
        image = found.decoded(_reduced(*found.pixels))
        _refuse_size(*image.size)  # a header can lie
        turn = _TURNS.get(found.orientation)
        return _rgb(image if turn is None else image.transpose(turn))


@final
class LoadedPicture:
    """A picture that is read and hashed at once, and decoded once, when it is first needed.

    An unusable one raises `ItemError`; `content` is the sha256 of its file, or of its pixels with their shape.
    """

    def __init__(self, raw: Path | bytes | UInt8[ndarray, "h w 3"]) -> None:
        self._data = _sensible(raw).read_bytes() if isinstance(raw, Path) else raw
        self.content = content_of(self._data)

    @cached_property
    def image(self) -> Image.Image:
        """The upright RGB picture."""
        return open_picture(self._data)

    def facts(self, *, gps: bool = False) -> dict[str, Any]:
        """Return what its file says of the picture, without decoding it; nothing of pixels, or of a damaged file.

        `width` and `height` are those of the upright picture, `bytes` those of the file; `taken`, `camera` and `lens`
        are there where its EXIF is, and with `gps` the place, `lat` and `lon`.
        """
        if not isinstance(self._data, bytes):
            return {}
        try:
            with _opened(self._data) as found:
                (width, height), tags = found.upright, found.tags()
        except ItemError:
            return {}
        size = {"width": width, "height": height, "bytes": len(self._data)}
        return {**size, **tags.facts(), **(tags.position() if gps else {})}

    def thumbnail(self, side: int) -> bytes:
        """Return the picture as JPEG, its longer side `side` pixels at most, without the metadata of its file."""
        small = self.image.copy()
        small.info.clear()  # a comment would be written again
        small.thumbnail((side, side), Image.Resampling.BILINEAR)
        small.save(file := BytesIO(), "JPEG", quality=QUALITY)
        return file.getvalue()


def content_of(picture: Path | bytes | UInt8[ndarray, "h w 3"]) -> str:
    """Return the sha256 of a picture: of the bytes of its file, or of its pixels with their shape."""
    if isinstance(picture, Path):
        with picture.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).hexdigest()
    return hashlib.sha256(f"pixels {picture.dtype} {picture.shape} ".encode() + picture.tobytes()).hexdigest()


def pixels_of(raw: Path | bytes) -> int:
    """Return the number of pixels in the header of an image file; none is decoded."""
    with _opened(raw) as found:
        width, height = found.pixels
        return width * height


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn whatever a decoder raises into an `ItemError`."""
    try:
        yield
    except ItemError:
        raise
    except Exception as fault:  # a damaged file can raise nearly anything in a decoder
        raise ItemError(f"it is damaged or truncated: {fault}") from None


@contextmanager
def _opened(raw: Path | bytes) -> Iterator[Undecoded]:
    """Yield a picture of an allowed size, which is not decoded yet."""
    with _refusing(), BytesIO(raw) if isinstance(raw, bytes) else _sensible(raw).open("rb") as file:
        found = open_undecoded(file)
        _refuse_size(*found.pixels, reducible=found.reducible)
        yield found


def _reduced(width: int, height: int) -> tuple[int, int] | None:
    """Return the size at which a JPEG of too many pixels is decoded; none where it is decoded as it is."""
    if width * height <= MAX_PIXELS:
        return None
    by = next((by for by in (2, 4) if width * height <= REDUCED * by * by), 8)
    return (width // by, height // by)


def _from_pixels(pixels: ndarray) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ItemError(f"pixels are uint8 of shape (height, width, 3), not {pixels.dtype} of shape {pixels.shape}")
    _refuse_size(pixels.shape[1], pixels.shape[0])
    return Image.fromarray(np.ascontiguousarray(pixels))


def existing_file(path: Path) -> Path:
    """Return the path of a file with content; anything else raises `ItemError`."""
    if not path.exists():
        raise ItemError("the file does not exist")
    if not path.is_file():
        raise ItemError("it is not a file")
    if not path.stat().st_size:
        raise ItemError("the file is empty (0 bytes)")
    return path


def _sensible(path: Path) -> Path:
    """Return the path of a file with content that is not too large to be a picture."""
    size = existing_file(path).stat().st_size
    if size > MAX_BYTES:
        raise ItemError(f"the file has {size:,} bytes, more than the {MAX_BYTES:,} allowed")
    return path


def _refuse_size(width: int, height: int, *, reducible: bool = False) -> None:
    most = _limit.get() or (MAX_JPEG_PIXELS if reducible else MAX_PIXELS)
    if width * height > most:
        raise ItemError(
            f"it has {width} x {height} pixels, more than the {most:,} allowed; if you trust it, --max-pixels"
            f" {width * height} (in Python, crossbit.features.pixel_limit) admits it"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ItemError(f"it has {width} x {height} pixels: one side is over {MAX_ASPECT} times the other")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ItemError("its pixels are floating-point numbers, whose range is not defined; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise ItemError("its grey values exceed 16 bits; save it with 8 or 16 bits")
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    return _on_white(image) if image.has_transparency_data else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return a transparent picture on white, composed in bands: a huge one would take five times its memory."""
    opaque = Image.new("RGB", image.size)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        opaque.paste(Image.alpha_composite(Image.new("RGBA", band.size, "white"), band).convert("RGB"), (0, top))
    return opaque


def squashed(image: Image.Image, size: int) -> UInt8[ndarray, "size size 3"]:
    """Return the whole picture as a square of `size` pixels, whatever its proportions."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def centre_square(image: Image.Image, size: int, resize: int) -> UInt8[ndarray, "size size 3"]:
    """Return the central square of `size` pixels, after the shorter side has become `resize` pixels.

    Both happen in one step, so that no intermediate picture has an extreme shape.
    """
    side = min(image.size) * size / resize
    left, top = (image.width - side) / 2, (image.height - side) / 2
    square = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return np.asarray(square)


def normalised(
    pixels: UInt8[ndarray, "n h w 3"], mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Float32[ndarray, "n h w 3"]:
    """Return pixels scaled to [0, 1], minus the mean and divided by the deviation of each colour."""
    scale = 1 / (255 * np.array(std, np.float32))
    return pixels * scale - np.array(mean, np.float32) / np.array(std, np.float32)


def open_text(raw: str) -> str:
    """Return the text unchanged; one that is empty, too long or not UTF-8 raises `ItemError` with the reason.

    Bytes that are not UTF-8 arrive as lone surrogates, which is how Python reads them with `surrogateescape`.
    """
    if not raw.strip():
        raise ItemError("the text is empty")
    if len(raw) > MAX_CHARACTERS:
        raise ItemError(f"the text has {len(raw):,} characters, more than the {MAX_CHARACTERS:,} allowed")
    try:
        raw.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise ItemError(f"the text is not UTF-8 (at character {fault.start})") from None
    return raw
