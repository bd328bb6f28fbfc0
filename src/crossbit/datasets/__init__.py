"""Datasets by name. One line, one file, one loader.

A loader is a frozen dataclass whose fields are its options; `load` reads what lies in a folder and returns a `Corpus`.
Nothing is downloaded: a missing file is an error that names it and tells where to get it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.corpus import Corpus
from ..registry import Registry
from ..spec import build
from .base import DatasetInfo, Loader

__all__ = ["LOADERS", "DatasetInfo", "Loader", "describe", "load", "loader", "loader_class", "register_dataset"]

_BUILTIN = {
    "arrays": "arrays:Arrays",
    "coco": "coco:Coco",
    "coco500-clip": "coco500_clip:Coco500Clip",
    "flickr30k": "flickr30k:Flickr30k",
    "flickr8k": "flickr8k:Flickr8k",
    "folder": "folder:OwnFolder",
    "iaprtc12": "iaprtc12:IaprTc12",
    "mirflickr25k": "mirflickr25k:Mirflickr25k",
    "nuswide": "nuswide:NusWide",
    "scenes": "scenes:Scenes",
    "table": "folder:OwnTable",
    "wikipedia": "wikipedia:Wikipedia",
}

LOADERS: Registry[type[Loader]] = Registry(
    "dataset", _BUILTIN, group="crossbit.datasets", package=__name__, base="crossbit.datasets.base:Loader"
)


def loader_class(name: str) -> type[Loader]:
    """Return the class that loads the dataset called `name`, importing its file only now."""
    return LOADERS[name]


def register_dataset(name: str, cls: type[Loader]) -> None:
    """Make a dataset's loader known by name in this process.

    Raises:
        InputError: where the name is taken, or the class is not derived from `Loader`.

    """
    LOADERS.register(name, cls)


def loader(name: str, **options: Any) -> Loader:
    """Return the loader of a dataset with its options set; unknown options and values are refused."""
    return build(loader_class(name), options, f"dataset {name}")


def load(name: str, data_dir: Path | None = None, **options: Any) -> Corpus:
    """Return the corpus of a dataset, read from `data_dir/name`, or from `data_dir` where there is no such folder."""
    return loader(name, **options).load(data_dir)


def describe(name: str) -> DatasetInfo:
    """Return the description of a dataset: how to get it and how to cite it."""
    return loader_class(name).info
