"""Connections with deadlines: uvicorn alone waits for ever on a client that sends or reads a byte a minute."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from . import errors
from .limits import Limits


class TimeoutProtocol(H11Protocol):
    """One HTTP connection, closed when a phase exceeds its time limit, even if bytes trickle in.

    The phases are from the connection to the head of a request, from the head to the end of the response, and from
    there to the next head. A response that the client does not read belongs to the last.
    """

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._current: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "overloaded", f"{self.limits.connections} connections are open already; retry")
        else:
            self._set_deadline(self.limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Start the time limit of a new request."""
        super().data_received(data)
        if self.cycle is not self._current:
            self._current = self.cycle
            if not self.cycle.response_complete:
                self._set_deadline(self.limits.request_seconds)

    def on_response_complete(self) -> None:
        """Start the time limit for the next request."""
        super().on_response_complete()
        self._set_deadline(self.limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Respond to malformed HTTP as to every other error."""
        self._refuse(400, "malformed", msg)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        if self.cycle is None:
            self._refuse(408, "slow-client", f"no request arrived within {self.limits.head_seconds:g} s")
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
