"""The SQLite file of a collection: opened, read consistently, and changed by one writer at a time.

::

    COLLECTION/items.db      SQLite in WAL mode; every change is one transaction
    COLLECTION/head.json     the last acknowledged change, by which `verify` notices that the file has lost some
    COLLECTION/lock          held by the one process that writes
    COLLECTION/model/        the bundle that encodes items and queries
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

from ...errors import BusyError, DamagedError, DiskError, InputError
from ...io.atomic import atomic_write, refuse_unwritable
from .checksums import of_parts
from .filter_fields import register
from .schema import FORMAT, PAGE, READABLE, TABLES, Head, show_as_current, upgrade

DATABASE, HEAD, MODEL = "items.db", "head.json", "model"
#: Seconds that a reader waits while another process recovers or checkpoints the file.
PATIENCE = 10.0
_DAMAGE = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
WRITABLE = "?mode=rw"
#: Beginnings of SQLite's names for what keeps a sound file closed.
CLOSED = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")


@final
class ItemStore:
    """A collection's file, read by several threads, and by other processes while one writes."""

    def __init__(self, folder: Path) -> None:
        """Open a file that `create` has made."""
        if not (folder / DATABASE).is_file():
            raise InputError(f"{folder} is not a collection: it has no {DATABASE}; `crossbit index create` makes one")
        self.folder = folder
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        weakref.finalize(self, _close, self._opened)  # where nobody calls `close`, as in Collection(folder).search()
        self.facts: Mapping[str, Any] = {}
        with self.reading():
            pass

    @classmethod
    def create(cls, folder: Path, facts: Mapping[str, Any]) -> None:
        """Make the file of an empty collection in a folder that has none."""
        connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript("BEGIN; " + TABLES + "COMMIT;")
            rows = [(name, json.dumps(value)) for name, value in {"format": FORMAT, **facts}.items()]
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?, ?)",
                [(*row, of_parts(*(part.encode() for part in row))) for row in rows],
            )
            head = Head.read(connection)
        finally:
            connection.close()
        acknowledge(folder, head)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one state of the collection until the block ends."""
        with self._named():
            connection = self._connection()
            if connection.in_transaction:  # a reader within a reader sees the same state
                yield connection
                return
            connection.execute("BEGIN")
            try:
                self._refresh(connection)
                yield connection
            finally:
                connection.execute("COMMIT")  # what a reader writes is a view of its own

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock until the block ends; while another process holds it, raise `BusyError`."""
        with locked(self.folder):
            yield

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes are committed together when the block ends, or not at all.

        The block must write a new head, which is then acknowledged outside the file too. A file of an older format is
        brought to this one in the same transaction.
        """
        before = self.facts
        with self._named():
            connection = self._connect()
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                if upgrade(connection):
                    self.set_fact(connection, "format", FORMAT)
                yield connection
                head = Head.read(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self.facts = before
                raise
            finally:
                connection.close()
        acknowledge(self.folder, head)

    def vacuum(self) -> None:
        """Rewrite the file without its free pages, and empty the log beside it."""
        with self._named():
            connection = self._connect()
            try:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def close(self) -> None:
        """Close every connection."""
        _close(self._opened)
        self._local = threading.local()

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Read the facts of the collection again where another connection has changed the file since."""
        with self._lock:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != getattr(self._local, "version", None):
                self.facts = self._facts(connection)
                show_as_current(connection)
                self._local.version = version

    def _facts(self, connection: sqlite3.Connection) -> dict[str, Any]:
        rows = connection.execute("SELECT name, value, digest FROM facts").fetchall()
        wrong = [name for name, value, digest in rows if of_parts(name.encode(), value.encode()) != digest]
        facts = {name: json.loads(value) for name, value, _ in rows if name not in wrong}
        if wrong or "format" not in facts:
            raise DamagedError(f"its facts have changed: {', '.join(wrong) or 'there are none'}")
        if facts["format"] not in READABLE:
            raise InputError(
                f"{self.folder} has format {facts['format']}, this crossbit reads formats up to {FORMAT};"
                " export it with the crossbit that wrote it"
            )
        return facts

    def set_fact(self, connection: sqlite3.Connection, name: str, value: Any) -> None:
        """Set a fact of the collection, within a change."""
        text = json.dumps(value)
        row = (name, text, of_parts(name.encode(), text.encode()))
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", row)
        self.facts = {**self.facts, name: value}

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this thread, a new one where the file must be opened in another mode."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        place = address(self.folder)
        if connection is None or (self._local.address != place and not connection.in_transaction):
            connection = self._local.connection = self._connect()
            self._local.address, self._local.version = place, None
            self._opened.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        place = address(self.folder)
        connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False)
        register(connection)
        if place.endswith(WRITABLE):
            connection.execute("PRAGMA journal_mode = WAL")  # already so, unless the file is not ours
        return connection

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn SQLite's errors, and damage that was found, into errors that say what to do."""
        try:
            yield
        except DamagedError as fault:
            raise fault if str(self.folder) in str(fault) else damaged(self.folder, str(fault)) from None
        except sqlite3.Error as fault:
            raise translated(self.folder, fault) from None


def refuse_full(folder: Path) -> None:
    """Refuse a place for a collection that is not empty, or that cannot be written."""
    refuse_unwritable(folder)
    if (folder / DATABASE).exists():
        raise InputError(
            f"{folder} is a collection already; add to it with `crossbit index add`, or choose another place"
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another place for the collection or empty it")


def address(folder: Path) -> str:
    """Return the address of a collection's file for SQLite: writable, unless its folder cannot be written.

    A read-only file without a log is opened as immutable, under another address after each change.
    """
    path, log = (folder / DATABASE).absolute(), folder / f"{DATABASE}-wal"
    if os.access(folder, os.W_OK):
        return path.as_uri() + WRITABLE
    if log.exists() and log.stat().st_size:
        return f"{path.as_uri()}?mode=ro"
    return f"{path.as_uri()}?immutable=1&changed={path.stat().st_mtime_ns}"


def damaged(folder: Path, what: str) -> DamagedError:
    """Return the error for a damaged file."""
    return DamagedError(
        f"{folder} is damaged: {what}; `crossbit index verify {folder}` names the damage, and with --repair keeps what"
        " is intact"
    )


def translated(folder: Path, fault: sqlite3.Error) -> Exception:
    """Return the error that says what an error of SQLite means for a collection, or SQLite's own."""
    name = getattr(fault, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return DiskError(f"{folder}: the disk is full; every acknowledged write is kept. Free space, and run again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return BusyError(f"{folder} is in use by another process; try again")
    if name in _DAMAGE or name.startswith("SQLITE_CORRUPT") or "no such table" in str(fault):
        return damaged(folder, str(fault))
    if name.startswith(("SQLITE_IOERR", *CLOSED)):
        return DiskError(
            f"{folder} cannot be read or written ({fault}); every acknowledged write is kept. Check whether the disk is"
            " full, a limit or permission is in the way, or a log was left where nothing can be written"
        )
    return fault


def _close(connections: list[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()
    connections.clear()


def acknowledge(folder: Path, head: Head) -> None:
    """Record the last change outside the file, unless the disk is full; the next one records it too."""
    with suppress(OSError):
        atomic_write(folder / HEAD, json.dumps(head._asdict()))


LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the write lock of a collection until the block ends; while another process holds it, raise `BusyError`."""
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                f"{folder} is being changed by process {file.read().strip() or 'unknown'}; try again when it has ended"
                " (searches go on meanwhile)"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
