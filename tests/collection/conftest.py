"""A small model and a collection of the tiny scenes, made once and copied for each test."""

import shutil

import pytest
from PIL import Image

from crossbit.collection import Collection
from crossbit.collection.ingest.sources import dataset_of
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin


@pytest.fixture(scope="session")
def model(tiny_scenes, tmp_path_factory):
    """Return the folder of a model of 16 bits."""
    made = featurise(tiny_scenes, "hog|pca16", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    folder = tmp_path_factory.mktemp("fitted") / "model"
    Bundle(recipe.fit(made.dataset.train, 16), made.pipelines, made.dataset.split, origin).save(folder)
    return folder


@pytest.fixture(scope="session")
def scenes(tiny_scenes):
    """Return the sixty raw items, with a year and a licence each, and one without either."""
    raws = list(dataset_of(tiny_scenes))
    for row, raw in enumerate(raws[:-1]):
        raw.metadata.update(year=2000 + row, licence="cc-by" if row % 2 else "all rights")
    return raws


@pytest.fixture(scope="session")
def original(model, scenes, tmp_path_factory):
    """Return the folder of a collection that no test changes."""
    folder = tmp_path_factory.mktemp("collections") / "scenes"
    with Collection.create(folder, model, vectors=True) as made:
        made.add(scenes)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """Return the folder of a collection of one's own."""
    return shutil.copytree(original, tmp_path / "shelf")


@pytest.fixture
def shelf(folder):
    """Return a collection of one's own."""
    with Collection(folder) as opened:
        yield opened


@pytest.fixture
def photos(scenes, tmp_path):
    """A folder of six pictures, two of them in `sea`."""
    folder = tmp_path / "photos"
    (folder / "sea").mkdir(parents=True)
    for row, raw in enumerate(scenes[:6]):
        Image.fromarray(raw.picture).save(folder / ("sea" if row > 3 else "") / f"{row}.png")
    return folder
