"""Items: what is handed over to be added, and what a collection stores and shows of it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from numpy import ndarray
from PIL import Image

from ..data.pairs import Modality
from ..errors import DamagedError, InputError
from ..features.raw import content_of, open_picture
from ..records.record import EVERYTHING, Says

#: An image file, the bytes of one, or RGB pixels.
Picture: TypeAlias = Path | bytes | ndarray

MAX_ID = 1000
MAX_METADATA = 1 << 16
#: Levels of objects and lists in metadata, which is the outermost.
MAX_DEPTH = 32
_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder()
_SURROGATES = re.compile("[\ud800-\udfff]")


@final
@dataclass(frozen=True)
class Edits:
    """The values of an item that were set by hand, and the source's own that they hide.

    `texts` is none where the source's own count, and a value of None in `metadata` drops the source's.
    """

    texts: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    own_texts: tuple[str, ...] = ()
    own_metadata: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Item:
    """The facts of a stored item; `content` is the sha256 of its picture.

    `source` and `key` are its identity where it came from a source: that one's label, and its name there. `edits` are
    its values set by hand, which `texts` and `metadata` show already.
    """

    id: str
    texts: tuple[str, ...] = ()
    picture: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    content: str | None = None
    source: str | None = None
    key: str | None = None
    edits: Edits | None = None

    def __post_init__(self) -> None:
        """Take a single text as the only one."""
        if isinstance(self.texts, str):
            object.__setattr__(self, "texts", (self.texts,))

    def facts(self) -> list[bytes]:
        """Return the facts as they go into the item's checksum; those of the first format stay what they were."""
        values = [self.id, self.picture or "", self.content or "", written(self.texts), written(self.metadata)]
        if self.source is not None or self.key is not None or self.edits is not None:
            values += [self.source or "", self.key or "", edits_text(self.edits) or ""]
        return [value.encode() for value in values]

    @property
    def own(self) -> Item:
        """The item as its source alone gives it."""
        if self.edits is None:
            return self
        return replace(self, texts=self.edits.own_texts, metadata=self.edits.own_metadata, edits=None)

    def with_edits(self, edits: Edits | None) -> Item:
        """Return the item, as its source alone gives it, with values set by hand."""
        if edits is None:
            return self
        both = {**self.metadata, **edits.metadata}
        return replace(
            self,
            texts=self.texts if edits.texts is None else edits.texts,
            metadata={name: value for name, value in both.items() if value is not None},
            edits=replace(edits, own_texts=self.texts, own_metadata=self.metadata),
        )

    def edited(self, texts: tuple[str, ...] | None, metadata: Mapping[str, Any]) -> Item:
        """Return the item with other texts, or metadata that is merged into its own; a value of None drops its name."""
        edits = self.edits or Edits()
        texts = edits.texts if texts is None else texts
        both = {**edits.metadata, **checked(metadata)}
        item = self.own.with_edits(Edits(texts, both) if both or texts is not None else None)
        checked(item.metadata)
        return item


@final
@dataclass(frozen=True, eq=False)
class Raw:
    """An item to be added: a picture, texts, or both; `features` are rows that a dataset brings in their place.

    A single text may be given as it is. A picture is a path (also as a string), the bytes of an image file, a PIL
    image, or RGB pixels of shape (height, width, 3). Of what is not in `says`, the source says nothing: it stays as it
    is stored. `where` tells what the item was read from, as in `line 9`.
    """

    id: str
    picture: Picture | Image.Image | str | None = None
    texts: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[Modality, Any] = field(default_factory=dict)
    says: frozenset[Says] = EVERYTHING
    where: str = ""

    def __post_init__(self) -> None:
        """Bring texts and picture into one form each; another kind is refused."""
        if not isinstance(self.id, str):
            raise InputError(f"an id is a string, not {described(self.id)}")
        picture = None if self.picture is None else picture_of(self.picture)
        object.__setattr__(self, "picture", picture)
        object.__setattr__(self, "texts", strings(self.texts, "texts"))

    @property
    def place(self) -> str | None:
        """The absolute path of its picture, if that is a file."""
        return str(self.picture.resolve()) if isinstance(self.picture, Path) else None

    def item(self, content: str | None = None) -> Item:
        """Return the facts to be stored, with the sha256 of its picture if that is known already.

        Facts that cannot be stored are refused with the reason.
        """
        refuse_id(self.id)
        for text in (*self.texts, self.place or ""):
            refuse_undecodable(text)
        if content is None and self.picture is not None:
            content = content_of(picture_of(self.picture))
        return Item(self.id, tuple(self.texts), self.place, checked(self.metadata), content)


def strings(values: Iterable[str], what: str) -> tuple[str, ...]:
    """Return strings as a tuple, a single one as the only one; other kinds are refused.

    >>> strings("hello", "texts"), strings(["a", "b"], "texts")
    (('hello',), ('a', 'b'))
    """
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable) or isinstance(values, bytes | Mapping):
        raise InputError(f"{what} are a string or a list of strings, not {described(values)}")
    found = tuple(values)
    for value in found:
        if not isinstance(value, str):
            raise InputError(f"{what} are strings, but {described(value)} is among them")
    return found


def picture_of(value: Picture | Image.Image | str | PathLike[str]) -> Picture:
    """Return a picture as a path, bytes or RGB pixels; another kind is refused."""
    if isinstance(value, Image.Image):
        return np.asarray(open_picture(value))
    if isinstance(value, str | PathLike):
        return Path(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, ndarray) and (value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3):
        raise InputError(f"pixels are uint8 of shape (height, width, 3), not {value.dtype} of shape {value.shape}")
    if isinstance(value, bytes | ndarray):
        return value
    raise InputError(
        f"a picture is a path, the bytes of an image file, a PIL image or an array of RGB pixels, not"
        f" {described(value)}"
    )


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
    """Return metadata as JSON holds it; what JSON cannot hold, or too much of it, is refused."""
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata must be an object of JSON values, not {described(metadata)}")
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


def described(value: Any) -> str:
    """Return a value of a wrong kind as an error names it."""
    return f"the {type(value).__name__} {value!r:.60}"


def written(value: Mapping[str, Any] | Sequence[str]) -> str:
    """Return a value as the JSON text that is stored: sorted keys, ASCII, no blanks."""
    plain = dict(value) if isinstance(value, Mapping) else list(value)
    return _ENCODER.encode(plain)


def edits_text(edits: Edits | None) -> str | None:
    """Return edits as the JSON text that is stored, or none where there are none."""
    return None if edits is None else written(vars(edits))


def edits_of(text: str | None) -> Edits | None:
    """Return what `edits_text` wrote; anything else raises `ValueError` or `TypeError`."""
    if text is None:
        return None
    edits = Edits(**_read(text))
    texts = None if edits.texts is None else strings(edits.texts, "texts")
    return Edits(texts, dict(edits.metadata), strings(edits.own_texts, "texts"), dict(edits.own_metadata))


def read_item(row: Sequence[Any]) -> Item:
    """Return the item of a stored row: number, id, picture, content, texts, metadata, source, key, edits."""
    _, id_, picture, content, texts, metadata, source, key, edits = row
    try:
        hash_ = content.hex() if content else None
        return Item(id_, tuple(_read(texts)), picture, _read(metadata), hash_, source, key, edits_of(edits))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise DamagedError(f"the stored facts of item {id_!r} cannot be read") from None


def _read(text: str) -> Any:
    """Return the value of what `written` wrote, which has no blanks around it: in a third of the time of `loads`."""
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError
    return value
