"""The tables of a collection's SQLite file, and the one row that sums them up.

::

    facts       format, model, bits, what is stored of an item; settings and calibration
    head        one row: the last change, the next number, the number of items, the checksum of their set
    items       one row an item under its number; numbers only grow, and what a number stands for never changes.
                An item's identity is its source and key; edits are its values set by hand, and the source's own
    segments    codes of items added together, in blobs: read whole when the collection is opened
    removed     numbers whose codes are still in a segment, until `compact`
    thumbnails  small JPEG files          vectors  float16, for rescoring

Tables come before indexes, as VACUUM writes them: so a table begins on the same page in every collection.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ...errors import DamagedError

FORMAT = 2
#: Formats that are read; a change brings a file of an older one to this one. The first had no source, key and edits.
READABLE = (1, FORMAT)
#: Bytes of a page of the file.
PAGE = 4096

TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, digest INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, generation INTEGER NOT NULL,
  next INTEGER NOT NULL, items INTEGER NOT NULL, digest INTEGER NOT NULL
);
CREATE TABLE items (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, picture TEXT, content BLOB,
  texts TEXT NOT NULL, metadata TEXT NOT NULL, digest INTEGER NOT NULL,
  source TEXT, key TEXT, edits TEXT
);
CREATE TABLE segments (
  first INTEGER PRIMARY KEY, length INTEGER NOT NULL, numbers BLOB, present BLOB NOT NULL,
  image BLOB NOT NULL, text BLOB NOT NULL, digest INTEGER NOT NULL
);
CREATE TABLE removed (number INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);
CREATE TABLE thumbnails (number INTEGER PRIMARY KEY, jpeg BLOB NOT NULL, digest INTEGER NOT NULL);
CREATE TABLE vectors (number INTEGER PRIMARY KEY, image BLOB, text BLOB, digest INTEGER NOT NULL);
CREATE INDEX items_content ON items (content);
CREATE INDEX items_picture ON items (picture);
CREATE UNIQUE INDEX items_source ON items (source, key);
INSERT INTO head VALUES (1, 0, 0, 0, 0, 0);
"""

_HAS_SOURCES = "SELECT count(*) FROM pragma_table_info('items', 'main') WHERE name = 'source'"
_UPGRADE = """
ALTER TABLE items ADD COLUMN source TEXT;
ALTER TABLE items ADD COLUMN key TEXT;
ALTER TABLE items ADD COLUMN edits TEXT;
CREATE UNIQUE INDEX items_source ON items (source, key);
"""


def show_as_current(connection: sqlite3.Connection) -> None:
    """Let a connection read a file of the first format as one of this: a view of its own adds the absent columns."""
    connection.execute("DROP VIEW IF EXISTS temp.items")
    if not _has_sources(connection):
        connection.execute(
            "CREATE TEMP VIEW items AS SELECT *, NULL AS source, NULL AS key, NULL AS edits FROM main.items"
        )


def upgrade(connection: sqlite3.Connection) -> bool:
    """Bring the tables of the first format to this one, within a change; return whether that was needed."""
    if _has_sources(connection):
        return False
    for statement in filter(str.strip, _UPGRADE.split(";")):
        connection.execute(statement)
    return True


def _has_sources(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(_HAS_SOURCES).fetchone()[0])


class Head(NamedTuple):
    """The state of a collection after its last change.

    `sequence` counts changes; `generation` counts those that rewrote segments; `digest` is that of the set of items.
    """

    sequence: int
    generation: int
    next: int
    items: int
    digest: int

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Head:
        """Return the current head."""
        row = connection.execute("SELECT sequence, generation, next, items, digest FROM head").fetchone()
        if row is None:
            raise DamagedError("its head is missing")
        return cls(*row)

    def write(self, connection: sqlite3.Connection) -> None:
        """Make this the head."""
        connection.execute("UPDATE head SET sequence = ?, generation = ?, next = ?, items = ?, digest = ?", self)
