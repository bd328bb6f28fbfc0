"""What clients send: every field bounded, nothing converted in silence, nothing unknown let through."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..collection import Part, Raw, image, like, text
from ..errors import InputError
from ..features.raw import pixels_of
from .limits import MAX_FILTER, MAX_HITS, MAX_ID, MAX_ITEMS, MAX_PARTS, MAX_PIXELS, MAX_TEXT, MAX_WEIGHT

_ENCODED = "A picture's file (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, PPM) as base64. Addresses are never fetched."
_PIXELS = f"Their pictures have {MAX_PIXELS:,} pixels together at most."

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Picture = Annotated[str, Field(min_length=1, description=_ENCODED, json_schema_extra={"format": "byte"})]


class Asked(BaseModel):
    """What a client sends; it is refused at its first unknown name, for a million errors would take the server."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _one_unknown(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        known = {name: given[name] for name in cls.model_fields if name in given}
        unknown = next((name for name in given if name not in known), None)
        return known if unknown is None else {**known, unknown: None}


class QueryPart(Asked):
    """One part of a query: a text, a picture, or an item of the collection. A negative weight leads away from it."""

    model_config = ConfigDict(strict=True)

    text: Text | None = None
    image: Picture | None = None
    like: Id | None = Field(default=None, description="The id of an item: more like this.")
    weight: Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _one_of(self) -> QueryPart:
        if sum(each is not None for each in (self.text, self.image, self.like)) != 1:
            raise ValueError("a part has one of text, image and like")
        return self

    def part(self) -> Part:
        """Return the part as the library knows it."""
        if self.text is not None:
            return text(self.text) * self.weight
        return (image(decoded(self.image)) if self.image is not None else like(self.like or "")) * self.weight


class Conditions(Asked):
    """What a search asks beside its parts, as it may stand in an address."""

    target: Annotated[
        Literal["", "image", "text"],
        Field(description="Search pictures or texts; empty: texts for a picture alone, else pictures."),
    ] = ""
    k: Annotated[int, Field(ge=1, le=MAX_HITS, description="How many hits.")] = 10
    radius: Annotated[int | None, Field(ge=0, le=1 << 16, description="Only hits within this many bits.")] = None
    where: Annotated[
        str, Field(max_length=MAX_FILTER, description="A filter, as in year >= 2020 and license in ('cc-by', 'cc0').")
    ] = ""
    explain: bool = Field(False, description="Tell what each stage of the search did, and how long it took.")


class Address(Conditions):
    """A search whose parts stand in its address too."""

    text: Annotated[list[Text], Field(max_length=MAX_PARTS)] = []
    minus: Annotated[list[Text], Field(max_length=MAX_PARTS, description="Texts to lead away from.")] = []
    like: Annotated[list[Id], Field(max_length=MAX_PARTS, description="Ids of items: more like these.")] = []

    def parts(self) -> list[Part]:
        """Return the parts as the library knows them; none, or too many, are refused."""
        found = [*map(text, self.text), *(-text(each) for each in self.minus), *map(like, self.like)]
        if not 0 < len(found) <= MAX_PARTS:
            raise InputError(f"a search has 1 to {MAX_PARTS} of text, minus and like, but this has {len(found)}")
        return found


class Question(Conditions):
    """A search: its parts are one query together."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"parts": [{"text": "a red circle"}], "k": 5},
                {"parts": [{"text": "beach"}, {"text": "people", "weight": -0.5}], "where": "year >= 2020"},
                {"parts": [{"like": "000001"}], "target": "image", "radius": 6},
            ]
        },
    )

    parts: Annotated[list[QueryPart], Field(min_length=1, max_length=MAX_PARTS, description=_PIXELS)]


class NewItem(Asked):
    """An item to be added, or to replace the one of its id."""

    model_config = ConfigDict(strict=True)

    id: Id
    picture: Picture | None = None
    texts: Annotated[list[Text], Field(max_length=64)] = []
    metadata: dict[str, Any] = {}

    def raw(self) -> Raw:
        """Return the item as the library takes it."""
        picture = None if self.picture is None else decoded(self.picture)
        return Raw(self.id, picture, tuple(self.texts), self.metadata)


class NewItems(Asked):
    """Items to be added; each that can be used is safe on the disk when the answer comes."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"items": [{"id": "note-1", "texts": ["a green square"], "metadata": {"year": 2024}}]}]
        },
    )

    items: Annotated[list[NewItem], Field(min_length=1, max_length=MAX_ITEMS)]


def refuse_huge(parts: Sequence[Part]) -> None:
    """Refuse pictures that together have more pixels than one request may decode."""
    pixels = sum(_pixels(part.value) for part in parts if isinstance(part.value, bytes))
    if pixels > MAX_PIXELS:
        raise InputError(
            f"the pictures of a query may have {MAX_PIXELS:,} pixels together, but these have {pixels:,}; shrink them"
        )


def _pixels(picture: bytes) -> int:
    try:
        return pixels_of(picture)
    except InputError:
        return 0  # the search says what is wrong with it


def decoded(encoded: str) -> bytes:
    """Return the bytes that base64 stands for."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            "a picture is its file as base64 (A-Z, a-z, 0-9, + and /, padded with =); addresses are not fetched"
        ) from None
