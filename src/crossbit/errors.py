"""Exceptions: `CrossbitError` is every error that crossbit raises on purpose; its message is meant for people.

::

    CrossbitError
      InputError(ValueError)      the input is at fault, not the program
        ItemError                 one raw item is at fault, not the extractor or its options
      StorageError(OSError)       the disk, the file or another process is at fault
        BusyError                 another process is writing
        DamagedError              a file does not hold what was written into it
        DiskError                 the disk takes or gives no more
"""

from __future__ import annotations

from collections.abc import Iterable


class CrossbitError(Exception):
    """The base of all errors of crossbit; the command line prints one without a traceback and exits with status 2."""


class InputError(CrossbitError, ValueError):
    """Input that cannot be used; the message says what is wrong, what was given and what would do."""


class ItemError(InputError):
    """A raw item that cannot be used; the message is the reason, without the item's name, which the caller knows."""


class StorageError(CrossbitError, OSError):
    """Storage that fails, however good the input is; the message says what was kept."""


class BusyError(StorageError):
    """Another process is writing to the collection; reads go on."""


class DiskError(StorageError):
    """The disk cannot be written or read; every acknowledged write is kept."""


class DamagedError(StorageError):
    """A file of the collection does not hold what was written into it."""


def unknown_name(name: str, what: str, names: Iterable[str]) -> InputError:
    """Return the error for a `name` that is not among the `names` of its kind.

    >>> str(unknown_name("dcmx", "method", {"dcmh": 1, "cca": 2}))
    "no method 'dcmx'; there are cca, dcmh"
    """
    return InputError(f"no {what} {name!r}; there are {', '.join(sorted(names))}")
