"""`crossbit serve`: a web page and an HTTP API for collections."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DeviceOption

if TYPE_CHECKING:
    from ..server import Limits

logger = logging.getLogger(__name__)

KEY = "CROSSBIT_API_KEY"
_SHORTEST = 16


def serve(
    collections: Annotated[list[Path], typer.Argument(help="Collections; the page can compare two side by side.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is reachable from the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the API key for adding and removing; or set {KEY}.  [default: read-only]"),
    ] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="Extra Host header to accept; may be repeated.")] = None,
    workers: Annotated[int, typer.Option(help="Requests processed at the same time.", min=1)] = 4,
    queue: Annotated[int, typer.Option(help="Requests that may wait; more get 503.", min=0)] = 64,
    per_client: Annotated[int, typer.Option(help="Concurrent requests per client address; more get 429.", min=1)] = 48,
    seconds: Annotated[
        float, typer.Option(help="Time limit for a search, in seconds; slower ones get 503.", min=0.1)
    ] = 10.0,
    body: Annotated[int, typer.Option(help="Maximum size of a request in MiB; larger ones get 413.", min=1)] = 16,
    device: DeviceOption = "auto",
) -> None:
    """Serve a web page and an HTTP API for collections.

    By default the server is read-only and reachable from this machine alone. GET /openapi.json describes every
    endpoint, and GET /metrics has metrics for Prometheus.
    """
    from ..server import Limits

    limits = Limits(
        workers=workers, queue=queue, per_client=per_client, seconds=seconds, body=body << 20, bodies=8 * body << 20
    )
    key = read_key(api_key_file, os.environ.get(KEY))
    _serve(collections, (host, port), key, limits, _hosts(host, allow_host or []), device)


def _serve(
    folders: list[Path], at: tuple[str, int], key: str | None, limits: Limits, hosts: frozenset[str], device: str
) -> None:
    from ..collection import Collection
    from ..progress import bar
    from ..server import create_app, run
    from ..server.serve import bind, url_of
    from ..server.served import ServedCollection

    with ExitStack() as stack:
        listener = stack.enter_context(bind(*at))
        opened = []
        with bar("open collections") as log:
            for count, folder in enumerate(folders, 1):
                opened.append(stack.enter_context(Collection(folder, device=device)))
                ServedCollection(folder.name, opened[-1]).warm_up()
                log(count, len(folders), {})
        app = create_app(opened, key=key, limits=limits, hosts=hosts)
        run(app, limits, listener, lambda: typer.echo(url_of(listener)))


def read_key(path: Path | None, given: str | None) -> str | None:
    """Return the API key from a file or the environment, or none; one that could be guessed is refused."""
    from ..errors import InputError

    if path is not None and not path.is_file():
        raise InputError(f"{path} is not a file; write a key to it, such as the output of `openssl rand -hex 32`")
    key = path.read_text(encoding="utf-8", errors="replace").strip() if path else given
    if key is None:
        return None
    if len(key) < _SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"an API key needs at least {_SHORTEST} printable ASCII characters and no spaces; this one of {len(key)}"
            " characters is refused; `openssl rand -hex 32` makes one"
        )
    return key


def _hosts(host: str, allowed: list[str]) -> frozenset[str]:
    """Return the Host headers to accept; none means any, for a server that others can reach anyway."""
    from ..server.middleware import LOCAL_NAMES, loopback

    if loopback(host):
        return LOCAL_NAMES | {host.lower()} | {name.lower() for name in allowed}
    logger.warning("anyone who can reach %s can search these collections", host)
    return frozenset(name.lower() for name in allowed)
