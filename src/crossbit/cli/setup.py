"""What commands do before the work proper: read their options into a setup, and extract its features."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from ..data.corpus import Corpus
from ..data.pairs import Modality
from ..errors import unknown_name
from ..evaluation.setup import Setup
from ..features import Captions, Featurised, Pipeline, default_cache, featurise
from ..features.extraction import OnError
from ..progress import bar
from ..protocols import protocol as find_protocol
from ..spec import split_list
from .output import visible

if TYPE_CHECKING:
    from ..training.run import Precision


def read_setup(dataset: str, features: str, captions: str, protocol: str = "", split: Path | None = None) -> Setup:
    """Return the setup that the options describe; the protocol says what the others leave open."""
    frozen = find_protocol(protocol) if protocol else None
    captions = captions or (frozen.captions if frozen else "join")
    if captions not in get_args(Captions):
        raise unknown_name(captions, "way with captions", get_args(Captions))
    return Setup(
        dataset or (frozen.dataset if frozen else ""),
        captions=cast("Captions", captions),
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
            if modality not in ("image", "text"):
                raise unknown_name(modality, "modality", ("image", "text"))
            specs[cast("Modality", modality)] = spec
        else:
            specs |= {"image": part, "text": part}
    return specs


def read_precision(precision: str) -> Precision:
    """Return the precision of networks in training that `--precision` names."""
    from ..training.run import Precision

    if precision not in get_args(Precision):
        raise unknown_name(precision, "precision", get_args(Precision))
    return cast("Precision", precision)


def featurised(
    setup: Setup,
    corpus: Corpus,
    cache: Path | None,
    on_error: str,
    pipelines: Mapping[Modality, Pipeline] | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
) -> Featurised:
    """Return a corpus as features, with progress and a count of what was left out on stderr.

    A fitted model's `pipelines` are used as they are; otherwise the setup's are fitted to the training items, and
    weights that they name may lie in `data_dir/weights`.
    """
    if on_error not in get_args(OnError):
        raise unknown_name(on_error, "way with damaged items", get_args(OnError))
    chosen = pipelines or {m: Pipeline.parse(spec, m, data_dir=data_dir) for m, spec in setup.features(corpus).items()}
    with bar(f"features of {corpus.name}") as log:
        made = featurise(
            corpus,
            chosen["image"].on(device),
            chosen["text"].on(device),
            captions=setup.captions,
            cache=cache or default_cache(),
            on_error=cast("OnError", on_error),
            log=log,
        )
    for failure in made.failures[:10]:
        print(visible(f"left out {failure.id} ({failure.modality}): {failure.reason}"), file=sys.stderr)
    if made.failures:
        left_out = {failure.id for failure in made.failures}
        print(f"{len(left_out)} of {len(corpus)} items were left out", file=sys.stderr)
    return made
