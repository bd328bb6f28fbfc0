"""What is kept in memory between searches: the codes as of the newest change, and what filters have allowed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import final

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from .storage import reads as reading
from .storage.filters import parse
from .storage.schema import Head
from .storage.snapshot import Snapshot
from .storage.store import Store

#: Filters whose result is kept.
_FILTERS = 64


@final
class Current:
    """The newest codes of a collection that any thread has read; each reader gets those of the state it sees."""

    def __init__(self, store: Store) -> None:
        """Start with nothing read."""
        self._store = store
        self._lock = threading.Lock()
        self._snapshot = Snapshot.empty(store.facts["bits"])
        self._filters: dict[str, tuple[int, Int64[ndarray, "n"]]] = {}

    @contextmanager
    def view(self) -> Iterator[tuple[sqlite3.Connection, Snapshot]]:
        """Yield a connection and the codes, which show the same state of the collection until the block ends."""
        with ExitStack() as stack:
            with self._lock:  # who begins to read here sees no less than the codes that are kept
                connection = stack.enter_context(self._store.reading())
                snapshot = self._of(connection)
            yield connection, snapshot

    def matching(self, connection: sqlite3.Connection, where: str) -> Int64[ndarray, "n"]:
        """Return the numbers of the items that a filter allows; some that are removed by now may be among them.

        What a number stands for never changes, so that after a change only new numbers are looked at.
        """
        end = Head.read(connection).next
        with self._lock:
            start, numbers = self._filters.get(where, (-1, np.empty(0, np.int64)))
        if start < end:
            numbers = np.concatenate([numbers, reading.matching(connection, parse(where), start)])
            self._keep(where, end, numbers)
        return numbers

    def _of(self, connection: sqlite3.Connection) -> Snapshot:
        """Return the codes of the state that a connection sees, and keep them if they are the newest."""
        head = Head.read(connection)
        if head.sequence < self._snapshot.head.sequence:  # this thread began to read long before
            return Snapshot.empty(self._store.facts["bits"]).refreshed(connection, head)
        if head.sequence > self._snapshot.head.sequence:
            self._snapshot = self._snapshot.refreshed(connection, head)
        return self._snapshot

    def _keep(self, where: str, end: int, numbers: Int64[ndarray, "n"]) -> None:
        """Keep what a filter allows of the numbers below `end`, unless another thread has looked further."""
        with self._lock:
            if end <= self._filters.get(where, (-1, None))[0]:
                return
            if len(self._filters) >= _FILTERS:
                self._filters.pop(next(iter(self._filters)))
            self._filters[where] = (end, numbers)
