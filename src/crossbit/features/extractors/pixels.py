"""Raw pixels, for networks that begin with convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from ...data.pairs import Modality
from ...errors import InputError
from ..base import Extractor
from ..raw import Picture, centre_square, open_picture

#: Sides of a picture, in pixels. Ours: smaller ones show nothing, and larger ones fill the memory.
SMALLEST, LARGEST = 8, 1024


@final
@dataclass(frozen=True)
class Pixels(Extractor):
    """The central square of a picture as RGB pixels of 0 to 255, for a method that begins with convolutions.

    The shorter side becomes `size` pixels and the central square of that size is kept. A picture takes
    3 x `size` x `size` bytes, 48 KiB by default. No step such as pca64 may follow.
    """

    name: ClassVar[str] = "pixels"
    modalities: ClassVar[tuple[Modality, ...]] = ("image",)
    flat: ClassVar[bool] = False

    modality: Modality = "image"
    size: int = 128

    def __post_init__(self) -> None:
        """Refuse a size that makes no picture."""
        if not SMALLEST <= self.size <= LARGEST:
            raise InputError(f"pixels needs a size of {SMALLEST} to {LARGEST} pixels, not size={self.size}")

    def prepare(self, raw: Picture) -> UInt8[ndarray, "size size 3"]:
        """Return the central square of a picture."""
        return centre_square(open_picture(raw), self.size, self.size)

    def compute(self, prepared: Sequence[UInt8[ndarray, "size size 3"]]) -> UInt8[ndarray, "m size size 3"]:
        """Return the pictures as they are."""
        return np.stack(prepared)
