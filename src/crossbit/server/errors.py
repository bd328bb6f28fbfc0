"""Errors as clients see them: the library's own words under a status, and nothing about the server's disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..collection import NoItemError, OtherModelError
from ..errors import BusyError, CrossbitError, DamagedError, DiskError, InputError, StorageError

#: The library's errors, the most particular first: their status, and the `kind` that programs tell them apart by.
_LIBRARY: tuple[tuple[type[CrossbitError], int, str], ...] = (
    (NoItemError, 404, "no-item"),
    (BusyError, 503, "busy"),
    (DiskError, 507, "disk"),
    (DamagedError, 500, "damaged"),
    (StorageError, 500, "storage"),
    (OtherModelError, 500, "other-model"),
    (InputError, 422, "input"),
)
#: What the framework answers by itself.
_KINDS = {400: "malformed", 404: "no-page", 405: "method", 415: "content-type", 422: "input"}
_PATH = re.compile(r"(?<![\w/])/(?:[^\s:;,'\")\]/]+/)+[^\s:;,'\")\]]*")
_RETRY = {429, 503}


class RefusedError(Exception):
    """A request that is refused before the library sees it."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def told(fault: Exception, folders: Iterable[Path] = ()) -> RefusedError:
    """Return an error as clients see it: the folders of collections are named by their last part, other paths go."""
    if isinstance(fault, RefusedError):
        return fault
    for cls, status, kind in _LIBRARY:
        if isinstance(fault, cls):
            return RefusedError(status, kind, masked(str(fault), folders, every=status >= 500))
    return RefusedError(500, "fault", "the server failed at this request; its log says why")


def masked(message: str, folders: Iterable[Path], *, every: bool) -> str:
    """Return a message without the places of collections, or without any absolute path.

    >>> masked("/srv/photos/items.db is damaged: see /etc/fstab", [Path("/srv/photos")], every=True)
    'photos/items.db is damaged: see (a path)'
    """
    for folder in folders:
        for written in {str(folder.absolute()), str(folder)}:
            message = message.replace(written, folder.name)
    return _PATH.sub("(a path)", message) if every else message


def body(status: int, kind: str, message: str, at: str = "") -> dict[str, Any]:
    """Return the JSON of an error; `at` is the place in the request that is at fault."""
    return {"error": {"kind": kind, "message": message, **({"at": at} if at else {})}, "status": status}


def headers(status: int) -> dict[str, str]:
    """Return the headers that belong to a status: when to come back, how to say who one is."""
    if status in _RETRY:
        return {"retry-after": "1"}
    return {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}


def kind_of(status: int) -> str:
    """Return the kind of an error that the framework answers by itself."""
    return _KINDS.get(status, "input" if status < 500 else "fault")
