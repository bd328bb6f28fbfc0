"""Histograms of oriented gradients and colour statistics: image features that need no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from ...data.pairs import Modality
from ...errors import InputError, optional
from ..base import Extractor
from ..raw import Picture, open_picture, squashed

_CELL = 8
_BLOCK = 2
_GRID = 4
_LEVELS = 4


@final
@dataclass(frozen=True)
class Hog(Extractor):
    """HOG (Dalal and Triggs, 2005) and colour of the whole picture, squashed to a square; needs no weights.

    The defaults give 1,728 columns: 7 x 7 blocks of 2 x 2 cells of 8 x 8 pixels with 8 orientations (1,568), the mean
    and deviation of each colour in a 4 x 4 grid (96), and the square roots of a 4 x 4 x 4 colour histogram (64).
    """

    name: ClassVar[str] = "hog"
    modalities: ClassVar[tuple[Modality, ...]] = ("image",)

    modality: Modality = "image"
    size: int = 64
    orientations: int = 8

    def __post_init__(self) -> None:
        """Refuse a size that does not divide into cells."""
        if self.size < 2 * _CELL or self.size % _CELL or self.orientations < 1:
            raise InputError(
                f"hog needs a size that is a multiple of {_CELL} from {2 * _CELL} on and at least one orientation,"
                f" not size={self.size}, orientations={self.orientations}"
            )

    def prepare(self, raw: Picture) -> UInt8[ndarray, "size size 3"]:
        """Return the picture squashed to a square."""
        return squashed(open_picture(raw), self.size)

    def compute(self, prepared: Sequence[UInt8[ndarray, "size size 3"]]) -> Float32[ndarray, "m d"]:
        """Return gradients, colour grid and colour histogram, joined, for each picture."""
        hog = optional("skimage.feature").hog

        cells, blocks = (_CELL, _CELL), (_BLOCK, _BLOCK)
        gradients = [hog(p, self.orientations, cells, blocks, channel_axis=2) for p in prepared]
        rows = [np.concatenate([g, *_colours(p)]) for g, p in zip(gradients, prepared, strict=True)]
        return np.stack(rows).astype(np.float32)


def _colours(pixels: UInt8[ndarray, "size size 3"]) -> tuple[ndarray, ndarray]:
    side = len(pixels) // _GRID
    grid = pixels.reshape(_GRID, side, _GRID, side, 3) / 255
    statistics = np.stack([grid.mean(axis=(1, 3)), grid.std(axis=(1, 3))])
    level = (pixels // (256 // _LEVELS)).astype(np.int64)
    colour = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    histogram = np.bincount(colour.ravel(), minlength=_LEVELS**3) / colour.size
    return statistics.ravel(), np.sqrt(histogram)
