"""Persistent collections: items made searchable by one model, in one folder that grows, shrinks and survives crashes.

::

    COLLECTION/items.db    items and codes: SQLite in WAL mode    storage
    COLLECTION/model/      the bundle that encodes everything     model, ingest/encode
    COLLECTION/head.json   the last acknowledged change           integrity
    COLLECTION/indexes/    saved indexes of large collections     search
    in memory              codes, and indexes over them           storage/snapshot, search

SQLite holds everything that must not be lost; codes in memory and indexes are derived from it, and refreshed whenever
the file has changed. Nothing here imports torch until something must be encoded.
"""

from __future__ import annotations

from .collection import Collection
from .errors import NoItemError, OtherModelError
from .item import Item, Raw
from .search.query import Part, image, like, text
from .search.settings import Settings
from .search.stages import Hit, SearchResults

__all__ = [
    "Collection",
    "Hit",
    "Item",
    "NoItemError",
    "OtherModelError",
    "Part",
    "Raw",
    "SearchResults",
    "Settings",
    "image",
    "like",
    "text",
]
