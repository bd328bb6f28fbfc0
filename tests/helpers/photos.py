"""Photos as phones and cameras write them, made small: EXIF, HEIC, and a raw photo in DNG."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
_CODES = {1: "B", 3: "H", 4: "I", 5: "I", 10: "i"}


def encoded(image, kind="JPEG", **options):
    """Return the bytes of an image file."""
    image.save(file := BytesIO(), kind, **options)
    return file.getvalue()


def heic(image, **options):
    """Return the bytes of a HEIC file."""
    import pillow_heif

    pillow_heif.from_pillow(image).save(file := BytesIO(), quality=90, **options)
    return file.getvalue()


def exif(main=None, exposure=None, place=None):
    """Return EXIF of tags in the first directory, in that of the exposure, and in that of the place."""
    block = Image.Exif()
    block.update(main or {})
    block.get_ifd(0x8769).update(exposure or {})
    block.get_ifd(0x8825).update(place or {})
    return block


#: What a phone says of a picture that it held upright, taken in Rome.
PHONE = {
    "main": {0x010F: "Google", 0x0110: "Pixel 6", 0x0112: 6},
    "exposure": {0x9003: "2021:05:03 14:02:11", 0x9011: "+02:00", 0xA434: "Pixel 6 back camera"},
    "place": {1: "N", 2: (41.0, 53.0, 24.0), 3: "E", 4: (12.0, 29.0, 30.0)},
}


def directory(entries, start):
    """Return a directory of a TIFF file that begins at `start`, with its values: (tag, type, bytes or numbers)."""
    table, values = struct.pack("<H", len(entries)), b""
    end = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
        data = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{_CODES[kind]}", *value)
        head = struct.pack("<HHI", tag, kind, len(data) // _SIZES[kind])
        if len(data) <= 4:
            table += head + data.ljust(4, b"\0")
        else:
            table += head + struct.pack("<I", end + len(values))
            values += data + b"\0" * (len(data) % 2)
    return table + bytes(4) + values


def dng(preview=None, orientation=1, side=64, more=()):
    """Return a raw photo of `side` x `side` pixels of a sensor, with a JPEG as its preview or without."""
    pixels = np.full((side, side), 2000, "<u2").tobytes()
    facts = [(0x10F, 2, b"Maker\0"), (0x110, 2, b"Maker One\0"), (0x112, 3, [orientation]), (0xC612, 1, [1, 4, 0, 0])]
    facts += [(0xC621, 10, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]), (0xC628, 5, [1] * 6), *more]

    def sensor(at):
        size = [(0x100, 4, [side]), (0x101, 4, [side]), (0x116, 4, [side]), (0x117, 4, [len(pixels)]), (0x111, 4, [at])]
        kind = [(0xFE, 4, [0]), (0x102, 3, [16]), (0x103, 3, [1]), (0x106, 3, [32803]), (0x115, 3, [1])]
        return [*size, *kind, (0x828D, 3, [2, 2]), (0x828E, 1, [0, 1, 1, 2]), (0xC61D, 4, [65535])]

    def small(at, inner):
        kind = [(0xFE, 4, [1]), (0x102, 3, [8, 8, 8]), (0x103, 3, [7]), (0x106, 3, [6]), (0x115, 3, [3])]
        width, height = Image.open(BytesIO(preview)).size
        size = [(0x100, 4, [width]), (0x101, 4, [height]), (0x116, 4, [height])]
        return [*kind, *size, (0x117, 4, [len(preview)]), (0x111, 4, [at]), (0x14A, 4, [inner])]

    head = b"II*\0" + struct.pack("<I", 8)
    if preview is None:
        end = 8 + len(directory([*facts, *sensor(0)], 8))
        return head + directory([*facts, *sensor(end)], 8) + pixels
    inner = 8 + len(directory([*facts, *small(0, 0)], 8))
    jpeg = inner + len(directory(sensor(0), inner))
    end = jpeg + len(preview)
    return head + directory([*facts, *small(jpeg, inner)], 8) + directory(sensor(end), inner) + preview + pixels
