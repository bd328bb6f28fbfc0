"""Per-request limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

#: Bounds on the fields of a request; they are part of the OpenAPI document, so that clients know them in advance.
MAX_HITS: Final = 1000
MAX_PARTS: Final = 16
MAX_PIXELS: Final = 32_000_000  # of all query pictures together; decoding them takes at most 0.5 GB and a second
MAX_TEXT: Final = 10_000
MAX_ID: Final = 1000
MAX_FILTER: Final = 4000
MAX_WEIGHT: Final = 10.0
MAX_ITEMS: Final = 100


@final
@dataclass(frozen=True)
class Limits:
    """Bounds on size, time and concurrency; a request beyond one gets 408, 413, 429 or 503, and others are unaffected.

    Sizes are in bytes, times in seconds. Writes run one at a time and have a time limit of their own.
    """

    body: int = 16 << 20  # of one request; pictures in JSON are base64, a third longer than their files
    bodies: int = 128 << 20  # of all requests in progress
    workers: int = 4  # requests processed at the same time
    queue: int = 64  # requests that wait for a worker
    per_client: int = 48  # requests of one client address in progress
    connections: int = 256  # open at the same time, including idle ones
    head_seconds: float = 10.0  # until the head of the first request on a connection has arrived
    body_seconds: float = 20.0  # until the body has arrived
    seconds: float = 10.0  # for waiting, and again for processing
    write_seconds: float = 120.0
    send_seconds: float = 30.0  # until the client has received the response
    idle_seconds: float = 15.0  # between two requests of a connection

    @property
    def request_seconds(self) -> float:
        """The maximum time that one request may hold a connection."""
        return self.body_seconds + self.seconds + max(self.seconds, self.write_seconds) + self.send_seconds
