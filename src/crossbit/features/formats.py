"""Formats of picture files, told by their first bytes, for an ending may lie; nothing is decoded until it is asked for.

::

    JPEG (also .jfif, .jpe and .mpo), PNG, GIF, BMP, PPM, TIFF, WEBP, AVIF    by Pillow
    HEIF    what phones write, as HEIC: by pillow-heif, which turns it upright itself
    RAW     what cameras write: its embedded preview, by rawpy; one without a preview is developed at half its size
"""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, TypeAlias, cast, final

from numpy import ndarray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import ItemError
from .exif import ORIENTATION, ByteFile, Tags, read_tags

Format: TypeAlias = Literal["JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "HEIF", "RAW"]

#: Formats that Pillow decodes itself, with the class that reads each; EPS, for one, would start an interpreter.
READERS: Mapping[str, str] = {
    "AVIF": "AvifImagePlugin.AvifImageFile",
    "BMP": "BmpImagePlugin.BmpImageFile",
    "GIF": "GifImagePlugin.GifImageFile",
    "JPEG": "JpegImagePlugin.JpegImageFile",
    "PNG": "PngImagePlugin.PngImageFile",
    "PPM": "PpmImagePlugin.PpmImageFile",
    "TIFF": "TiffImagePlugin.TiffImageFile",
    "WEBP": "WebPImagePlugin.WebPImageFile",
}
KNOWN = ", ".join([*READERS, "HEIC", "RAW"])
#: First bytes that tell a format.
HEAD = 64
_MAGIC: tuple[tuple[re.Pattern[bytes], Format], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"II\*\0....(CR|IIII)|MM\0\*....MMMM|....ftypcrx ", re.DOTALL), "RAW"),
    (re.compile(rb"FUJIFILMCCD-RAW|II(R[OS]|U\0)|MMOR|\0MRM|FOVb|II\x1a\0\0\0HEAPCCDR", re.DOTALL), "RAW"),
    (re.compile(rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"P[0-6fy]"), "PPM"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
#: The values of a TIFF file's first directory that only raw photos have: the colours of a sensor, their compressions.
_SENSOR = {"photometric": {32803, 34892}, "compression": {262, 32767, 32769, 32770, 34713, 65000, 65535}}
#: EXIF orientations of LibRaw's flips.
_FLIPS = {3: 3, 5: 8, 6: 6}


@final
@dataclass(frozen=True, eq=False)
class Undecoded:
    """A picture whose header is read: the image decodes its pixels when it is loaded.

    `size` is that of the picture in its file, a raw photo's own; `turned` is the EXIF orientation of an image that has
    none itself. A raw photo without a preview has no image, and is developed instead.
    """

    image: Image.Image | None
    format: Format
    size: tuple[int, int]
    tags: Callable[[], Tags]
    turned: int = 1
    developed: Callable[[], Image.Image] | None = None

    @property
    def pixels(self) -> tuple[int, int]:
        """The width and height that have to be decoded."""
        return self.size if self.image is None else self.image.size

    def decoded(self, size: tuple[int, int] | None) -> Image.Image:
        """Return the decoded image; a JPEG at a fraction of its size, but no smaller than `size`."""
        if self.image is None:
            assert self.developed is not None
            return self.developed()
        self.image.draft(None, size)
        self.image.load()
        return self.image

    @property
    def orientation(self) -> int:
        """The EXIF orientation that has still to be applied; Pillow turns a TIFF upright while it decodes it."""
        if self.image is None:
            return self.turned
        image = cast("Any", self.image)
        if self.format == "TIFF" or (self.format == "PNG" and image.tile and "exif" not in image.info):
            return 1  # a PNG would be decoded to see whether it has some at its end
        try:
            found = image.getexif().get(ORIENTATION)
        except Exception:  # anything can stand in there
            return self.turned
        return found if found in range(1, 9) else self.turned

    @property
    def upright(self) -> tuple[int, int]:
        """The width and height of the upright picture."""
        width, height = self.size
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def reducible(self) -> bool:
        """Whether it can be decoded at a fraction of its size: a JPEG whose colours come in one scan, from the top.

        Of any other, a decoder holds all coefficients before it returns the first pixel.
        """
        image = self.image
        if not isinstance(image, JpegImageFile) or image.info.get("progressive") or image.fp is None:
            return False
        layers, end = len(image.layer), image.fp.tell()
        image.fp.seek(end - 8 - 2 * layers)
        start = image.fp.read(5)
        image.fp.seek(end)
        return start == b"\xff\xda" + struct.pack(">HB", 6 + 2 * layers, layers)


def format_of(head: bytes) -> Format | None:
    r"""Return the format that the first bytes of a file tell, or none; a raw photo may begin as a TIFF file does.

    >>> format_of(b"GIF89a"), format_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), format_of(b"hello")
    ('GIF', 'HEIF', None)
    """
    found = next((kind for magic, kind in _MAGIC if magic.match(head)), None)
    if found is None and head[4:8] == b"ftyp":
        length = min(int.from_bytes(head[:4], "big"), HEAD)
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, length, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIF" if brands & _HEIF_BRANDS else None
    return found


def open_undecoded(file: ByteFile) -> Undecoded:
    """Return the picture in a file, its pixels not decoded yet; a foreign or damaged one raises any error."""
    found = format_of(file.read(HEAD))
    if found is None:
        raise ItemError(f"it is not an image in a known format ({KNOWN})")
    if found == "RAW" or (found == "TIFF" and _is_raw(read_tags(file))):
        return _raw(file)
    file.seek(0)
    if found == "HEIF":
        image: Image.Image = _required("pillow_heif", "a HEIC picture").HeifImageFile(file)
    else:
        module, _, reader = READERS[found].partition(".")
        image = getattr(importlib.import_module(f"PIL.{module}"), reader)(file)
    return Undecoded(image, found, image.size, lambda: read_tags(file) if found == "TIFF" else _tags(image))


def _is_raw(tags: Tags) -> bool:
    """Return whether a TIFF file is a raw photo: its first directory says so, or holds only a small copy of it."""
    if tags.main.get("dng") or any(tags.main.get(name) in values for name, values in _SENSOR.items()):
        return True
    return bool(tags.main.get("reduced") and tags.main.get("directories") and tags.main.get("make"))


def _raw(file: ByteFile) -> Undecoded:
    """Return the preview of a raw photo, a JPEG or pixels; one without is developed at half its size."""
    rawpy, tags = _required("rawpy", "a raw photo"), read_tags(file)
    file.seek(0)
    try:
        with rawpy.imread(file) as photo:
            sizes, preview = photo.sizes, _preview(rawpy, photo)
    except rawpy.LibRawFileUnsupportedError:
        raise ItemError("it is a raw photo of a kind that LibRaw does not know; convert it to DNG or JPEG") from None
    size, turned = (sizes.width, sizes.height), _FLIPS.get(sizes.flip, 1)
    if preview is None:
        if sizes.raw_width * sizes.raw_height > 2 * size[0] * size[1]:
            raise ItemError(f"its sensor has {sizes.raw_width} x {sizes.raw_height} pixels, but shows {size}")
        return Undecoded(None, "RAW", size, lambda: tags, turned, lambda: _developed(rawpy, file))
    image = JpegImageFile(BytesIO(preview)) if isinstance(preview, bytes) else Image.fromarray(preview)
    return Undecoded(image, "RAW", size, lambda: tags if tags.main else _tags(image), turned)


def _preview(rawpy: Any, photo: Any) -> bytes | ndarray | None:
    try:
        preview: bytes | ndarray = photo.extract_thumb().data
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    return preview


def _developed(rawpy: Any, file: ByteFile) -> Image.Image:
    file.seek(0)
    with rawpy.imread(file) as photo:
        return Image.fromarray(photo.postprocess(half_size=True, user_flip=0))


def _tags(image: Image.Image) -> Tags:
    """Return what the EXIF of an image says."""
    block = image.info.get("exif")
    return read_tags(BytesIO(block.removeprefix(b"Exif\0\0"))) if isinstance(block, bytes) else Tags()


def _required(module: str, what: str) -> Any:
    """Return a module that the extra `photos` installs."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ItemError(f"it is {what}, which needs {module.replace('_', '-')}: install crossbit[photos]") from None
