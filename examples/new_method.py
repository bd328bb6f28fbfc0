"""Write a method, register it, and compare it with a published one.

The method is inter-battery factor analysis (Tucker, 1958): the orthogonal projections with the largest covariance.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch

import crossbit
from crossbit.data.pairs import Paired
from crossbit.nn.linear import Centred
from crossbit.training.run import PLAIN, Training


@final
@dataclass(frozen=True)
class InterBattery(crossbit.Method):
    """Inter-battery factor analysis."""

    source: ClassVar = crossbit.Source(
        "An inter-battery method of factor analysis",
        "Tucker",
        "Psychometrika",
        1958,
        "https://doi.org/10.1007/BF02289009",
    )
    supervised: ClassVar = False

    power: float = 0.5  # dimensions are scaled by their covariance to this power

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> crossbit.DualEncoder:
        """Return two linear towers into the leading factors of the cross-covariance."""
        X, Y = Centred.of(train.image), Centred.of(train.text)
        U, covariance, Vt = torch.linalg.svd(X.rows.T @ Y.rows, full_matrices=False)
        scale = covariance[:dim] ** self.power
        return crossbit.DualEncoder(X.tower(U[:, :dim] * scale), Y.tower(Vt[:dim].T * scale), "cosine", len(scale))


crossbit.register_method("interbattery", InterBattery)

data = crossbit.featurise(crossbit.load_dataset("scenes", train=300, database=300, query=50))
baseline = crossbit.fit("cca+itq", data, bits=32)
for recipe in ("interbattery+itq", "interbattery(power=0)+itq"):
    model = crossbit.fit(recipe, data, bits=32)
    print(f"{recipe}, and its difference from cca+itq\n{crossbit.evaluate(model, data, ['MAP'], against=baseline)}\n")
