"""What every request passes before anything reads it: its host, its client's share, its size and its pace."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias, final

from . import errors
from .errors import RefusedError
from .limits import Limits

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger("crossbit.server")
#: Nothing from elsewhere, nothing inline, no frames: a caption that holds a script is a caption.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@final
class Guard:
    """Lets a request through to `app` when its body is there, whole and within the limits; else it answers itself.

    A client that sends slowly holds memory and a connection until its time is over, but never a slot. `hosts` are the
    names under which the server may be asked, empty for any: a page of another name that resolves to this machine
    could read the collection otherwise.
    """

    def __init__(
        self,
        app: App,
        limits: Limits,
        hosts: Collection[str] = (),
        on_start: Callable[[Guard], None] = lambda guard: None,
    ) -> None:
        self.app, self.limits, self.hosts = app, limits, frozenset(hosts)
        self.held = 0
        self.clients: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        on_start(self)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = (scope.get("client") or ("",))[0]
        body, answering = bytearray(), _Secured(send)
        self.clients[client] += 1
        try:
            self._refuse_unknown_host(scope)
            if self.clients[client] > self.limits.per_client:
                raise RefusedError(429, "too-many", f"over {self.limits.per_client} requests at once; ask in turn")
            await self._read(scope, receive, body)
            await self.app(scope, _replay(bytes(body), receive), answering)
        except RefusedError as fault:
            self.refused[fault.kind] += 1
            await _answer(fault, answering)
        except _Gone:
            pass
        except Exception as fault:
            _LOG.exception("%s %s", scope["method"], scope["path"])
            if not answering.begun:
                await _answer(errors.told(fault), answering)
        finally:
            self.held -= len(body)
            self.clients[client] -= 1
            if not self.clients[client]:
                del self.clients[client]

    def _refuse_unknown_host(self, scope: Message) -> None:
        name = _header(scope, b"host").rpartition("]")[0] + "]" if b"]" in _raw(scope, b"host") else ""
        name = name or _header(scope, b"host").partition(":")[0]
        if self.hosts and name.lower() not in self.hosts:
            raise RefusedError(
                400, "host", f"this server is not known as {name[:60]!r}; start it with --allow-host to make it known"
            )

    async def _read(self, scope: Message, receive: Receive, body: bytearray) -> None:
        declared = _header(scope, b"content-length")
        if declared.isdigit() and int(declared[:20]) > self.limits.body:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    self._take(message.get("body", b""), body)
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            raise RefusedError(
                408, "slow-client", f"the request was not there within {self.limits.body_seconds:g} s"
            ) from None

    def _take(self, chunk: bytes, body: bytearray) -> None:
        if len(body) + len(chunk) > self.limits.body:
            raise self._too_large()
        if self.held + len(chunk) > self.limits.bodies:
            raise RefusedError(503, "overloaded", "too much is being sent at once; ask again in a second")
        body += chunk
        self.held += len(chunk)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, "too-large", f"a request may have {self.limits.body:,} bytes; send a smaller picture")


class _Gone(Exception):  # noqa: N818
    """The client has left."""


def loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone.

    >>> loopback("127.0.0.1"), loopback("localhost"), loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _raw(scope: Message, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _header(scope: Message, name: bytes) -> str:
    return _raw(scope, name).decode("latin-1")


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


@final
class _Secured:
    """Sends an answer with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self.send, self.begun = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in given)]
        await self.send(message)


async def _answer(fault: RefusedError, send: Send) -> None:
    content = json.dumps(errors.body(fault.status, fault.kind, fault.message)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
    pairs = [(key.encode(), value.encode()) for key, value in (headers | errors.headers(fault.status)).items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
