"""Request models: every field is bounded, nothing is converted silently, and unknown names are refused."""

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

_ENCODED = (
    "A picture's file (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, PPM; HEIC and raw photos where the server has what reads"
    " them) as base64. URLs are never fetched."
)
_PIXELS = f"Their pictures together have at most {MAX_PIXELS:,} pixels."

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Picture = Annotated[str, Field(min_length=1, description=_ENCODED, json_schema_extra={"format": "byte"})]


class RequestModel(BaseModel):
    """Base of the models; only the first unknown name is an error, since reporting a million would block the server."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _first_unknown(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {name: data[name] for name in cls.model_fields if name in data}
        unknown = next((name for name in data if name not in known), None)
        return known if unknown is None else {**known, unknown: None}


class QueryPart(RequestModel):
    """One part of a query: a text, a picture, or an item of the collection. A negative weight searches away from it."""

    model_config = ConfigDict(strict=True)

    text: Text | None = None
    image: Picture | None = None
    like: Id | None = Field(default=None, description="The id of an item to find more like.")
    weight: Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _one_of(self) -> QueryPart:
        if sum(each is not None for each in (self.text, self.image, self.like)) != 1:
            raise ValueError("a part has exactly one of text, image and like")
        return self

    def part(self) -> Part:
        """Return the part of a query of the library."""
        if self.text is not None:
            return text(self.text) * self.weight
        return (image(decoded(self.image)) if self.image is not None else like(self.like or "")) * self.weight


class SearchOptions(RequestModel):
    """Options of a search, which also fit into a URL."""

    target: Annotated[
        Literal["", "image", "text"],
        Field(description="Search pictures or texts; empty: texts for a picture alone, else pictures."),
    ] = ""
    k: Annotated[int, Field(ge=1, le=MAX_HITS, description="Number of hits.")] = 10
    radius: Annotated[
        int | None, Field(ge=0, le=1 << 16, description="Maximum Hamming distance of a hit, in bits.")
    ] = None
    where: Annotated[
        str, Field(max_length=MAX_FILTER, description="A filter, such as year >= 2020 and license in ('cc-by', 'cc0').")
    ] = ""
    explain: bool = Field(False, description="Return the work and time of each stage.")


class SearchParameters(SearchOptions):
    """A search by texts and items, all of which fits into a URL."""

    text: Annotated[list[Text], Field(max_length=MAX_PARTS)] = []
    minus: Annotated[list[Text], Field(max_length=MAX_PARTS, description="Texts to search away from.")] = []
    like: Annotated[list[Id], Field(max_length=MAX_PARTS, description="Ids of items to find more like.")] = []

    def parts(self) -> list[Part]:
        """Return the parts of a query of the library; none or too many are refused."""
        found = [*map(text, self.text), *(-text(each) for each in self.minus), *map(like, self.like)]
        if not 0 < len(found) <= MAX_PARTS:
            raise InputError(f"a search has 1 to {MAX_PARTS} of text, minus and like, but this has {len(found)}")
        return found


class SearchRequest(SearchOptions):
    """A search, whose parts form one query."""

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


class NewItem(RequestModel):
    """An item to add; it replaces one with the same id."""

    model_config = ConfigDict(strict=True)

    id: Id
    picture: Picture | None = None
    texts: Annotated[list[Text], Field(max_length=64)] = []
    metadata: dict[str, Any] = {}

    def raw(self) -> Raw:
        """Return the raw item of the library."""
        picture = None if self.picture is None else decoded(self.picture)
        return Raw(self.id, picture, tuple(self.texts), self.metadata)


class AddRequest(RequestModel):
    """Items to add; every valid one is safe on disk before the response."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"items": [{"id": "note-1", "texts": ["a green square"], "metadata": {"year": 2024}}]}]
        },
    )

    items: Annotated[list[NewItem], Field(min_length=1, max_length=MAX_ITEMS)]


def refuse_huge(parts: Sequence[Part]) -> None:
    """Refuse pictures with more pixels in total than one request may decode."""
    pixels = sum(_pixels(part.value) for part in parts if isinstance(part.value, bytes))
    if pixels > MAX_PIXELS:
        raise InputError(
            f"the pictures of a query may have {MAX_PIXELS:,} pixels together, but these have {pixels:,}; shrink them"
        )


def _pixels(picture: bytes) -> int:
    try:
        return pixels_of(picture)
    except InputError:
        return 0  # the search reports the error


def decoded(encoded: str) -> bytes:
    """Return the bytes of a base64 text."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            "a picture is the base64 of its file (A-Z, a-z, 0-9, + and /, padded with =); URLs are not fetched"
        ) from None
