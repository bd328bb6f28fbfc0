"""The files of the page: a fixed list, read once at the start of the server."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

#: Every served file with its media type; no URL becomes a path.
FILES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "main.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "elements.js": "text/javascript; charset=utf-8",
    "query.js": "text/javascript; charset=utf-8",
    "results.js": "text/javascript; charset=utf-8",
    "details.js": "text/javascript; charset=utf-8",
    "keys.js": "text/javascript; charset=utf-8",
}


class Asset(NamedTuple):
    """A file of the page with its media type and ETag."""

    content: bytes
    media_type: str
    etag: str


def load() -> dict[str, Asset]:
    """Return the files by name."""
    folder = resources.files(__package__) / "page"
    contents = {name: (folder / name).read_bytes() for name in FILES}
    return {name: Asset(content, FILES[name], tag(content)) for name, content in contents.items()}


def tag(content: bytes) -> str:
    """Return the ETag of some content."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'
