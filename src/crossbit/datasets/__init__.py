"""The datasets, by the name the command line knows them by. One line, one file, one loader.

A loader is a frozen dataclass whose fields are its options; `load` reads what lies in a folder and returns a `Corpus`.
Nothing is downloaded: a missing file is an error that names it and tells where to get it.
"""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..data import Corpus
from ..errors import InputError, known
from .base import DatasetInfo, Loader

LOADERS: dict[str, str] = {
    "mirflickr25k": "mirflickr25k:Mirflickr25k",
    "scenes": "scenes:Scenes",
    "wikipedia": "wikipedia:Wikipedia",
}


def loader_class(name: str) -> type[Loader]:
    """Return the class that loads the dataset called `name`, importing its file only now."""
    if name not in LOADERS:
        raise known(name, "dataset", LOADERS)
    module, cls = LOADERS[name].split(":")
    found: type[Loader] = getattr(import_module(f".{module}", __name__), cls)
    return found


def loader(name: str, **options: Any) -> Loader:
    """Return the loader of a dataset with its options set; unknown options and values are refused."""
    cls = loader_class(name)
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every loader is a dataclass
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InputError(f"dataset {name} has no option {unknown}; it has {sorted(allowed)}")
    for option, kind in get_type_hints(cls).items():
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        if option in options and choices and options[option] not in choices:
            raise InputError(f"dataset {name}: {option} is one of {list(choices)}, not {options[option]!r}")
    return cls(**options)


def load(name: str, data_dir: Path | None = None, **options: Any) -> Corpus:
    """Return the corpus of a dataset, read from `data_dir/name`, or from `data_dir` where there is no such folder."""
    return loader(name, **options).load(data_dir)


def describe(name: str) -> DatasetInfo:
    """Return what a person needs to know to get a dataset and to cite it."""
    return loader_class(name).info
