"""The base of every dataset: a description, a loader, and the folder of its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from ..data.corpus import Corpus
from ..errors import InputError


@final
@dataclass(frozen=True)
class DatasetInfo:
    """The description of a dataset: how to get it and how to cite it."""

    name: str
    title: str
    citation: str
    terms: str
    sources: tuple[str, ...]
    """Where to get the files."""
    layout: str
    """The files that the loader looks for, below the dataset's folder."""
    contents: str
    """The kind and number of its items, and the default split."""


class Loader(ABC):
    """Reads one dataset; it is a frozen dataclass whose fields are its options."""

    info: ClassVar[DatasetInfo]

    @abstractmethod
    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the corpus found under `data_dir`."""


@final
@dataclass(frozen=True)
class DatasetFolder:
    """The folder that holds one dataset's files."""

    path: Path
    info: DatasetInfo

    @classmethod
    def of(cls, info: DatasetInfo, data_dir: Path | None) -> DatasetFolder:
        """Return `data_dir/name`, or `data_dir` itself where it has no folder of that name."""
        if data_dir is None:
            raise InputError(f"{info.name} is read from files: give --data-dir or set CROSSBIT_DATA to their folder")
        if not data_dir.is_dir():
            raise InputError(f"{info.name}: the data folder {data_dir} does not exist")
        below = data_dir / info.name
        return cls(below if below.is_dir() else data_dir, info)

    def has(self, name: str) -> bool:
        """Return whether a file or folder of that name exists."""
        return (self.path / name).exists()

    def find(self, *names: str) -> Path:
        """Return the first of several alternative files or folders that exists."""
        for name in names:
            if self.has(name):
                return self.path / name
        raise InputError(
            f"{self.info.name}: {' or '.join(names)} is not in {self.path};"
            f" get it from {' or '.join(self.info.sources)}"
            f" (`crossbit datasets show {self.info.name}` prints the layout)"
        )
