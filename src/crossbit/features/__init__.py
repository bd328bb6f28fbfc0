"""Frozen feature extractors for raw images and texts, and the pipelines built from them.

A spec names an extractor and the steps that follow it, fitted on the training items: `onnx(size=160)|pca256|l2`.
One line below, one file, one extractor; its file is imported when it is first used.

::

    open_picture, open_text   the only doors for raw input: hostile files end here
    Extractor                 raw items -> one row of numbers each; a frozen value with a fingerprint
    Pipeline                  an extractor and its fitted steps; what a model carries to encode new items
    featurise                 a corpus -> a dataset of features, the pipelines, and what could not be used
"""

from __future__ import annotations

from .cache import default_cache
from .extraction import OnError
from .featurise import Captions, ExtractionOptions, Failure, Featurised, featurise
from .pipeline import Pipeline
from .registry import EXTRACTORS, extractor_class, register_extractor

__all__ = [
    "EXTRACTORS",
    "Captions",
    "ExtractionOptions",
    "Failure",
    "Featurised",
    "OnError",
    "Pipeline",
    "default_cache",
    "extractor_class",
    "featurise",
    "register_extractor",
]
