"""The base of feature extractors: frozen values that turn raw items into one row of numbers each."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ..data.pairs import Array, Modality, Vocabulary
from ..errors import InputError, ItemError


@dataclass(frozen=True)
class Extractor(ABC):
    """A frozen feature extractor; its fields are its options.

    A field of type `Path` names a file whose content, not whose name, decides the output. A field that does not
    decide the output at all, such as a number of threads, is declared with `compare=False`; so is `device`, the name
    of a device as `crossbit.devices` knows it, of an extractor that computes with torch.
    """

    name: ClassVar[str]
    modalities: ClassVar[tuple[Modality, ...]]
    #: Whether extraction costs so little that its result is not worth caching on disk.
    cheap: ClassVar[bool] = False
    #: Whether its rows are vectors, which steps such as pca64 may follow.
    flat: ClassVar[bool] = True
    #: Whether its raw items are rows of features that a dataset or an item brings, and not images or texts.
    precomputed: ClassVar[bool] = False

    modality: Modality

    @abstractmethod
    def prepare(self, raw: Any) -> Any:
        """Return one raw item, opened and ready for `compute`; an unusable one raises `ItemError`."""

    @abstractmethod
    def compute(self, prepared: Sequence[Any]) -> Array:
        """Return the features of prepared items, one row each; a row does not depend on its neighbours."""

    def fit(self, raws: Any) -> Extractor:
        """Return the extractor fitted to raw training items; the default learns nothing."""
        return self

    def on(self, device: str) -> Extractor:
        """Return the extractor computing on a device, where it has a field `device`; `auto` keeps its own."""
        chosen: dict[str, Any] = {f.name: device for f in dataclasses.fields(self) if f.name == "device"}
        return dataclasses.replace(self, **chosen) if chosen and device != "auto" else self

    def knows(self, raw: Any) -> bool:
        """Return whether a raw item holds anything that the extractor was fitted to; other features mean nothing."""
        return True

    @property
    def token_vocabulary(self) -> Vocabulary | None:
        """What the ids in its rows stand for, where its rows are token ids."""
        return None

    def __call__(self, raws: Sequence[Any]) -> Array:
        """Return the features of raw items, one row each, float32 where they are vectors; an unusable item is named."""
        prepared = []
        for number, raw in enumerate(raws, 1):
            try:
                prepared.append(self.prepare(raw))
            except ItemError as fault:
                name = raw if isinstance(raw, Path) else f"{self.modality} {number} of {len(raws)}"
                raise ItemError(f"{name} cannot be used: {fault}") from None
        return self.compute(prepared)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of all that decides the output: the options and the content of files."""
        state = {"extractor": self.name, "options": self.options, "content": self.content}
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()

    @property
    def options(self) -> dict[str, Any]:
        """The fields that decide the output and are not files, as JSON values."""
        chosen = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.compare}
        return {name: value for name, value in chosen.items() if not isinstance(value, Path)}

    @property
    def files(self) -> dict[str, Path]:
        """The files that decide the output, by field."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Path)}

    @cached_property
    def content(self) -> dict[str, str]:
        """The sha256 of each file."""
        return {name: file_sha256(path) for name, path in self.files.items()}

    def save(self, folder: Path) -> dict[str, Any]:
        """Return the extractor as JSON values, its files copied into `folder`."""
        files = {name: f"{name}{path.suffix}" for name, path in self.files.items()}
        for name, path in self.files.items():
            if path.resolve() != (folder / files[name]).resolve():
                shutil.copyfile(path, folder / files[name])
        return {"name": self.name, "fingerprint": self.fingerprint, "options": self.options, "files": files}

    @classmethod
    def load(cls, state: dict[str, Any], folder: Path) -> Extractor:
        """Return the extractor written by `save`; another fingerprint than the written one is refused."""
        options = {name: _frozen(value) for name, value in state["options"].items()}
        options |= {name: folder / Path(file).name for name, file in state["files"].items()}
        loaded = cls(**options)
        if loaded.fingerprint != state["fingerprint"]:
            raise InputError(
                f"{folder}: the saved {cls.name} extractor is not the one that the model was fitted with"
                " (its fingerprint differs); save the model again or restore its files"
            )
        return loaded


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
