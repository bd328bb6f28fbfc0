"""First steps of commands: options become a setup, and a corpus becomes features."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ..data.corpus import Corpus
from ..data.pairs import MODALITIES, Modality
from ..errors import unknown_name
from ..evaluation.setup import Setup
from ..features import Featurised, Pipeline, default_cache, featurise
from ..progress import bar
from ..protocols import protocol as find_protocol
from ..spec import split_list
from .options import Captions, OnError

logger = logging.getLogger(__name__)

#: Skipped items that are named one by one.
NAMED = 10


def read_setup(
    dataset: str, features: str, captions: Captions | None, protocol: str = "", split: Path | None = None
) -> Setup:
    """Return the setup that the options describe; the protocol fills in what they leave open."""
    frozen = find_protocol(protocol) if protocol else None
    return Setup(
        dataset or (frozen.dataset if frozen else ""),
        captions=captions or (cast("Captions", frozen.captions) if frozen else "join"),
        protocol=protocol,
        split=split,
        **read_features(features),
    )


def read_features(features: str) -> dict[Modality, str]:
    """Return the feature spec of each modality named in `--features`.

    >>> read_features("image=onnx|pca256,text=bow(min_count=3)")
    {'image': 'onnx|pca256', 'text': 'bow(min_count=3)'}
    """
    specs: dict[Modality, str] = {}
    for part in split_list(features):
        modality, equals, spec = part.partition("=")
        if equals and "(" not in modality:
            if modality not in MODALITIES:
                raise unknown_name(modality, "modality", MODALITIES)
            specs[modality] = spec
        else:
            specs |= {"image": part, "text": part}
    return specs


def featurised(
    setup: Setup,
    corpus: Corpus,
    cache: Path | None,
    on_error: OnError,
    pipelines: Mapping[Modality, Pipeline] | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
) -> Featurised:
    """Return the features of a corpus, with progress on stderr and warnings for skipped items.

    The `pipelines` of a fitted model are used as they are; otherwise those of the setup are fitted to the training
    items, and weights that they name are also looked for in `data_dir/weights`.
    """
    chosen = pipelines or {m: Pipeline.parse(spec, m, data_dir=data_dir) for m, spec in setup.features(corpus).items()}
    with bar(f"features of {corpus.name}") as log:
        features = featurise(
            corpus,
            chosen["image"].on(device),
            chosen["text"].on(device),
            captions=setup.captions,
            cache=cache or default_cache(),
            on_error=on_error,
            log=log,
        )
    for failure in features.failures[:NAMED]:
        logger.warning("skipped the %s of %s: %s", failure.modality, failure.id, failure.reason)
    if features.failures:
        skipped = {failure.id for failure in features.failures}
        logger.warning("%d of %d items were skipped", len(skipped), len(corpus))
    return features
