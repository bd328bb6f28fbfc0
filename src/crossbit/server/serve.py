"""Running the server: a bound socket, uvicorn with deadlines, and a graceful shutdown."""

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
from .timeouts import TimeoutProtocol

#: Time for requests to finish when the server shuts down.
_SHUTDOWN_SECONDS = 5


@final
class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; an address that is taken or of another machine is an error."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()
    except OSError as error:
        raise InputError(f"{host} port {port} cannot be used ({error.strerror}); choose another --port") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, limits: Limits, listener: socket.socket, listening: Callable[[], None] = lambda: None) -> None:
    """Serve until interrupted."""
    _server(app, limits, listening).run(sockets=[listener])


@contextmanager
def serving(app: FastAPI, limits: Limits | None = None) -> Iterator[str]:
    """Serve on a free local port from another thread until the block ends; yield the URL."""
    ready = threading.Event()
    listener = bind("127.0.0.1", 0)
    server = _server(app, limits or Limits(), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    ready.wait(60)
    try:
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()


def _server(app: FastAPI, limits: Limits, listening: Callable[[], None]) -> _Server:
    protocol = type("TimeoutProtocol", (TimeoutProtocol,), {"limits": limits})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # clients could claim any address
        timeout_keep_alive=int(limits.idle_seconds) + 1,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return _Server(config, listening)
