"""The server: a web page and an HTTP API for collections. It is read-only unless it has an API key.

::

    timeouts      a deadline for every phase of a connection            slow clients are disconnected
    middleware    host allow-list, share per client, size and pace      400, 408, 413, 429, 503
    app           routes, errors, metrics                               /openapi.json
    requests      bounded request models                                422
    routes        search, items, thumbnails; adding and removing        in worker pools; writes need the key
    responses     response models, without paths of the server
    assets, page/ the page, a fixed list of files

Requests never name files: ids are looked up, uploads are bytes, and URLs in requests are never fetched.
"""

from __future__ import annotations

from .app import create_app
from .limits import Limits
from .serve import run, serving

__all__ = ["Limits", "create_app", "run", "serving"]
