"""Items: what is handed over to be added, and what a collection keeps and shows of it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, final

from numpy import ndarray

from ..data.pairs import Modality
from ..errors import InputError

#: An image file, the bytes of one, or RGB pixels.
Picture: TypeAlias = Path | bytes | ndarray

MAX_ID = 1000
MAX_METADATA = 1 << 16
#: Levels of objects and lists in metadata, which is the outermost.
MAX_DEPTH = 32
_JSON = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))
_SURROGATES = re.compile("[\ud800-\udfff]")


@final
@dataclass(frozen=True)
class Item:
    """What a collection knows of an item; `content` is the sha256 of its picture."""

    id: str
    texts: tuple[str, ...] = ()
    picture: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    content: str | None = None


@final
@dataclass(frozen=True, eq=False)
class Raw:
    """An item to be added: a picture, texts, or both; `features` are rows that a dataset brings in their place."""

    id: str
    picture: Picture | None = None
    texts: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[Modality, Any] = field(default_factory=dict)

    @property
    def place(self) -> str | None:
        """The whole path of its picture, if that is a file."""
        return str(self.picture.resolve()) if isinstance(self.picture, Path) else None

    def item(self) -> Item:
        """Return what will be kept of it; what cannot be kept is refused with the reason."""
        refuse_id(self.id)
        for text in (*self.texts, self.place or ""):
            refuse_undecodable(text)
        return Item(self.id, self.texts, self.place, checked(self.metadata), content(self.picture))


def content(picture: Picture | None) -> str | None:
    """Return the sha256 of a picture: of the bytes of its file, or of its pixels and their shape."""
    if picture is None:
        return None
    if isinstance(picture, Path):
        with picture.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).hexdigest()
    return hashlib.sha256(f"pixels {picture.dtype} {picture.shape} ".encode() + picture.tobytes()).hexdigest()


def refuse_id(id_: str) -> None:
    """Refuse an id that is empty, too long, or holds what cannot be stored or shown."""
    if not id_.strip() or len(id_) > MAX_ID:
        raise InputError(f"an id has 1 to {MAX_ID:,} characters, but {id_[:40]!r} has {len(id_):,}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in id_):
        raise InputError(f"the id {id_!r} holds control characters or is not UTF-8; rename it")


def storable(text: str) -> bool:
    """Return whether a text can be written as UTF-8, which half a surrogate pair cannot."""
    return not _SURROGATES.search(text)


def refuse_undecodable(text: str) -> None:
    """Refuse a text that is not UTF-8."""
    if not storable(text):
        raise InputError(f"{text[:60]!r} is not UTF-8; rename the file, or convert the text")


def checked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON holds it; what JSON does not have, or too much of it, is refused."""
    try:
        text = written(metadata)
        kept: dict[str, Any] = json.loads(text)
        depth = _depth(kept)
    except (TypeError, ValueError) as fault:
        raise InputError(f"metadata must be an object of JSON values: {fault}") from None
    except RecursionError:
        depth = MAX_METADATA
    if depth > MAX_DEPTH:
        raise InputError(f"metadata may be nested {MAX_DEPTH} levels deep, but is deeper")
    if len(text) > MAX_METADATA:
        raise InputError(f"metadata may take {MAX_METADATA:,} characters as JSON, but takes {len(text):,}")
    refuse_undecodable(json.dumps(kept, ensure_ascii=False))
    return kept


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def written(value: Mapping[str, Any] | Sequence[str]) -> str:
    """Return a value as the JSON text that is stored: sorted keys, ASCII, no blanks."""
    plain = dict(value) if isinstance(value, Mapping) else list(value)
    return _JSON.encode(plain)
