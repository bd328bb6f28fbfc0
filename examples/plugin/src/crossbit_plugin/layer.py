"""A layer of our own, which models that contain it can be saved with and opened again."""

from __future__ import annotations

from torch import Tensor, nn

from crossbit.nn.towers import Layer


class Squash(nn.Module):
    """Maps every number smoothly into (-1, 1), the more sharply the larger `slope` is; signs stay as they are."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Return slope x / (1 + |slope x|)."""
        scaled = self.slope * x
        return scaled / (1 + scaled.abs())


#: The class, how to make one from its options, and its options as plain data.
SQUASH = Layer(Squash, Squash, lambda layer: {"slope": layer.slope})
