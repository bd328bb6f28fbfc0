"""Precomputed features, which the dataset provides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy import ndarray

from ...data.pairs import Array, Modality
from ...errors import ItemError
from ..base import Extractor
from ..matrix import finite, stacked


@final
@dataclass(frozen=True)
class Precomputed(Extractor):
    """The feature matrix that the dataset provides for this modality, dense or CSR, as float32.

    New items are feature rows of the same width.
    """

    name: ClassVar[str] = "precomputed"
    modalities: ClassVar[tuple[Modality, ...]] = ("image", "text")
    cheap: ClassVar[bool] = True
    precomputed: ClassVar[bool] = True

    columns: int = 0

    def fit(self, raws: Array) -> Precomputed:
        """Return the extractor bound to the width of these rows."""
        return replace(self, columns=raws.shape[1])

    def prepare(self, raw: Array) -> Array:
        """Return one row as float32; raw items, another width and numbers that are not finite are refused."""
        if not hasattr(raw, "reshape"):
            raise ItemError(
                f"precomputed {self.modality} features are rows of numbers, and a raw {self.modality} cannot become"
                " one; fit the model with an extractor of raw items, as `crossbit features list` names them"
            )
        row = raw.reshape(1, -1).astype(np.float32)
        row = row if isinstance(row, ndarray) else row.tocsr()
        if self.columns and row.shape[1] != self.columns:
            raise ItemError(f"precomputed {self.modality} features have {self.columns} columns, not {row.shape[1]}")
        if not finite(row).all():
            raise ItemError("its features hold NaN or infinity")
        return row

    def compute(self, prepared: Sequence[Array]) -> Array:
        """Return the rows joined."""
        return stacked(prepared)
