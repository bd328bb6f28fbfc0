"""The server: collections behind HTTP, and a page to look at them. It reads unless it is given a key.

::

    connections   deadlines for every phase of a connection             a slow client is cut
    guard         host, share per client, size and pace of a body       400, 408, 413, 429, 503
    app           routes, errors, meters                                /openapi.json
    questions     what clients may send, bounded                        422
    reading       search, item, thumbnail                               in one of so many slots
    writing       add, remove                                           behind the key, one at a time
    answers       what of the library's values clients see
    assets, page/ the page, a fixed list of files

Requests never name files: ids are looked up, uploads are bytes, addresses inside them are never fetched.
"""

from __future__ import annotations

from .app import create_app
from .limits import Limits
from .serve import run, serving

__all__ = ["Limits", "create_app", "run", "serving"]
