"""What clients get, and what of the library's values goes into it: never a place on the server's disk."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel

from ..collection import Item, SearchResults
from ..collection.ingest.add import AddResult
from .served import ServedCollection


class ShownItem(BaseModel):
    """An item; `thumbnail` is the address of its small picture on this server."""

    id: str
    texts: list[str]
    metadata: dict[str, Any]
    thumbnail: str | None


class ShownHit(ShownItem):
    """An item that was found: best first, `distance` in bits, `probability` where the collection is calibrated."""

    rank: int
    distance: int
    score: float
    probability: float | None


class ShownStage(BaseModel):
    """What a stage of a search did."""

    name: str
    looked_at: int
    kept: int
    seconds: float
    how: str


class SearchAnswer(BaseModel):
    """What was found among `searched` codes; `doubtful` means that probably nothing here matches.

    `warning` names the texts of which the model knows no word.
    """

    collection: str
    target: Literal["image", "text"]
    searched: int
    seconds: float
    doubtful: bool | None
    warning: str | None
    hits: list[ShownHit]
    stages: list[ShownStage] | None


class CollectionFacts(BaseModel):
    """A collection: its sizes, the bytes of its codes, and the model that made them."""

    name: str
    items: int
    images: int
    texts: int
    bits: int
    code_bytes: int
    method: str
    model: str


class Collections(BaseModel):
    """The collections that are served; `writable` tells whether there is an API key at all."""

    version: str
    writable: bool
    collections: list[CollectionFacts]


class ShownField(BaseModel):
    """A field of the metadata, with frequent values; of a `listed` one they are elements."""

    name: str
    listed: bool
    values: list[str | int | float]


class Fields(BaseModel):
    """The fields that filters may name, as far as a look at some items shows."""

    fields: list[ShownField]


class Items(BaseModel):
    """Some items."""

    items: list[ShownItem]


class Health(BaseModel):
    """Whether every collection can be read, with its number of items."""

    status: Literal["ok", "failing"]
    version: str
    collections: dict[str, int | None]


class ShownFailure(BaseModel):
    """An item that could not be used, and why."""

    id: str
    reason: str


class AddedAnswer(BaseModel):
    """What adding did; an item that was there with the same content is `unchanged`."""

    added: int
    replaced: int
    unchanged: int
    failures: list[ShownFailure]


class RemovedAnswer(BaseModel):
    """How many items were removed."""

    removed: int


class Fault(BaseModel):
    """What is wrong: `kind` for programs, `message` for people, `at` the place in the request."""

    kind: str
    message: str
    at: str = ""


class FaultAnswer(BaseModel):
    """The answer to a request that failed."""

    error: Fault
    status: int


def shown(shelf: ServedCollection, item: Item) -> dict[str, Any]:
    """Return what is shown of an item."""
    address = None
    if shelf.has_thumbnail(item):
        query = urlencode({"id": item.id, "v": (item.content or "")[:12]})
        address = f"/api/collections/{shelf.name}/thumbnail?{query}"
    return {"id": item.id, "texts": list(item.texts), "metadata": dict(item.metadata), "thumbnail": address}


def search_answer(
    shelf: ServedCollection, found: SearchResults, seconds: float, warning: str | None, *, explain: bool
) -> SearchAnswer:
    """Return what a search found as JSON tells it."""
    hits = [
        ShownHit(
            rank=rank,
            distance=int(hit.distance),
            score=float(hit.score),
            probability=hit.probability,
            **shown(shelf, hit.item),
        )
        for rank, hit in enumerate(found.hits, 1)
    ]
    return SearchAnswer(
        collection=shelf.name,
        target=found.target,
        searched=found.searched,
        seconds=seconds,
        doubtful=getattr(found, "doubtful", None),
        warning=warning,
        hits=hits,
        stages=[ShownStage(**stage._asdict()) for stage in found.stages] if explain else None,
    )


def added_answer(added: AddResult) -> AddedAnswer:
    """Return what adding did as JSON tells it."""
    failures = [ShownFailure(id=each.id, reason=each.reason) for each in added.failures]
    return AddedAnswer(**{**asdict(added), "failures": failures})
