"""What a search answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, final

from ..data.pairs import Modality
from .item import Item
from .search.stages import Stage


class Hit(NamedTuple):
    """An item that a search found: its Hamming distance, its score from -1 to 1, and how probably it is relevant."""

    item: Item
    distance: int
    score: float
    probability: float | None = None


@final
@dataclass(frozen=True)
class Found:
    """What a search found, best first, and what it did for that.

    `doubtful` says that there is no good match: the best hit is more probably irrelevant. It is None where the
    collection is not calibrated for such queries.
    """

    hits: tuple[Hit, ...]
    target: Modality
    searched: int
    doubtful: bool | None = None
    stages: tuple[Stage, ...] = field(default=(), repr=False)
