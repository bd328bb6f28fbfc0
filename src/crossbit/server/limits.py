"""What one request may take, so that none takes the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

#: Bounds of what a request asks; part of the OpenAPI document, so that a client knows them before it asks.
MAX_HITS: Final = 1000
MAX_PARTS: Final = 16
MAX_PIXELS: Final = 32_000_000  # of all pictures that ask; to decode them takes 0.5 GB and a second at most
MAX_TEXT: Final = 10_000
MAX_ID: Final = 1000
MAX_FILTER: Final = 4000
MAX_WEIGHT: Final = 10.0
MAX_ITEMS: Final = 100


@final
@dataclass(frozen=True)
class Limits:
    """Bounds on size, time and concurrency; what exceeds one is answered 408, 413, 429 or 503, and nothing else breaks.

    Sizes are bytes, times are seconds. A write takes turns with other writes and has its own time.
    """

    body: int = 16 << 20  # of one request; a picture travels as base64 in JSON, a third longer than its file
    bodies: int = 128 << 20  # of all requests that are being received or answered
    workers: int = 4  # requests that work at the same time
    queue: int = 64  # requests that wait for a slot
    per_client: int = 48  # requests of one address that are being received or answered
    connections: int = 256  # open at the same time, idle ones among them
    head_seconds: float = 10.0  # until a new connection has sent the head of a request
    body_seconds: float = 20.0  # until the body is there
    seconds: float = 10.0  # for waiting, and again for working
    write_seconds: float = 120.0
    send_seconds: float = 30.0  # until a client has taken its answer
    idle_seconds: float = 15.0  # between two requests of a connection

    @property
    def request_seconds(self) -> float:
        """The longest that one request may hold a connection."""
        return self.body_seconds + self.seconds + max(self.seconds, self.write_seconds) + self.send_seconds
