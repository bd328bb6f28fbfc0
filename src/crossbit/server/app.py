"""The application: routes, errors, and what stands before them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from collections.abc import Collection as Names
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .. import __version__
from ..collection import Collection
from ..errors import CrossbitError, InputError
from . import assets, errors, routes
from .dependencies import Here, State, state_of
from .limits import Limits
from .metrics import Metered, Meters
from .middleware import Guard
from .responses import FaultAnswer, Health
from .served import ServedCollections
from .workers import WorkerPool

_LOG = logging.getLogger("crossbit.server")
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
#: Characters of a place in a request that an answer repeats; an unknown name may be as long as the request.
_PLACE = 200
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": FaultAnswer, "description": "No HTTP, no JSON, or another host name"},
    404: {"model": FaultAnswer, "description": "No such item or collection"},
    408: {"model": FaultAnswer, "description": "The request was sent too slowly"},
    413: {"model": FaultAnswer, "description": "The request is too large"},
    422: {"model": FaultAnswer, "description": "The input cannot be used; the message says what would do"},
    429: {"model": FaultAnswer, "description": "Too many requests of one client at once; ask again"},
    500: {"model": FaultAnswer, "description": "The collection is damaged, or the server is at fault"},
    503: {"model": FaultAnswer, "description": "Busy, overloaded or out of time; ask again"},
}
pages = APIRouter()


@pages.get("/api/health", responses={503: {"model": Health}})
async def health(here: Here) -> Response:
    """Say whether every collection can be read."""

    def work() -> dict[str, int | None]:
        return {shelf.name: _size(shelf.collection) for shelf in here.shelves}

    sizes = await here.aside.run(work)
    failing = None in sizes.values()
    told = Health(status="failing" if failing else "ok", version=__version__, collections=sizes)
    return JSONResponse(told.model_dump(), 503 if failing else 200)


@pages.get("/metrics", response_class=Response, responses={200: {"content": {_TEXT: {"schema": {"type": "string"}}}}})
async def metrics(here: Here) -> Response:
    """Return the server's meters in the text format of Prometheus."""
    return Response(await here.aside.run(here.meters.text), media_type=_TEXT)


@pages.get("/", include_in_schema=False)
@pages.get("/page/{name}", include_in_schema=False)
async def page(request: Request, here: Here, name: str = "index.html") -> Response:
    """Return a file of the page."""
    if name not in here.assets:
        raise HTTPException(404)
    found = here.assets[name]
    headers = {"etag": found.etag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def create_app(
    collections: Sequence[Collection], *, key: str | None = None, limits: Limits | None = None, hosts: Names[str] = ()
) -> FastAPI:
    """Return the application that serves some collections; `key` is what writing needs, none: nobody writes."""
    if not collections:
        raise InputError("a server needs at least one collection")
    shelves, limits = ServedCollections(collections), limits or Limits()
    search = WorkerPool(limits.workers, limits.queue, limits.seconds)
    late = "what was to be written may be written yet: asking again is safe"
    write = WorkerPool(1, limits.queue, limits.write_seconds, late)
    aside = WorkerPool(1, limits.queue, limits.seconds)
    meters = Meters(shelves, search)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        for slots in (search, write, aside):
            slots.close()

    app = FastAPI(
        title="crossbit",
        version=__version__,
        description="Search collections of pictures and texts in Hamming space.",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses=_REFUSALS,
    )
    app.state.crossbit = State(shelves, limits, key, search, write, aside, meters, assets.load())
    for router in (routes.reads, routes.writes, pages):
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    for cls in (errors.RefusedError, CrossbitError):
        app.add_exception_handler(cls, _failed)
    app.add_middleware(Metered, meters=meters)
    app.add_middleware(Guard, limits=limits, hosts=hosts, on_start=meters.watch)
    return app


def _size(collection: Collection) -> int | None:
    try:
        return len(collection)
    except CrossbitError:
        _LOG.exception("%s cannot be read", collection.folder.name)
        return None


def _answer(status: int, kind: str, message: str, at: str = "") -> JSONResponse:
    return JSONResponse(errors.body(status, kind, message, at), status, errors.headers(status))


async def _invalid(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    first = fault.errors()[0]
    if first["type"] == "json_invalid":
        return _answer(400, "malformed", "the body is no JSON", "body")
    at = ".".join(map(str, first["loc"]))[:_PLACE]
    return _answer(422, "input", f"{at}: {first['msg']}", at)


async def _refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    messages = {404: "there is no such page; /openapi.json lists what there is", 405: "this address has other methods"}
    message = messages.get(fault.status_code, str(fault.detail))
    answer = _answer(fault.status_code, errors.kind_of(fault.status_code), message)
    answer.headers.update(fault.headers or {})
    return answer


async def _failed(request: Request, fault: Exception) -> Response:
    told = errors.told(fault, state_of(request).shelves.folders)
    if told.status in (500, 507):
        _LOG.error("%s %s", request.method, request.url.path, exc_info=fault)
    return _answer(told.status, told.kind, told.message)
