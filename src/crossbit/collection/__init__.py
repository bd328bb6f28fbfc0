"""Collections: items made searchable by one model, kept in one folder that grows, shrinks and survives crashes.

::

    COLLECTION/items.db    the truth: SQLite in WAL mode        store, schema, change
    COLLECTION/model/      the bundle that encodes everything   model, encoding
    COLLECTION/head.json   the last acknowledged change         verify
    COLLECTION/indexes/    inverted files of large collections  search.saved_index
    in memory              codes, and indexes over them; read again whenever the file has changed
                                                                storage.snapshot, search.planner

SQLite holds everything that must not be lost; what searches is made from it, and may be thrown
away. Nothing here imports torch until something must be encoded.
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
