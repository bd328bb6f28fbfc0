"""What is asked: texts, pictures and items of the collection, each with a weight, as one point of the common space."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Literal, NamedTuple, final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import MODALITIES, Modality
from ...errors import InputError, unknown_name
from ..encoding import embed_one
from ..item import Picture
from ..model import Model
from ..storage.reads import number_of, vectors_of
from ..storage.snapshot import Snapshot

#: Characters of a text that a message repeats.
_TOLD = 60


@final
@dataclass(frozen=True, eq=False)
class Part:
    """One part of a query; a negative weight leads away from it."""

    kind: Literal["text", "image", "item"]
    value: str | Picture
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a weight that says nothing."""
        if not isfinite(self.weight) or not self.weight:
            raise InputError(f"the weight of a part is a number other than 0, not {self.weight}")

    def __neg__(self) -> Part:
        """Return the part that leads away from what this one leads to."""
        return replace(self, weight=-self.weight)

    def __mul__(self, weight: float) -> Part:
        """Return the part with another weight."""
        return replace(self, weight=self.weight * weight)


def text(value: str) -> Part:
    """Return a part that is a text."""
    return Part("text", value)


def image(value: Picture) -> Part:
    """Return a part that is a picture: its path, its bytes or its pixels."""
    return Part("image", value)


def like(id_: str) -> Part:
    """Return a part that is an item of the collection: more like this."""
    return Part("item", id_)


class QueryVector(NamedTuple):
    """Where a query lies: its real values, the numbers of the items it was made of, and whether a text is in it."""

    values: Float[ndarray, "dim"]
    asking: tuple[int, ...]
    source: Modality

    def code(self) -> Codes:
        """Return the code of the query."""
        return Codes.from_signs(self.values[None])


def point(
    parts: Sequence[Part], model: Callable[[], Model], connection: sqlite3.Connection, snapshot: Snapshot
) -> QueryVector:
    """Return the weighted sum of the parts' directions; the model is loaded only if a part must be encoded."""
    if not parts:
        raise InputError("a search needs a text, a picture or an item to look for")
    asking: list[int] = []
    total = np.zeros(snapshot.sides["image"].codes.bits, np.float64)
    for part in parts:
        if part.kind == "item":
            asking.append(number_of(connection, str(part.value)))
            values = _of_item(asking[-1], connection, snapshot)
        else:
            values = embed_one(model(), part.value, part.kind)
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
    """Return what to tell whoever asks with a text of which the model knows no word: its code looks like any other."""
    texts = [str(part.value) for part in parts if part.kind == "text"]
    unknown = [repr(text[:_TOLD]) for text in texts if not model().pipelines["text"].extractor.knows(text)]
    return f"the model knows no word of {', '.join(unknown)}: what is found for it means nothing" if unknown else None


def part_of_file(path: Path) -> Part:
    """Return the part that is the picture in a file."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; a picture is searched for by its path")
    return image(path)


def _of_item(number: int, connection: sqlite3.Connection, snapshot: Snapshot) -> Float[ndarray, "dim"]:
    """Return an item's own direction: that of its picture, or of its text if it has none; signs without a vector."""
    for modality, side in snapshot.sides.items():
        rows = side.rows(np.array([number]))
        if len(rows):
            stored = vectors_of(connection, [number], modality, side.codes.bits)[0]
            signs: ndarray = side.codes[rows].signs()[0].astype(np.float64)
            return signs if np.isnan(stored).any() else stored
    raise InputError("this item has no code")
