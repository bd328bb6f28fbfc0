"""Running it: a socket, uvicorn with deadlines, and an end that lets requests finish."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import final

import uvicorn
from fastapi import FastAPI

from ..errors import InputError
from .limits import Limits
from .timeouts import Deadlines

#: Seconds that requests have to finish when the server is told to stop.
_LAST = 5


@final
class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; one that is taken, or not of this machine, is refused."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:
            made = stack.enter_context(socket.socket(family, kind, protocol))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            stack.pop_all()
    except OSError as fault:
        raise InputError(f"{host} port {port} cannot be used ({fault.strerror}); choose another --port") from None
    return made


def address_of(made: socket.socket) -> str:
    """Return the address at which a bound socket is asked."""
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, limits: Limits, made: socket.socket, listening: Callable[[], None] = lambda: None) -> None:
    """Serve until interrupted."""
    _server(app, limits, listening).run(sockets=[made])


@contextmanager
def serving(app: FastAPI, limits: Limits | None = None) -> Iterator[str]:
    """Serve on a free port of this machine from another thread until the block ends; yield the address."""
    ready = threading.Event()
    made = bound("127.0.0.1", 0)
    server = _server(app, limits or Limits(), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    ready.wait(60)
    try:
        yield address_of(made)
    finally:
        server.should_exit = True
        thread.join(60)
        made.close()


def _server(app: FastAPI, limits: Limits, listening: Callable[[], None]) -> _Server:
    protocol = type("Deadlines", (Deadlines,), {"limits": limits})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a client could claim any address
        timeout_keep_alive=int(limits.idle_seconds) + 1,
        timeout_graceful_shutdown=_LAST,
    )
    return _Server(config, listening)
