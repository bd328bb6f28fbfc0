"""A collection of the tiny scenes behind a real server on this machine, and clients to ask it."""

import shutil
from contextlib import ExitStack

import httpx
import pytest

from crossbit.collection import Collection
from crossbit.collection.ingest.sources import dataset_of
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin
from crossbit.server import Limits, create_app, serving
from helpers.refusals import KEY


@pytest.fixture(scope="session")
def folders(tiny_scenes, tmp_path_factory):
    """Return the folders of two collections of the same sixty scenes, at 24 and at 8 bits."""
    made = featurise(tiny_scenes, "hog|pca24", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    raws = list(dataset_of(tiny_scenes))
    for row, raw in enumerate(raws):
        raw.metadata.update(year=2000 + row)
    root, paths = tmp_path_factory.mktemp("served"), []
    for bits in (24, 8):
        model = root / f"model{bits}"
        origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
        Bundle(recipe.fit(made.dataset.train, bits), made.pipelines, made.dataset.split, origin).save(model)
        paths.append(root / f"scenes{bits}")
        with Collection.create(paths[-1], model) as collection:
            collection.add(raws)
    return paths


@pytest.fixture(scope="session")
def shelves(folders):
    """Return both collections, open, which no test changes."""
    opened = [Collection(folder) for folder in folders]
    yield opened
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def shelf(shelves):
    """Return the collection of 24 bits."""
    return shelves[0]


@pytest.fixture(scope="session")
def address(shelves):
    """Return the address of a server of both collections that has a key but is only read."""
    with serving(create_app(shelves, key=KEY)) as address:
        yield address


@pytest.fixture(scope="session")
def client(address):
    with httpx.Client(base_url=address, timeout=60) as made:
        yield made


@pytest.fixture
def own(folders, tmp_path):
    """Return a collection that a test may change."""
    with Collection(shutil.copytree(folders[0], tmp_path / "mine")) as opened:
        yield opened


@pytest.fixture
def writable(own):
    """Return a client of a server of that collection."""
    with serving(create_app([own], key=KEY)) as address, httpx.Client(base_url=address, timeout=60) as made:
        yield made


@pytest.fixture
def started(shelf):
    """Return a function that starts a server with limits and returns its address."""
    with ExitStack() as stack:

        def start(**limits):
            made = Limits(**limits)
            return stack.enter_context(serving(create_app([shelf], limits=made), made))

        yield start
