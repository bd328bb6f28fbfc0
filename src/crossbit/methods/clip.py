r"""Contrastive Language-Image Pre-training (CLIP), zero-shot.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.

Two towers trained on hundreds of millions of pairs already share a space; nothing is fitted here. The `clip` and
`open_clip` features are the embeddings f_I and f_T of that space, and

    s(I, T) = cos(f_I, f_T)

so that `clip+sign` and `clip+itq` are the baselines which the hashing literature leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..data.pairs import Paired
from ..errors import InputError
from ..models.encoder import DualEncoder
from ..nn.layers import Normalise
from ..training.run import PLAIN, Training
from .base import Method, Source


@final
@dataclass(frozen=True)
class CLIP(Method):
    """Zero-shot CLIP: the space that the features already live in."""

    source: ClassVar = Source(
        "Learning Transferable Visual Models From Natural Language Supervision",
        "Radford et al.",
        "ICML",
        2021,
        "https://proceedings.mlr.press/v139/radford21a.html",
        code="https://github.com/openai/CLIP",
    )
    supervised: ClassVar = False

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return towers that only normalise, into the features' own space, whatever `dim` says."""
        widths = train.image.shape[1], train.text.shape[1]
        if widths[0] != widths[1]:
            raise InputError(
                f"zero-shot CLIP compares features of one space, but image features have {widths[0]} and text"
                f" features {widths[1]} dimensions: extract both with the same CLIP, as in --features clip"
            )
        return DualEncoder(Normalise(), Normalise(), "cosine", widths[0], training.device)
