"""Connections with deadlines: uvicorn's own waits for ever on a client that sends, or reads, a byte a minute."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from . import errors
from .limits import Limits


class Deadlines(H11Protocol):
    """One HTTP connection, cut when a phase of it takes longer than its limit, however busily it trickles.

    The phases: from the connection to the head of a request, from the head to the end of the answer, and from there to
    the next head. An answer that the client does not read is part of the last.
    """

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._seen: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or refuse when there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "overloaded", f"{self.limits.connections} connections are open already; ask again")
        else:
            self._within(self.limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Give a request that has begun its time."""
        super().data_received(data)
        if self.cycle is not self._seen:
            self._seen = self.cycle
            if not self.cycle.response_complete:
                self._within(self.limits.request_seconds)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._within(self.limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as every other error is answered."""
        self._refuse(400, "malformed", msg)

    def _within(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        if self.cycle is None:
            self._refuse(408, "slow-client", f"no request within {self.limits.head_seconds:g} s")
        else:
            self.transport.abort()

    def _refuse(self, status: int, kind: str, message: str) -> None:
        if self.transport.is_closing():
            return
        content = json.dumps(errors.body(status, kind, message)).encode()
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        extra = "".join(f"{key}: {value}\r\n" for key, value in errors.headers(status).items())
        self.transport.write(f"{head}{extra}connection: close\r\n\r\n".encode() + content)
        self.transport.close()
        self._deadline = self.loop.call_later(1, self.transport.abort)
