"""`crossbit serve`: collections behind HTTP, and a page to look at them."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..server import Limits

KEY = "CROSSBIT_API_KEY"
_SHORTEST = 16


def serve(
    collections: Annotated[list[Path], typer.Argument(help="Collections; several can be compared side by side.")],
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 is the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port, 0 for any that is free.", min=0, max=65535)] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help=f"A file that holds the key for adding and removing; or set {KEY}.  [default: read only]"),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name under which the server is asked; may be repeated.")
    ] = None,
    slots: Annotated[int, typer.Option(help="Requests that work at the same time.", min=1)] = 4,
    queue: Annotated[int, typer.Option(help="Requests that wait; more are answered 503.", min=0)] = 64,
    per_client: Annotated[
        int, typer.Option(help="Requests of one address at once; more are answered 429.", min=1)
    ] = 48,
    seconds: Annotated[float, typer.Option(help="Time for a search; longer ones are answered 503.", min=0.1)] = 10.0,
    body: Annotated[int, typer.Option(help="Megabytes of a request; larger ones are answered 413.", min=1)] = 16,
) -> None:
    """Serve collections over HTTP, with a page to search them.

    It reads only, and this machine alone can ask it, unless you say otherwise. GET /openapi.json describes every
    address, GET /metrics is for Prometheus.
    """
    from ..server import Limits

    made = Limits(
        slots=slots, queue=queue, per_client=per_client, seconds=seconds, body=body << 20, bodies=8 * body << 20
    )
    key = read_key(api_key_file, os.environ.get(KEY))
    _serve(collections, (host, port), key, made, _hosts(host, allow_host or []))


def _serve(folders: list[Path], at: tuple[str, int], key: str | None, limits: Limits, hosts: frozenset[str]) -> None:
    from ..collection import Collection
    from ..progress import bar
    from ..server import create_app, run
    from ..server.serve import address_of, bound
    from ..server.served import Shelf

    with ExitStack() as stack:
        made = stack.enter_context(bound(*at))
        opened = []
        with bar("open collections") as log:
            for count, folder in enumerate(folders, 1):
                opened.append(stack.enter_context(Collection(folder)))
                Shelf(folder.name, opened[-1]).warm()
                log(count, len(folders), {})
        app = create_app(opened, key=key, limits=limits, hosts=hosts)
        run(app, limits, made, lambda: typer.echo(address_of(made)))


def read_key(path: Path | None, given: str | None) -> str | None:
    """Return the API key of a file or of the environment, or none; one that could be guessed is refused."""
    from ..errors import InputError

    if path is not None and not path.is_file():
        raise InputError(f"{path} is no file; write a key into it, as `openssl rand -hex 32` makes one")
    key = path.read_text(encoding="utf-8", errors="replace").strip() if path else given
    if key is None:
        return None
    if len(key) < _SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"an API key has {_SHORTEST} or more letters, digits and signs, without blanks, but this has {len(key)};"
            " `openssl rand -hex 32` makes one"
        )
    return key


def _hosts(host: str, allowed: list[str]) -> frozenset[str]:
    """Return the names under which the server may be asked; empty for any, where others can reach it anyway."""
    from ..server.middleware import LOCAL_NAMES, loopback

    if loopback(host):
        return LOCAL_NAMES | {host.lower()} | {name.lower() for name in allowed}
    print(f"crossbit: whoever reaches {host} can search these collections", file=sys.stderr)
    return frozenset(name.lower() for name in allowed)
