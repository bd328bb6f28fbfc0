"""Notes and warnings on stderr: one line each, which starts with `note:` or `warning:` and appears once per run."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from .output import visible

#: Loggers of notes: what was taken for what.
NOTES = ("crossbit.records", "crossbit.collection.operations")


@final
class OnceHandler(logging.Handler):
    """Prints every note and warning of the library once, and every error with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.ERROR:
            print(visible(f"error: {self.format(record)}"), file=sys.stderr)
        else:
            self.say("warning" if record.levelno >= logging.WARNING else "note", record.getMessage())

    def say(self, kind: str, message: str) -> None:
        """Print one note or warning, unless this run has shown it already."""
        if message not in self._shown:
            self._shown.add(message)
            print(visible(f"{kind}: {message}"), file=sys.stderr)


@contextmanager
def shown_once() -> Iterator[None]:
    """Within it, notes and warnings of crossbit's loggers and warnings of other packages go to stderr, each once."""
    handler, logger = OnceHandler(), logging.getLogger("crossbit")
    notes = [logging.getLogger(name) for name in NOTES]

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        handler.say("warning", str(message))

    logger.addHandler(handler)
    for each in notes:
        each.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # a picture is used, or skipped with a reason of our own
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            for each in notes:
                each.setLevel(logging.NOTSET)
