"""The routes of the API: search, items and thumbnails are open, changes need the key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from .. import __version__
from ..collection import Part, image
from ..collection.search.query import warning
from ..errors import InputError
from .assets import tag
from .dependencies import Here, Served, State, Writer
from .limits import MAX_ITEMS
from .requests import Address, Conditions, Id, NewItems, Question, refuse_huge
from .responses import (
    AddedAnswer,
    CollectionFacts,
    Collections,
    FaultAnswer,
    Fields,
    Items,
    RemovedAnswer,
    SearchAnswer,
    ShownField,
    ShownItem,
    added_answer,
    search_answer,
    shown,
)
from .served import ServedCollection, refuse_places

reads = APIRouter(prefix="/api/collections")

_PICTURE = {
    "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The client has it already"},
}


@reads.get("")
async def collections(here: Here) -> Collections:
    """List the collections that are served."""
    facts = await here.search.run(lambda: [CollectionFacts(**shelf.facts()) for shelf in here.shelves])
    return Collections(version=__version__, writable=here.key is not None, collections=facts)


@reads.post("/{name}/search")
async def search(question: Question, shelf: Served, here: Here) -> SearchAnswer:
    """Search by texts, pictures, items, or several of them as one query."""
    return await _search(here, shelf, question, lambda: [part.part() for part in question.parts])


@reads.get("/{name}/search")
async def search_by_address(asked: Annotated[Address, Query()], shelf: Served, here: Here) -> SearchAnswer:
    """Search by texts and items that stand in the address."""
    return await _search(here, shelf, asked, asked.parts)


@reads.post("/{name}/search/image", openapi_extra=_PICTURE)
async def search_by_picture(
    request: Request, asked: Annotated[Conditions, Query()], shelf: Served, here: Here
) -> SearchAnswer:
    """Search by a picture, whose file is the body."""
    content = await request.body()
    if not content:
        raise InputError("the body is the file of a picture, but it is empty")
    return await _search(here, shelf, asked, lambda: [image(content)])


@reads.get("/{name}/item")
async def item(shelf: Served, here: Here, id: Annotated[Id, Query()]) -> ShownItem:
    """Return an item."""
    found = await here.search.run(lambda: shelf.collection.item(id))
    return ShownItem(**shown(shelf, found))


@reads.get("/{name}/thumbnail", response_class=Response, responses=_JPEG)
async def thumbnail(
    shelf: Served,
    here: Here,
    id: Annotated[Id, Query()],
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return the small picture of an item."""
    jpeg = await here.search.run(lambda: shelf.collection.thumbnail(id))
    if jpeg is None:
        raise InputError(f"item {id!r} has no picture")
    headers = {"etag": tag(jpeg), "cache-control": "private, max-age=300"}
    if if_none_match == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@reads.get("/{name}/sample")
async def sample(
    shelf: Served,
    here: Here,
    n: Annotated[int, Query(ge=1, le=100)] = 24,
    seed: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
) -> Items:
    """Return some items at random, to look around."""
    found = await here.search.run(lambda: shelf.sample(n, seed))
    return Items(items=[ShownItem(**shown(shelf, each)) for each in found])


@reads.get("/{name}/fields")
async def fields(shelf: Served, here: Here) -> Fields:
    """Return the fields of the metadata that filters may name."""
    found = await here.search.run(shelf.fields)
    return Fields(fields=[ShownField(**each) for each in found])


async def _search(
    here: State, shelf: ServedCollection, wanted: Conditions, parts: Callable[[], Sequence[Part]]
) -> SearchAnswer:
    refuse_places(wanted.where)
    if wanted.radius is not None and wanted.radius > shelf.collection.bits // 2:
        raise InputError(
            f"a radius is at most half of the {shelf.collection.bits} bits: there lie what has nothing in common"
        )

    def work() -> SearchAnswer:
        start = time.perf_counter()
        asked = parts()
        refuse_huge(asked)
        found = shelf.collection.search(
            *asked, target=wanted.target, k=wanted.k, radius=wanted.radius, where=wanted.where
        )
        here.meters.searched(shelf.name, found)
        seconds = time.perf_counter() - start
        return search_answer(
            shelf, found, seconds, warning(asked, lambda: shelf.collection.model), explain=wanted.explain
        )

    return await here.search.run(work)


_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": FaultAnswer, "description": "The API key is missing or wrong"},
    403: {"model": FaultAnswer, "description": "The server has no API key and only reads"},
    507: {"model": FaultAnswer, "description": "The disk is full; nothing that was acknowledged is lost"},
}
writes = APIRouter(prefix="/api/collections", dependencies=[Writer], responses=_REFUSALS)


@writes.post("/{name}/items")
async def add(given: NewItems, shelf: Served, here: Here) -> AddedAnswer:
    """Add items, or replace those that have changed; asking twice does no harm.

    An item that cannot be used is named among the failures and the others are added; with none left it is an error.
    """
    raws = [each.raw() for each in given.items]
    added = await here.write.run(lambda: shelf.collection.add(raws, on_error="skip"))
    if len(added.failures) == len(raws):
        reasons = "; ".join(f"{each.id}: {each.reason}" for each in added.failures[:5])
        raise InputError(f"no item can be used: {reasons}")
    return added_answer(added)


@writes.delete("/{name}/items")
async def remove(
    shelf: Served,
    here: Here,
    id: Annotated[list[Id], Query(min_length=1, max_length=MAX_ITEMS)],
) -> RemovedAnswer:
    """Remove items; where an id is unknown, none is removed."""
    return RemovedAnswer(removed=await here.write.run(lambda: shelf.collection.remove(id)))
