"""The methods, by the name the command line knows them by. One line, one file, one paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, final

from ..binarise import BINARISERS, Binariser, binarise
from ..data import Paired
from ..encoder import DualEncoder
from ..errors import InputError, known
from ..method import Method
from ..spec import build, parse_call, registered
from ..stopping import hold_out
from ..training import PLAIN, Training

__all__ = ["METHODS", "Recipe", "method"]

METHODS: dict[str, str] = {
    "cca": "cca:CCA",
    "cfrh": "cfrh:CFRH",
    "clip": "clip:CLIP",
    "dgcpn": "dgcpn:DGCPN",
    "djsrh": "djsrh:DJSRH",
    "infonce": "infonce:InfoNCE",
    "jdsh": "jdsh:JDSH",
    "lcmh": "lcmh:LCMH",
    "scm": "scm:SCM",
    "ucch": "ucch:UCCH",
    "ugach": "ugach:UGACH",
    "vsepp": "vsepp:VSEPP",
}

#: The most dimensions and bits of an encoder. Ours: eight times the longest codes in use; ITQ needs their square.
LONGEST = 8192


def method(name: str) -> type[Method]:
    """Return the class of the method called `name`, importing its file only now."""
    found: type[Method] = registered(name, "method", METHODS, __name__)
    return found


@final
@dataclass(frozen=True)
class Recipe:
    """A method with its parameters and, where its space is real-valued, the binariser that makes codes of it."""

    name: str
    method: Method
    binariser: Binariser | None = None

    @classmethod
    def parse(cls, text: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
        """Return the recipe written as `cfrh`, `cfrh(eta=0)` or `cca(ridge=0.1)+itq`; `overrides` win.

        >>> Recipe.parse("cca(ridge=2)+itq").method
        CCA(ridge=2.0, power=1.0)
        """
        base, plus, how = text.partition("+")
        if plus and how not in BINARISERS:
            raise known(how, "binariser", BINARISERS)
        call = parse_call(base)
        made = build(method(call.name), {**call.options, **(overrides or {})}, text)
        return cls(text, made, cast("Binariser", how) if plus else None)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every hyper-parameter of the method by name."""
        return dataclasses.asdict(cast("Any", self.method))

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return the fitted encoder; an unsupervised method and a binariser never see a label."""
        if not 1 <= dim <= LONGEST:
            raise InputError(f"an encoder has 1 to {LONGEST:,} bits or dimensions, not {dim:,}")
        if training.patience and training.held is None:
            train, held = hold_out(train, seed)
            training = replace(training, held=held)
        seen = train if self.method.supervised else train.unlabelled()
        encoder = self.method.fit(seen, dim, seed=seed, training=training)
        if self.binariser is None:
            return encoder
        return binarise(encoder, train.unlabelled(), dim, self.binariser, seed=seed)
