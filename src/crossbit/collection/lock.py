"""One writer at a time, over all processes; the system lets go of the lock when a process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BusyError

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only writer of a collection until the block ends; while another process is, refuse."""
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                f"{folder} is being changed by process {file.read().strip() or 'unknown'}; try again when it has ended"
                " (searching goes on meanwhile)"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
