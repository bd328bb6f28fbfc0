"""The ways in which a collection can refuse: each an `InputError`, told apart so that a server can answer each well."""

from __future__ import annotations

from ..errors import InputError


class BusyError(InputError):
    """Another process is writing to the collection; reading goes on."""


class DiskError(InputError):
    """The disk does not take what is to be written, or give what was; what was acknowledged before is kept."""


class DamagedError(InputError):
    """A file of the collection does not hold what was written into it."""


class NoItemError(InputError):
    """The collection has no item of that id."""


class OtherModelError(InputError):
    """Codes, or a model, that do not belong to the model of this collection."""
