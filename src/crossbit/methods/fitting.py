"""Fitting in one call: a recipe, a dataset and a code length in; a model that saves itself out."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import TypeAlias, Unpack

from ..data.corpus import Corpus
from ..data.pairs import MODALITIES, Dataset, Modality
from ..datasets import load
from ..errors import InputError, unknown_name
from ..features import ExtractionOptions, Featurised, Pipeline, featurise
from ..features.featurise import default_specs, precomputed
from ..models.bundle import Bundle, Origin
from ..spec import parse_call
from ..training.run import PLAIN, Training
from .recipe import Recipe

#: The name of a dataset, as in `scenes(train=200)`, what its loader found, or the features taken from it.
Data: TypeAlias = str | Corpus | Featurised | Dataset
#: The feature spec of each modality; one that is absent stands for the default.
Specs: TypeAlias = Mapping[Modality, str]
NO_SPECS: Specs = {}


def fit(
    recipe: str | Recipe,
    data: Data,
    bits: int = 64,
    *,
    features: Specs = NO_SPECS,
    seed: int = 0,
    training: Training = PLAIN,
    data_dir: Path | str | None = None,
    **extraction: Unpack[ExtractionOptions],
) -> Bundle:
    """Return the model that a recipe such as `cca+itq` learns from the training part of a dataset.

    The model holds its feature pipelines, its split and its origin: `model.save("folder")` writes a folder that
    `load_model`, `Collection.create` and the command line open. `features` maps `image` and `text` to specs such as
    `onnx(size=160)|pca256`; by default features that come with the dataset are taken, else hog and bow. `training`
    reports, resumes and stops the fit, and `data_dir` holds the files of a dataset that is given by name.

    Raises:
        InputError: where the recipe, the dataset or a feature spec is unknown, or an item cannot be used.

    """
    chosen = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    if not isinstance(chosen, Recipe):
        raise InputError(f"a recipe is a string such as 'cca+itq', or a Recipe, not {type(recipe).__name__}")
    if not isinstance(bits, Integral):
        raise InputError(f"bits is a whole number such as 64, not the {type(bits).__name__} {bits!r}")
    ready = featurised(data, features, data_dir, **extraction)
    encoder = chosen.fit(ready.dataset.train, bits, seed=seed, training=training)
    name = data if isinstance(data, str) else ready.dataset.name
    origin = Origin(chosen.name, chosen.parameters, seed, name, ready.captions)
    return Bundle(encoder, ready.pipelines, ready.dataset.split, origin, ready.trained_on())


def featurised(
    data: Data, features: Specs = NO_SPECS, data_dir: Path | str | None = None, **extraction: Unpack[ExtractionOptions]
) -> Featurised:
    """Return a dataset in any form as features; those that are features already are taken as they are."""
    if isinstance(data, Featurised | Dataset):
        if features:
            raise InputError("these data are features already: leave features= out, or give the dataset's name")
        return data if isinstance(data, Featurised) else precomputed(data)
    folder = None if data_dir is None else Path(data_dir)
    corpus = loaded(data, folder)
    unknown = set(features) - {*MODALITIES}
    if unknown:
        raise unknown_name(unknown.pop(), "modality", MODALITIES)
    image, text = (
        Pipeline.parse(features.get(modality) or spec, modality, data_dir=folder)
        for modality, spec in default_specs(corpus).items()
    )
    return featurise(corpus, image, text, **extraction)


def loaded(data: str | Corpus, data_dir: Path | None) -> Corpus:
    """Return a dataset that is given by name, with options if need be, or as what its loader found."""
    if isinstance(data, str):
        call = parse_call(data)
        return load(call.name, data_dir, **call.options)
    if not isinstance(data, Corpus):
        raise InputError(
            f"a dataset is its name, a Corpus, Featurised or a Dataset, not {type(data).__name__};"
            " crossbit.load_dataset and crossbit.featurise make one"
        )
    return data
