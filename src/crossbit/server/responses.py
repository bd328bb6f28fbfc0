"""Response models and the values of the library in them, without paths of the server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel

from ..collection import Item, SearchResults
from ..collection.ingest.add import AddResult
from .served import ServedCollection


class ItemResponse(BaseModel):
    """An item; `thumbnail` is the URL of its thumbnail on this server, and `source` the name of where it came from."""

    id: str
    texts: list[str]
    metadata: dict[str, Any]
    thumbnail: str | None
    source: str | None


class HitResponse(ItemResponse):
    """A hit, the best first: `distance` is in bits, and `probability` is null in a collection without calibration."""

    rank: int
    distance: int
    score: float
    probability: float | None


class StageResponse(BaseModel):
    """The work of one stage of a search."""

    name: str
    looked_at: int
    kept: int
    seconds: float
    how: str


class SearchResponse(BaseModel):
    """The hits among `searched` codes; `doubtful` means that probably nothing matches.

    `warning` names texts without a word in the vocabulary of the model.
    """

    collection: str
    target: Literal["image", "text"]
    searched: int
    seconds: float
    doubtful: bool | None
    warning: str | None
    hits: list[HitResponse]
    stages: list[StageResponse] | None


class CollectionResponse(BaseModel):
    """A collection: its sizes, the bytes of its codes, and the model that output them."""

    name: str
    items: int
    images: int
    texts: int
    bits: int
    code_bytes: int
    method: str
    model: str


class CollectionsResponse(BaseModel):
    """The served collections; `writable` is whether the server has an API key."""

    version: str
    writable: bool
    collections: list[CollectionResponse]


class FieldResponse(BaseModel):
    """A metadata field with frequent values; the values of a `listed` one are elements of lists."""

    name: str
    listed: bool
    values: list[str | int | float]


class FieldsResponse(BaseModel):
    """Fields for filters, found in a sample of the items."""

    fields: list[FieldResponse]


class ItemsResponse(BaseModel):
    """Some items."""

    items: list[ItemResponse]


class HealthResponse(BaseModel):
    """Whether every collection can be read, with its number of items."""

    status: Literal["ok", "failing"]
    version: str
    collections: dict[str, int | None]


class FailureResponse(BaseModel):
    """An item that was skipped, and the reason."""

    id: str
    reason: str


class AddResponse(BaseModel):
    """The result of adding; an item that existed with the same content is `unchanged`."""

    added: int
    replaced: int
    unchanged: int
    failures: list[FailureResponse]


class RemoveResponse(BaseModel):
    """The number of removed items."""

    removed: int


class ErrorDetail(BaseModel):
    """An error: `kind` for programs, `message` for people, `at` the location in the request."""

    kind: str
    message: str
    at: str = ""


class ErrorResponse(BaseModel):
    """The response to a failed request."""

    error: ErrorDetail
    status: int


def item_fields(served: ServedCollection, item: Item) -> dict[str, Any]:
    """Return the fields of an item in a response."""
    url = None
    if served.has_thumbnail(item):
        query = urlencode({"id": item.id, "v": (item.content or "")[:12]})
        url = f"/api/collections/{served.name}/thumbnail?{query}"
    facts = {"id": item.id, "texts": list(item.texts), "metadata": dict(item.metadata)}
    return {**facts, "thumbnail": url, "source": item.source}


def search_response(served: ServedCollection, found: SearchResults, seconds: float, *, explain: bool) -> SearchResponse:
    """Return the response to a search."""
    hits = [
        HitResponse(
            rank=rank,
            distance=int(hit.distance),
            score=float(hit.score),
            probability=hit.probability,
            **item_fields(served, hit.item),
        )
        for rank, hit in enumerate(found.hits, 1)
    ]
    return SearchResponse(
        collection=served.name,
        target=found.target,
        searched=found.searched,
        seconds=seconds,
        doubtful=found.doubtful,
        warning=found.warning,
        hits=hits,
        stages=[StageResponse(**stage._asdict()) for stage in found.stages] if explain else None,
    )


def add_response(added: AddResult) -> AddResponse:
    """Return the response to adding items."""
    failures = [FailureResponse(id=each.id, reason=each.reason) for each in added.failures]
    return AddResponse(**{**asdict(added), "failures": failures})
