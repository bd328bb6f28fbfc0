"""The settings of a search: what `tune` chooses among."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ...errors import unknown_name
from ...indexes import INDEXES

#: Codes in the shortlist of a search for fewer; the second stage costs microseconds for them.
SHORTLIST = 200


@final
@dataclass(frozen=True)
class Settings:
    """The stages of a search; the defaults are exact in the first and cheap in the others.

    `shortlist` is how many codes a search for fewer hits takes on to the second stage, 0 for no further stage;
    `rescore` adds the third where vectors are stored. `index` is flat, ivf or another index by name, or auto, which
    goes by size; `probes` is how many parts of an approximate one a search looks into.
    """

    index: str = "auto"
    probes: int = 64
    shortlist: int = SHORTLIST
    rescore: bool = True

    def __post_init__(self) -> None:
        """Refuse an index that there is not."""
        if self.index != "auto" and self.index not in INDEXES:
            raise unknown_name(self.index, "index", ("auto", *INDEXES))
