"""Queries: texts, pictures and stored items, each with a weight, added up to one point of the common space."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from ...data.pairs import MODALITIES, Modality
from ...errors import InputError, unknown_name
from ..item import Picture, described, picture_of
from ..model import Model, embed_one
from ..storage.reads import number_of, vectors_of
from ..storage.snapshot import Snapshot

#: Characters of a text that a message repeats.
_SHOWN = 60
_KINDS = {"text": "a text", "image": "a picture", "item": "an id"}


@final
@dataclass(frozen=True, eq=False)
class Part:
    """One part of a query; a negative weight leads away from it."""

    kind: Literal["text", "image", "item"]
    value: str | Picture | Image.Image | PathLike[str]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Bring a picture into one form; a value of another kind and a weight without meaning are refused."""
        if self.kind not in _KINDS:
            raise unknown_name(self.kind, "kind of part", _KINDS)
        if self.kind == "image":
            object.__setattr__(self, "value", picture_of(self.value))
        elif not isinstance(self.value, str):
            raise InputError(f"{_KINDS[self.kind]} is a string, not {described(self.value)}")
        if not isfinite(self.weight) or not self.weight:
            raise InputError(f"the weight of a part is a number other than 0, not {self.weight}")

    def __neg__(self) -> Part:
        """Return the part that leads away from what this one leads to."""
        return replace(self, weight=-self.weight)

    def __mul__(self, weight: float) -> Part:
        """Return the part with its weight multiplied."""
        return replace(self, weight=self.weight * weight)

    __rmul__ = __mul__


#: What a query may be made of: a string is a text; a path, the bytes of an image file, a PIL image and an array of RGB
#: pixels are pictures; a pair gives one of them a weight.
Askable: TypeAlias = Part | str | PathLike[str] | bytes | Image.Image | ndarray | tuple[Any, float]


def text(value: str) -> Part:
    """Return a part that is a text."""
    return Part("text", value)


def image(value: Picture | Image.Image | str | PathLike[str]) -> Part:
    """Return a part that is a picture: its path, the bytes of its file, a PIL image or an array of RGB pixels."""
    return Part("image", value)


def like(id_: str) -> Part:
    """Return a part that is an item of the collection: more like this."""
    return Part("item", id_)


def part_of(value: Askable) -> Part:
    """Return a part of a query as a `Part`; what cannot be one is refused.

    >>> part_of("red shoes"), part_of(("red shoes", 0.5)).weight
    (Part(kind='text', value='red shoes', weight=1.0), 0.5)
    """
    if isinstance(value, Part):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, PathLike | bytes | Image.Image | ndarray):
        return image(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Real) and not isinstance(value[1], bool):
        return part_of(value[0]) * float(value[1])
    raise InputError(
        "a query is made of texts (str), pictures (pathlib.Path, bytes, a PIL image, an array of RGB pixels), items"
        f" (like(id)) and pairs of one of them and its weight, each an argument of its own, but not of"
        f" {described(value)}"
    )


class QueryVector(NamedTuple):
    """A query as a point: its real values, the numbers of the items in it, and the modality that it counts as."""

    values: Float[ndarray, "dim"]
    asking: tuple[int, ...]
    source: Modality


def embed_parts(parts: Sequence[Part], model: Callable[[], Model]) -> list[Float[ndarray, "dim"] | None]:
    """Return the real values of texts and pictures, none for items, whose codes are stored.

    The model is loaded only if there is something to encode.
    """
    if not parts:
        raise InputError("a search needs a text, a picture or an item to look for")
    return [None if part.kind == "item" else embed_one(model(), part.value, part.kind) for part in parts]


def query_vector(
    parts: Sequence[Part],
    embedded: Sequence[Float[ndarray, "dim"] | None],
    connection: sqlite3.Connection,
    snapshot: Snapshot,
) -> QueryVector:
    """Return the weighted sum of the directions of the parts, of which `embedded` has the real values."""
    asking: list[int] = []
    total = np.zeros(snapshot.sides["image"].codes.bits, np.float64)
    for part, values in zip(parts, embedded, strict=True):
        if values is None:
            asking.append(number_of(connection, str(part.value)))
            values = _direction(asking[-1], connection, snapshot)
        length = float(np.linalg.norm(values))
        total += part.weight * values / (length or 1.0)
    source: Modality = "text" if any(part.kind == "text" for part in parts) else "image"
    return QueryVector(total, tuple(asking), source)


def checked_target(target: str, parts: Sequence[Part]) -> Modality:
    """Return the modality to search in: by default texts for a picture alone, pictures for everything else."""
    for modality in MODALITIES:
        if modality == target:
            return modality
    if target:
        raise unknown_name(target, "modality", MODALITIES)
    return "text" if [part.kind for part in parts] == ["image"] else "image"


def warning(parts: Sequence[Part], model: Callable[[], Model]) -> str | None:
    """Return a warning where no word of a text is in the model's vocabulary: its code is like any other."""
    texts = [str(part.value) for part in parts if part.kind == "text"]
    unknown = [repr(text[:_SHOWN]) for text in texts if not model().pipelines["text"].extractor.knows(text)]
    return f"no word of {', '.join(unknown)} is in the model's vocabulary; results are meaningless" if unknown else None


def part_of_file(path: Path) -> Part:
    """Return the part that is the picture in a file."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; a picture is searched for by its path")
    return image(path)


def _direction(number: int, connection: sqlite3.Connection, snapshot: Snapshot) -> Float[ndarray, "dim"]:
    """Return the direction of an item: that of its picture, or of its text if it has none; signs without a vector."""
    for modality, side in snapshot.sides.items():
        rows = side.rows(np.array([number]))
        if len(rows):
            stored = vectors_of(connection, [number], modality, side.codes.bits)[0]
            signs: ndarray = side.codes[rows].signs()[0].astype(np.float64)
            return signs if np.isnan(stored).any() else stored
    raise InputError("this item has no code")
