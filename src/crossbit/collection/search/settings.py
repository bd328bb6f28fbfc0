"""How a collection is searched: what `tune` chooses among."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

#: Codes in the shortlist of a search for fewer; the second stage costs microseconds for them.
SHORTLIST = 200


@final
@dataclass(frozen=True)
class Settings:
    """The stages of a search; the defaults are exact in the first and cheap in the others.

    `shortlist` is how many codes a search for fewer hits takes on to the second stage, 0 for no further stage;
    `rescore` adds the third where vectors are stored. `index` is flat, ivf or auto, which goes by size.
    """

    index: Literal["auto", "flat", "ivf"] = "auto"
    probes: int = 64
    shortlist: int = SHORTLIST
    rescore: bool = True
