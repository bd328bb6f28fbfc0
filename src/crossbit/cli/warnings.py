"""Warnings on stderr: one line each, which starts with `warning:` and appears once per run."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from .output import visible


@final
class OnceHandler(logging.Handler):
    """Prints every warning of the library once, and every error with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno < logging.ERROR:
            self.warn(record.getMessage())
        else:
            print(visible(f"error: {self.format(record)}"), file=sys.stderr)

    def warn(self, message: str) -> None:
        """Print one warning, unless this run has shown it already."""
        if message not in self._shown:
            self._shown.add(message)
            print(visible(f"warning: {message}"), file=sys.stderr)


@contextmanager
def shown_once() -> Iterator[None]:
    """Within it, warnings of crossbit's loggers and of other packages go to stderr, each once."""
    handler, logger = OnceHandler(), logging.getLogger("crossbit")

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        handler.warn(str(message))

    logger.addHandler(handler)
    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
