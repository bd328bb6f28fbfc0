"""The files of the page: a fixed list, read once when the server starts."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

#: Every file that is served, with its type; no address becomes a path.
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
    """A file of the page, its type, and the mark by which a browser knows that it has it."""

    content: bytes
    media_type: str
    etag: str


def load() -> dict[str, Asset]:
    """Return the files by name."""
    folder = resources.files(__package__) / "page"
    contents = {name: (folder / name).read_bytes() for name in FILES}
    return {name: Asset(made, FILES[name], tag(made)) for name, made in contents.items()}


def tag(content: bytes) -> str:
    """Return the ETag of some content."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'
