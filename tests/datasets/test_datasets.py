"""The registry: the table names every loader, options are checked, a missing file is named."""

import pkgutil
import subprocess
import sys

import pytest

import crossbit.datasets
from crossbit.datasets import LOADERS, describe, load, loader, loader_class
from crossbit.errors import InputError

SHARED = {"array_columns", "array_guess", "array_ids", "array_parts", "base", "captioned", "captions_of_arrays"}
SHARED |= {"dcmh_release", "image_features", "matlab", "packs"}


def test_the_table_names_every_loader():
    modules = {module.name for module in pkgutil.iter_modules(crossbit.datasets.__path__)}
    assert modules - SHARED == {entry.split(":")[0] for entry in LOADERS.builtin.values()}
    assert list(LOADERS) == sorted(LOADERS)


@pytest.mark.parametrize("name", LOADERS.builtin)
def test_every_dataset_tells_what_it_is(name):
    info = describe(name)
    assert info.name == name
    assert all((info.title, info.citation, info.terms, info.sources, info.layout, info.contents))
    assert loader_class(name).__dataclass_params__.frozen


@pytest.mark.parametrize("name", sorted(set(LOADERS.builtin) - {"scenes", "folder", "table"}))
def test_a_missing_file_is_named_with_its_folder_and_its_source(name, tmp_path):
    with pytest.raises(InputError, match=f"is not in {tmp_path}; get it from") as caught:
        load(name, tmp_path)
    assert describe(name).sources[0] in str(caught.value)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"is not in {tmp_path / name}"):
        load(name, tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: load("imagenet"), "no dataset 'imagenet'; there are "),
        (
            lambda: loader("scenes", sise=3),
            "dataset scenes: Scenes has no sise; it has database, query, seed, task, tr",
        ),
        (lambda: load("wikipedia"), "give --data-dir or set CROSSBIT_DATA"),
    ],
)
def test_what_does_not_exist_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_data_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"the data folder .*nowhere does not exist"):
        load("wikipedia", tmp_path / "nowhere")


def test_datasets_start_without_torch():
    code = (
        "import sys; from crossbit.datasets import LOADERS, describe; [describe(name) for name in LOADERS];"
        "print([m for m in ('torch', 'sklearn', 'skimage', 'pyarrow') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
