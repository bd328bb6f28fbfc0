"""Frozen feature extractors for raw images and texts, and the pipelines built from them.

A spec names an extractor and the steps that follow it, fitted on the training items: `onnx(size=160)|pca256|l2`.
Each extractor has a file of its own, imported when it is first used, and a line in the registry.

::

    open_picture, open_text   raw input is opened here alone, within limits; malicious files are refused
    pixel_limit               a block that admits larger pictures, or only smaller ones
    Extractor                 raw items -> one row of numbers each; a frozen value with a fingerprint
    Pipeline                  an extractor and its fitted steps, which a model carries to encode new items
    featurise                 a corpus -> a dataset of features, the pipelines, and the items left out
"""

from __future__ import annotations

from .cache import default_cache
from .extraction import OnError
from .featurise import Captions, ExtractionOptions, Failure, Featurised, featurise
from .pipeline import Pipeline
from .raw import pixel_limit
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
    "pixel_limit",
    "register_extractor",
]
