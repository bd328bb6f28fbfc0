"""A feature extractor of our own: the mean colours of a picture in a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from crossbit.data.pairs import Modality
from crossbit.features.base import Extractor
from crossbit.features.raw import open_picture, squashed


@final
@dataclass(frozen=True)
class Colours(Extractor):
    """The mean of red, green and blue in each of `grid` x `grid` fields of a picture, from 0 to 1."""

    name: ClassVar[str] = "plugin-colours"
    modalities: ClassVar[tuple[Modality, ...]] = ("image",)

    modality: Modality = "image"
    grid: int = 3

    def prepare(self, raw: Any) -> UInt8[ndarray, "side side 3"]:
        """Return a picture squashed to a square of 16 pixels a field."""
        return squashed(open_picture(raw), 16 * self.grid)

    def compute(self, prepared: Sequence[UInt8[ndarray, "side side 3"]]) -> Float32[ndarray, "n d"]:
        """Return one row of 3 * grid * grid means for each picture."""
        fields = (pixels.reshape(self.grid, 16, self.grid, 16, 3).mean(axis=(1, 3)) for pixels in prepared)
        return np.stack([field.ravel() / 255 for field in fields]).astype(np.float32)
