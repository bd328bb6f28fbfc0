"""Input that a collection refuses, beside the storage errors of `crossbit.errors`: each answered in its own way."""

from __future__ import annotations

from ..errors import InputError


class NoItemError(InputError):
    """The collection has no item of that id."""


class OtherModelError(InputError):
    """Codes, or a model, that do not belong to the model of this collection."""
