"""Recipes: a method with its parameters and binariser, written as `cca(ridge=2)@256+itq`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, final

from ..data.pairs import Paired
from ..errors import InputError, unknown_name
from ..models.binarise import BINARISERS, Binariser, binarise
from ..models.encoder import DualEncoder
from ..nn.similarity import require_finite
from ..spec import build, parse_call
from ..training.early_stopping import hold_out
from ..training.run import PLAIN, Training
from . import method
from .base import Method

#: The most dimensions and bits of an encoder. Ours: eight times the longest codes in use; ITQ needs their square.
LONGEST = 8192
#: A call, the dimensions of its space after @, a binariser after +.
_RECIPE = re.compile(r"([^(@+]*(?:\(.*\))?\s*)(?:@(\d{1,9}))?(?:\+(.*))?", re.DOTALL)


@final
@dataclass(frozen=True)
class Recipe:
    """A method with its parameters and, where its space is real-valued, the binariser that makes codes of it.

    A real-valued space has as many dimensions as a code is to have bits, or `dim` if that is not 0: so one space can be
    compressed to fewer and fewer bits.
    """

    name: str
    method: Method
    binariser: Binariser | None = None
    dim: int = 0

    @classmethod
    def parse(cls, text: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
        """Return the recipe written as `cfrh`, `cfrh(eta=0)`, `cca(ridge=0.1)+itq` or `cca@256+itq`; `overrides` win.

        >>> Recipe.parse("cca(ridge=2)@256+itq").method, Recipe.parse("cca@256").dim
        (CCA(ridge=2.0, power=1.0), 256)
        """
        written = _RECIPE.fullmatch(text)
        base, dim, how = written.groups() if written else (text, None, None)
        if how is not None and how not in BINARISERS:
            raise unknown_name(how, "binariser", BINARISERS)
        call = parse_call(base)
        made = build(method(call.name), {**call.options, **(overrides or {})}, text)
        return cls(text, made, cast("Binariser | None", how), int(dim or 0))

    @property
    def parameters(self) -> dict[str, Any]:
        """Every hyper-parameter of the method by name."""
        return dataclasses.asdict(cast("Any", self.method))

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return the fitted encoder; an unsupervised method and a binariser never see a label."""
        if training.patience and "epochs" not in self.parameters:
            raise InputError(f"{self.name} has no epochs that could end early: leave out the patience")
        if training.patience and training.held is None:
            train, held = hold_out(train, seed)
            training = replace(training, held=held)
        return self.coded(self.space(train, dim, seed=seed, training=training), train, dim, seed=seed)

    def space(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return what the method learns, before it is binarised."""
        for each in (dim, self.dim or dim):
            if not 1 <= each <= LONGEST:
                raise InputError(f"an encoder has 1 to {LONGEST:,} bits or dimensions, not {each:,}")
        require_finite(image=train.image, text=train.text)
        seen = train if self.method.supervised else train.unlabelled()
        encoder = self.method.fit(seen, self.dim or dim, seed=seed, training=training)
        if self.dim and encoder.space != "cosine":
            raise InputError(f"{self.name}: only a real-valued space has dimensions of its own; codes have their bits")
        return encoder

    def coded(self, space: DualEncoder, train: Paired, bits: int, *, seed: int = 0) -> DualEncoder:
        """Return the encoder that the binariser makes of a space, or the space where there is none."""
        if self.binariser is None:
            return space
        return binarise(space, train.unlabelled(), bits, self.binariser, seed=seed)
