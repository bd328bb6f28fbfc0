"""The application: routes, error handlers and middleware."""

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
from .dependencies import Server, ServerState, server_state
from .limits import Limits
from .metrics import MetricsMiddleware, ServerMetrics
from .middleware import LimitsMiddleware
from .responses import ErrorResponse, HealthResponse
from .served import ServedCollections
from .workers import WorkerPool

logger = logging.getLogger(__name__)
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
#: Maximum length of the location of an error in a request; an unknown name may be as long as the request.
_LOCATION = 200
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "Malformed HTTP or JSON, or an unknown Host header"},
    404: {"model": ErrorResponse, "description": "No such item or collection"},
    408: {"model": ErrorResponse, "description": "The request was sent too slowly"},
    413: {"model": ErrorResponse, "description": "The request is too large"},
    422: {"model": ErrorResponse, "description": "Invalid input; the message says what is valid"},
    429: {"model": ErrorResponse, "description": "Too many concurrent requests from one client; retry"},
    500: {"model": ErrorResponse, "description": "The collection is damaged, or the server failed"},
    503: {"model": ErrorResponse, "description": "Busy, overloaded or out of time; retry"},
}
pages = APIRouter()


@pages.get("/api/health", responses={503: {"model": HealthResponse}})
async def health(server: Server) -> Response:
    """Report whether every collection can be read."""

    def work() -> dict[str, int | None]:
        return {served.name: _size(served.collection) for served in server.collections}

    sizes = await server.monitoring.run(work)
    failing = None in sizes.values()
    report = HealthResponse(status="failing" if failing else "ok", version=__version__, collections=sizes)
    return JSONResponse(report.model_dump(), 503 if failing else 200)


@pages.get("/metrics", response_class=Response, responses={200: {"content": {_TEXT: {"schema": {"type": "string"}}}}})
async def metrics(server: Server) -> Response:
    """Return metrics in the text format of Prometheus."""
    return Response(await server.monitoring.run(server.metrics.text), media_type=_TEXT)


@pages.get("/", include_in_schema=False)
@pages.get("/page/{name}", include_in_schema=False)
async def page(request: Request, server: Server, name: str = "index.html") -> Response:
    """Return a file of the page."""
    if name not in server.assets:
        raise HTTPException(404)
    asset = server.assets[name]
    headers = {"etag": asset.etag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def create_app(
    collections: Sequence[Collection], *, key: str | None = None, limits: Limits | None = None, hosts: Names[str] = ()
) -> FastAPI:
    """Return the application that serves some collections; without an API key it is read-only.

    `hosts` are the accepted Host headers, empty for any.
    """
    if not collections:
        raise InputError("a server needs at least one collection")
    served, limits = ServedCollections(collections), limits or Limits()
    search = WorkerPool(limits.workers, limits.queue, limits.seconds)
    late = "the write may still finish; repeating it is safe"
    write = WorkerPool(1, limits.queue, limits.write_seconds, late)
    monitoring = WorkerPool(1, limits.queue, limits.seconds)
    metrics = ServerMetrics(served, search)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        for pool in (search, write, monitoring):
            pool.close()

    app = FastAPI(
        title="crossbit",
        version=__version__,
        description="Search collections of pictures and texts in Hamming space.",
        docs_url=None,  # its page would load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        responses=_ERRORS,
    )
    app.state.crossbit = ServerState(served, limits, key, search, write, monitoring, metrics, assets.load())
    for router in (routes.reads, routes.writes, pages):
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for cls in (errors.ApiError, CrossbitError):
        app.add_exception_handler(cls, _failed)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(LimitsMiddleware, limits=limits, hosts=hosts, on_start=metrics.watch)
    return app


def _size(collection: Collection) -> int | None:
    try:
        return len(collection)
    except CrossbitError:
        logger.exception("%s cannot be read", collection.folder.name)
        return None


def _error_response(status: int, kind: str, message: str, at: str = "") -> JSONResponse:
    return JSONResponse(errors.body(status, kind, message, at), status, errors.headers(status))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _error_response(400, "malformed", "the body is not valid JSON", "body")
    at = ".".join(map(str, first["loc"]))[:_LOCATION]
    return _error_response(422, "input", f"{at}: {first['msg']}", at)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: "no such page; /openapi.json lists every endpoint",
        405: "this endpoint has other methods",
    }
    message = messages.get(error.status_code, str(error.detail))
    response = _error_response(error.status_code, errors.kind_of(error.status_code), message)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    api_error = errors.to_api_error(error, server_state(request).collections.folders)
    if api_error.status in (500, 507):
        logger.error("%s %s", request.method, request.url.path, exc_info=error)
    return _error_response(api_error.status, api_error.kind, api_error.message)
