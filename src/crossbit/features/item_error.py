"""The error that means: this raw item is at fault, not the extractor or its options."""

from __future__ import annotations

from ..errors import InputError


class ItemError(InputError):
    """A raw item that cannot be used; the message is the reason, without the item's name, which the caller knows."""
