"""What all requests of one server share."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast, final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .assets import Asset
from .errors import RefusedError
from .limits import Limits
from .metrics import Meters
from .served import ServedCollection, ServedCollections
from .workers import WorkerPool


@final
@dataclass(frozen=True, eq=False)
class State:
    """One server: its collections, the threads that search and the one that writes, its key, its limits, its page."""

    shelves: ServedCollections
    limits: Limits
    key: str | None
    search: WorkerPool
    write: WorkerPool
    aside: WorkerPool  # what must be answered when all slots are taken: health, meters
    meters: Meters
    assets: Mapping[str, Asset]


def state_of(request: Request) -> State:
    """Return what the server of a request holds."""
    return cast("State", request.app.state.crossbit)


Here = Annotated[State, Depends(state_of)]


def _shelf(name: str, here: Here) -> ServedCollection:
    """Return the collection that an address names."""
    return here.shelves[name]


Served = Annotated[ServedCollection, Depends(_shelf)]
_BEARER = HTTPBearer(auto_error=False, description="The API key; without one the server only reads.")


def _allowed(here: Here, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
    """Refuse whoever may not write."""
    if here.key is None:
        raise RefusedError(403, "read-only", "this server only reads; start it with an API key to add and remove")
    if given is None or not hmac.compare_digest(given.credentials.encode(), here.key.encode()):
        raise RefusedError(401, "key", "adding and removing need the API key, as in Authorization: Bearer KEY")


Writer = Depends(_allowed)
