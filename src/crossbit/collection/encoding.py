"""Encoding of single texts and pictures by a model: the real values whose signs are their codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..data.pairs import Modality
from ..errors import InputError, ItemError
from ..features.featurise import Captions
from .model import Model


def embed_one(model: Model, raw: Any, modality: Modality) -> Float[ndarray, "dim"]:
    """Return the real values of a raw text or picture; an unusable one is refused."""
    try:
        pipeline = model.pipelines[modality]
        features = pipeline.apply(pipeline.extractor.compute([pipeline.extractor.prepare(raw)]))
        values: ndarray = model.embed(features, modality)[0]
        if not np.isfinite(values).all():
            raise ItemError("the model gives it no finite values")
    except ItemError as fault:
        raise InputError(f"the {modality} of the query cannot be used: {fault}") from None
    except OSError as fault:
        raise InputError(f"the {modality} of the query cannot be used: {fault.strerror or fault}") from None
    return values.astype(np.float32)


def joined_text(texts: Sequence[str], captions: Captions) -> str | None:
    """Return the text that stands for an item: all its texts, or the first if the model learned single ones."""
    written = [text for text in texts if text.strip()]
    return " ".join(written if captions == "join" else written[:1]) or None
