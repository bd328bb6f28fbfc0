"""Errors as clients see them: an HTTP status with the message of the library, without paths of the server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..collection import NoItemError, OtherModelError
from ..errors import BusyError, CrossbitError, DamagedError, DiskError, InputError, StorageError

#: The library's errors, the most specific first: their status, and their `kind` for programs.
_LIBRARY: tuple[tuple[type[CrossbitError], int, str], ...] = (
    (NoItemError, 404, "no-item"),
    (BusyError, 503, "busy"),
    (DiskError, 507, "disk"),
    (DamagedError, 500, "damaged"),
    (StorageError, 500, "storage"),
    (OtherModelError, 500, "other-model"),
    (InputError, 422, "input"),
)
#: Kinds of the errors that the framework raises.
_KINDS = {400: "malformed", 404: "no-page", 405: "method", 415: "content-type", 422: "input"}
_PATH = re.compile(r"(?<![\w/])/(?:[^\s:;,'\")\]/]+/)+[^\s:;,'\")\]]*")
_RETRY = {429, 503}


class ApiError(Exception):
    """An error response: an HTTP status, a kind for programs and a message for people."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def to_api_error(error: Exception, folders: Iterable[Path] = ()) -> ApiError:
    """Return an error as clients see it: the folder of a collection becomes its last part, other paths are masked."""
    if isinstance(error, ApiError):
        return error
    for cls, status, kind in _LIBRARY:
        if isinstance(error, cls):
            return ApiError(status, kind, masked(str(error), folders, every=status >= 500))
    return ApiError(500, "fault", "internal server error; the server's log has the details")


def masked(message: str, folders: Iterable[Path], *, every: bool) -> str:
    """Return a message without the folders of collections, or without any absolute path.

    >>> masked("/srv/photos/items.db is damaged: see /etc/fstab", [Path("/srv/photos")], every=True)
    'photos/items.db is damaged: see (path)'
    """
    for folder in folders:
        for written in {str(folder.absolute()), str(folder)}:
            message = message.replace(written, folder.name)
    return _PATH.sub("(path)", message) if every else message


def body(status: int, kind: str, message: str, at: str = "") -> dict[str, Any]:
    """Return the JSON of an error; `at` is its location in the request."""
    return {"error": {"kind": kind, "message": message, **({"at": at} if at else {})}, "status": status}


def headers(status: int) -> dict[str, str]:
    """Return the headers of an error status: when to retry, how to authenticate."""
    if status in _RETRY:
        return {"retry-after": "1"}
    return {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}


def kind_of(status: int) -> str:
    """Return the kind of an error that the framework raises."""
    return _KINDS.get(status, "input" if status < 500 else "fault")
