"""EXIF of strangers: the few tags that say when, where and with what a picture was taken.

A tag that is broken, too long or makes no sense counts as missing; nothing raises an error.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader, BytesIO
from typing import Any, Literal, TypeAlias, final

#: A file that is read from any position.
ByteFile: TypeAlias = BytesIO | BufferedReader

ORIENTATION = 0x0112
#: The names of the tags that are read, in the first directory with that of the exposure, and in that of the place.
_MAIN = {
    0x00FE: "reduced",
    0x0103: "compression",
    0x0106: "photometric",
    0x010F: "make",
    0x0110: "model",
    0x014A: "directories",
    0x8769: "exposure",
    0x8825: "place",
    0x9003: "taken",
    0x9011: "offset",
    0xA434: "lens",
    0xC612: "dng",
}
_PLACE = {1: "north", 2: "lat", 3: "east", 4: "lon"}
#: Types of values as `struct` writes them; a ratio has two numbers.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "s", 13: "I", 129: "s"}
#: Tags of a directory, and bytes of a value, that are read at most.
_ENTRIES, _BYTES = 1000, 400
_TAKEN = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
#: The year of the first photo.
_FIRST = 1826


@final
@dataclass(frozen=True)
class Tags:
    """The tags of a picture by name: texts, numbers, and tuples of several numbers."""

    main: Mapping[str, Any] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, str]:
        """Return when and with what it was taken, as far as that is known.

        >>> Tags({"taken": "2021:05:03 14:02:11", "offset": "+02:00", "make": "Canon", "model": "Canon EOS R"}).facts()
        {'taken': '2021-05-03T14:02:11+02:00', 'camera': 'Canon EOS R'}
        """
        found = {"taken": self._taken(), "camera": self._camera(), "lens": self._text("lens")}
        return {name: value for name, value in found.items() if value}

    def position(self) -> dict[str, float]:
        """Return where it was taken, in degrees, or nothing."""
        lat, lon = self._degrees("lat", "north", "NS", 90), self._degrees("lon", "east", "EW", 180)
        return {} if lat is None or lon is None else {"lat": lat, "lon": lon}

    def _text(self, name: str) -> str:
        value = self.main.get(name)
        return " ".join(value.split()) if isinstance(value, str) else ""

    def _taken(self) -> str:
        match = _TAKEN.fullmatch(self._text("taken"))
        try:
            taken = datetime(*map(int, match.groups())) if match else None  # type: ignore[arg-type]
        except ValueError:  # there is no such day or hour
            return ""
        if taken is None or taken.year < _FIRST:
            return ""
        offset = self._text("offset").replace("Z", "+00:00")
        return taken.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")

    def _camera(self) -> str:
        make, model = self._text("make"), self._text("model")
        repeated = not make or model.casefold().startswith(make.split()[0].casefold())
        return model if repeated and model else f"{make} {model}".strip()

    def _degrees(self, name: str, side: str, sides: Literal["NS", "EW"], most: int) -> float | None:
        """Return degrees, minutes and seconds as degrees, negative in the south and west."""
        parts, where = self.place.get(name), self.place.get(side)
        if not isinstance(parts, tuple) or len(parts) != 6 or 0 in parts[1::2] or where not in (*sides,):
            return None
        degrees = sum(top / bottom / 60**n for n, (top, bottom) in enumerate(zip(parts[::2], parts[1::2], strict=True)))
        return round(degrees if where == sides[0] else -degrees, 6) if degrees <= most else None


def read_tags(file: ByteFile) -> Tags:
    """Return the tags of a file, or of a block of EXIF, that is laid out as TIFF; anything else has none."""
    try:
        file.seek(0)
        head = file.read(8)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None:
            return Tags()
        main = _directory(file, order, struct.unpack(f"{order}I", head[4:])[0], _MAIN)
        if isinstance(exposure := main.get("exposure"), int):
            main = _directory(file, order, exposure, _MAIN) | main
        place = main.get("place")
        return Tags(main, _directory(file, order, place, _PLACE) if isinstance(place, int) else {})
    except (OSError, ValueError, struct.error):
        return Tags()


def _directory(file: ByteFile, order: str, start: int, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the values of the named tags of one directory."""
    file.seek(start)
    count = file.read(2)
    if len(count) < 2:
        return {}
    entries = file.read(12 * min(struct.unpack(f"{order}H", count)[0], _ENTRIES))
    found: dict[str, Any] = {}
    for at in range(0, len(entries) - 11, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", entries, at)
        if tag in names and kind in _TYPES and 0 < length <= _BYTES:
            value = _value(file, order, kind, length, entries[at + 8 : at + 12])
            if value is not None:
                found.setdefault(names[tag], value)
    return found


def _value(file: ByteFile, order: str, kind: int, length: int, field: bytes) -> Any:
    """Return the value of a tag, which its field holds, or the place of which it tells."""
    layout = f"{order}{length}s" if _TYPES[kind] == "s" else order + _TYPES[kind] * length
    size = struct.calcsize(layout)
    if size > 4:
        file.seek(struct.unpack(f"{order}I", field)[0])
        field = file.read(size)
    if len(field) < size or size > _BYTES:
        return None
    values = struct.unpack(layout, field[:size])
    if _TYPES[kind] != "s":
        return values[0] if len(values) == 1 else values
    try:
        text: str = values[0].split(b"\0")[0].decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
