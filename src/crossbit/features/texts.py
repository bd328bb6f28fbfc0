"""The one place that accepts raw texts."""

from __future__ import annotations

from .item_error import ItemError

MAX_CHARACTERS = 1_000_000


def open_text(raw: str) -> str:
    """Return the text itself; one that is empty, too long or not UTF-8 raises `ItemError` with the reason.

    Bytes that are not UTF-8 arrive as lone surrogates, which is how Python reads them with `surrogateescape`.
    """
    if not raw.strip():
        raise ItemError("the text is empty")
    if len(raw) > MAX_CHARACTERS:
        raise ItemError(f"the text has {len(raw):,} characters, more than the {MAX_CHARACTERS:,} allowed")
    try:
        raw.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise ItemError(f"the text is not UTF-8 (at character {fault.start})") from None
    return raw
