"""Request middleware: host allow-list, share per client, body size, read timeout."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias, final

from . import errors
from .errors import ApiError
from .limits import Limits

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
#: No other hosts, nothing inline, no frames: a script in a caption never runs.
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
class LimitsMiddleware:
    """Passes a request to `app` once its whole body has arrived within the limits; else it responds with an error.

    A slow client holds memory and a connection until its time is over, but never a worker. `hosts` are the accepted
    Host headers, empty for any: otherwise a page of another domain that resolves to this machine could read the
    collection.
    """

    def __init__(
        self,
        app: App,
        limits: Limits,
        hosts: Collection[str] = (),
        on_start: Callable[[LimitsMiddleware], None] = lambda limits: None,
    ) -> None:
        self.app, self.limits, self.hosts = app, limits, frozenset(hosts)
        self.held = 0
        self.clients: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        on_start(self)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = (scope.get("client") or ("",))[0]
        body, response = bytearray(), _SecuredSend(send)
        self.clients[client] += 1
        try:
            self._refuse_unknown_host(scope)
            if self.clients[client] > self.limits.per_client:
                raise ApiError(
                    429, "too-many", f"more than {self.limits.per_client} concurrent requests; send fewer at once"
                )
            await self._read(scope, receive, body)
            await self.app(scope, _replay(bytes(body), receive), response)
        except ApiError as error:
            self.refused[error.kind] += 1
            await _respond(error, response)
        except _ClientDisconnected:
            pass
        except Exception as error:
            logger.exception("%s %s", scope["method"], scope["path"])
            if not response.begun:
                await _respond(errors.to_api_error(error), response)
        finally:
            self.held -= len(body)
            self.clients[client] -= 1
            if not self.clients[client]:
                del self.clients[client]

    def _refuse_unknown_host(self, scope: Message) -> None:
        name = _header(scope, b"host").rpartition("]")[0] + "]" if b"]" in _raw(scope, b"host") else ""
        name = name or _header(scope, b"host").partition(":")[0]
        if self.hosts and name.lower() not in self.hosts:
            raise ApiError(
                400, "host", f"Host {name[:60]!r} is not accepted; start the server with --allow-host to accept it"
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
                        raise _ClientDisconnected
                    self._take(message.get("body", b""), body)
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            raise ApiError(
                408, "slow-client", f"the request did not arrive within {self.limits.body_seconds:g} s; send it faster"
            ) from None

    def _take(self, chunk: bytes, body: bytearray) -> None:
        if len(body) + len(chunk) > self.limits.body:
            raise self._too_large()
        if self.held + len(chunk) > self.limits.bodies:
            raise ApiError(503, "overloaded", "too many bytes are being received at once; retry in a second")
        body += chunk
        self.held += len(chunk)

    def _too_large(self) -> ApiError:
        return ApiError(
            413, "too-large", f"a request may have at most {self.limits.body:,} bytes; send a smaller picture"
        )


class _ClientDisconnected(Exception):  # noqa: N818
    """The client has disconnected."""


def loopback(host: str) -> bool:
    """Return whether an address is reachable from this machine alone.

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
class _SecuredSend:
    """Sends a response with the security headers of every response."""

    def __init__(self, send: Send) -> None:
        self.send, self.begun = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in given)]
        await self.send(message)


async def _respond(error: ApiError, send: Send) -> None:
    content = json.dumps(errors.body(error.status, error.kind, error.message)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
    pairs = [(key.encode(), value.encode()) for key, value in (headers | errors.headers(error.status)).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
