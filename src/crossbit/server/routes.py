"""The routes of the API: reading is open, writing needs the API key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from .. import __version__
from ..collection import Part, image
from ..errors import InputError
from .assets import tag
from .dependencies import RequiresKey, Served, Server, ServerState
from .limits import MAX_ITEMS
from .requests import AddRequest, Id, SearchOptions, SearchParameters, SearchRequest, refuse_huge
from .responses import (
    AddResponse,
    CollectionResponse,
    CollectionsResponse,
    ErrorResponse,
    FieldResponse,
    FieldsResponse,
    ItemResponse,
    ItemsResponse,
    RemoveResponse,
    SearchResponse,
    add_response,
    item_fields,
    search_response,
)
from .served import ServedCollection, refuse_paths

PREFIX = "/api/collections"
_WRITE_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorResponse, "description": "The API key is missing or wrong"},
    403: {"model": ErrorResponse, "description": "The server has no API key and is read-only"},
    507: {"model": ErrorResponse, "description": "The disk is full; acknowledged writes are kept"},
}
_PICTURE = {
    "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The cached thumbnail is current"},
}
reads = APIRouter(prefix=PREFIX)
writes = APIRouter(prefix=PREFIX, dependencies=[RequiresKey], responses=_WRITE_ERRORS)


@reads.get("")
async def collections(server: Server) -> CollectionsResponse:
    """List the served collections."""
    facts = await server.search.run(lambda: [CollectionResponse(**each.facts()) for each in server.collections])
    return CollectionsResponse(version=__version__, writable=server.key is not None, collections=facts)


@reads.post("/{name}/search")
async def search(query: SearchRequest, served: Served, server: Server) -> SearchResponse:
    """Search by texts, pictures and items, which form one query."""
    return await _search(server, served, query, lambda: [part.part() for part in query.parts])


@reads.get("/{name}/search")
async def search_by_url(query: Annotated[SearchParameters, Query()], served: Served, server: Server) -> SearchResponse:
    """Search by texts and items in the URL."""
    return await _search(server, served, query, query.parts)


@reads.post("/{name}/search/image", openapi_extra=_PICTURE)
async def search_by_picture(
    request: Request, options: Annotated[SearchOptions, Query()], served: Served, server: Server
) -> SearchResponse:
    """Search by a picture, the file of which is the request body."""
    content = await request.body()
    if not content:
        raise InputError("the body is empty, but should be the file of a picture")
    return await _search(server, served, options, lambda: [image(content)])


@reads.get("/{name}/item")
async def item(served: Served, server: Server, id: Annotated[Id, Query()]) -> ItemResponse:
    """Return an item."""
    found = await server.search.run(lambda: served.collection.item(id))
    return ItemResponse(**item_fields(served, found))


@reads.get("/{name}/thumbnail", response_class=Response, responses=_JPEG)
async def thumbnail(
    served: Served,
    server: Server,
    id: Annotated[Id, Query()],
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return the thumbnail of an item."""
    jpeg = await server.search.run(lambda: served.collection.thumbnail(id))
    if jpeg is None:
        raise InputError(f"item {id!r} has no picture")
    headers = {"etag": tag(jpeg), "cache-control": "private, max-age=300"}
    if if_none_match == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@reads.get("/{name}/sample")
async def sample(
    served: Served,
    server: Server,
    n: Annotated[int, Query(ge=1, le=100)] = 24,
    seed: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
) -> ItemsResponse:
    """Return a random sample of items."""
    found = await server.search.run(lambda: served.sample(n, seed))
    return ItemsResponse(items=[ItemResponse(**item_fields(served, each)) for each in found])


@reads.get("/{name}/fields")
async def fields(served: Served, server: Server) -> FieldsResponse:
    """Return the metadata fields for filters."""
    found = await server.search.run(served.fields)
    return FieldsResponse(fields=[FieldResponse(**each) for each in found])


@writes.post("/{name}/items")
async def add(request: AddRequest, served: Served, server: Server) -> AddResponse:
    """Add items and replace those that have changed; repeating the request is safe.

    Invalid items are listed as failures and the others are added; if all are invalid, the response is an error.
    """
    raws = [each.raw() for each in request.items]
    added = await server.write.run(lambda: served.collection.add(raws, on_error="skip"))
    if len(added.failures) == len(raws):
        reasons = "; ".join(f"{each.id}: {each.reason}" for each in added.failures[:5])
        raise InputError(f"no item can be used: {reasons}")
    return add_response(added)


@writes.delete("/{name}/items")
async def remove(
    served: Served,
    server: Server,
    id: Annotated[list[Id], Query(min_length=1, max_length=MAX_ITEMS)],
) -> RemoveResponse:
    """Remove items; if any id is unknown, none is removed."""
    return RemoveResponse(removed=await server.write.run(lambda: served.collection.remove(id)))


async def _search(
    server: ServerState, served: ServedCollection, options: SearchOptions, parts: Callable[[], Sequence[Part]]
) -> SearchResponse:
    collection = served.collection
    refuse_paths(options.where)
    if options.radius is not None and options.radius > collection.bits // 2:
        raise InputError(f"a radius is at most half of the {collection.bits} bits, the distance of unrelated items")

    def work() -> SearchResponse:
        start = time.perf_counter()
        query = parts()
        refuse_huge(query)
        found = collection.search(
            *query, target=options.target, k=options.k, radius=options.radius, where=options.where
        )
        server.metrics.searched(served.name, found)
        seconds = time.perf_counter() - start
        return search_response(served, found, seconds, explain=options.explain)

    return await server.search.run(work)
