"""Shared state of a server, as dependencies of its routes: the collections, the worker pools, the API key."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast, final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .assets import Asset
from .errors import ApiError
from .limits import Limits
from .metrics import ServerMetrics
from .served import ServedCollection, ServedCollections
from .workers import WorkerPool


@final
@dataclass(frozen=True, eq=False)
class ServerState:
    """State of one server: collections, limits, API key, worker pools, metrics and page.

    `monitoring` answers health and metrics while all workers of the other pools are busy.
    """

    collections: ServedCollections
    limits: Limits
    key: str | None
    search: WorkerPool
    write: WorkerPool
    monitoring: WorkerPool
    metrics: ServerMetrics
    assets: Mapping[str, Asset]


def server_state(request: Request) -> ServerState:
    """Return the state of the server that received a request."""
    return cast("ServerState", request.app.state.crossbit)


Server = Annotated[ServerState, Depends(server_state)]


def _served(name: str, server: Server) -> ServedCollection:
    """Return the collection named in the URL."""
    return server.collections[name]


Served = Annotated[ServedCollection, Depends(_served)]
_BEARER = HTTPBearer(auto_error=False, description="The API key; a server without one is read-only.")


def _authorise(server: Server, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
    """Refuse requests to write without the API key."""
    if server.key is None:
        raise ApiError(403, "read-only", "this server is read-only; start it with an API key to add and remove items")
    if credentials is None or not hmac.compare_digest(credentials.credentials.encode(), server.key.encode()):
        raise ApiError(401, "key", "adding and removing items needs the API key, as in Authorization: Bearer KEY")


RequiresKey = Depends(_authorise)
