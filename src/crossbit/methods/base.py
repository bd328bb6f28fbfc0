"""Base class of the methods: a paper's hyper-parameters, and `fit`, which returns a fitted encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..training.run import PLAIN, Training


@final
@dataclass(frozen=True)
class Source:
    """The publication of a method, and the code that its authors released, if any."""

    title: str
    authors: str
    venue: str
    year: int
    url: str
    code: str | None = None

    def __str__(self) -> str:
        """Return the citation in one line."""
        return f"{self.authors}, “{self.title}”, {self.venue} {self.year}"


class Method(ABC):
    """A published method that learns a `DualEncoder` from pairs.

    A method is a frozen, final dataclass whose fields are the paper's hyper-parameters under the paper's
    names, with the paper's values as defaults. `fit` never changes it.
    """

    source: ClassVar[Source]
    supervised: ClassVar[bool]

    @abstractmethod
    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return towers into `dim` bits or dimensions; the same seed gives the same bytes on one machine.

        A method whose space is fixed (zero-shot CLIP) ignores `dim`.
        """
