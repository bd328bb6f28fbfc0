"""The table of extractors, and specs such as `onnx(size=160)|pca256|l2` read into pipelines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from .. import spec as specs
from ..data.pairs import Modality
from ..errors import InputError
from ..registry import Registry
from .base import Extractor
from .pipeline import Pipeline
from .steps import parse_step

_BUILTIN = {
    "bow": "bow:Bow",
    "clip": "clip:Clip",
    "hog": "hog:Hog",
    "onnx": "onnx:Onnx",
    "open_clip": "open_clip:OpenClip",
    "pixels": "pixels:Pixels",
    "precomputed": "precomputed:Precomputed",
    "words": "words:Words",
}


EXTRACTORS: Registry[type[Extractor]] = Registry(
    "feature extractor",
    _BUILTIN,
    group="crossbit.extractors",
    package=f"{__package__}.extractors",
    base="crossbit.features.base:Extractor",
)


def extractor_class(name: str) -> type[Extractor]:
    """Return the class of the extractor called `name`, importing its file only now."""
    return EXTRACTORS[name]


def register_extractor(name: str, cls: type[Extractor]) -> None:
    """Make a feature extractor known by name in this process.

    A model that uses it can be opened again only where the name is registered or installed as a plug-in.

    Raises:
        InputError: where the name is taken, or the class is not derived from `Extractor`.

    """
    EXTRACTORS.register(name, cls)


def parse(
    text: str, modality: Modality, options: Mapping[str, Any] | None = None, data_dir: Path | None = None
) -> Pipeline:
    """Return the unfitted pipeline of a spec: an extractor, then the steps `pcaN`, `l2`, `centre` or `standard`.

    `options` adds to the options in the spec, for values that cannot be written there, such as odd paths. A file that
    is not found where its path says is looked for in the folder weights of `data_dir`, by default `CROSSBIT_DATA`.

    >>> [type(step).__name__ for step in parse("bow(max_words=500) | pca16 | l2", "text").steps]
    ['Pca', 'L2']
    """
    head, *tail = text.split("|")
    call = specs.parse_call(head)
    cls = extractor_class(call.name)
    if modality not in cls.modalities:
        others = [name for name in EXTRACTORS if modality in extractor_class(name).modalities]
        raise InputError(f"{call.name} reads {cls.modalities[0]}, not {modality}; {modality} has {', '.join(others)}")
    if tail and not cls.flat:
        raise InputError(f"{text}: {call.name} gives no vectors, and no step may follow it; write {head.strip()}")
    hints = get_type_hints(cls)
    weights = Path(data_dir or os.environ.get("CROSSBIT_DATA", "")) / "weights"
    given = {"modality": modality} | call.options | dict(options or {})
    for field in fields(cls):
        if isinstance(field.default, Path):
            given.setdefault(field.name, field.default)
    values = {name: _converted(value, hints.get(name), weights, f"{text}: {name}") for name, value in given.items()}
    steps = tuple(parse_step(part, text) for part in tail)
    return Pipeline(text.strip(), specs.build(cls, values, text), steps)


def _converted(value: Any, hint: Any, weights: Path, where: str) -> Any:
    if hint in (Path, Path | None):
        return _file(Path(str(value)), weights, where)
    if hint == tuple[float, float, float] and isinstance(value, str):
        try:
            red, green, blue = map(float, value.split("/"))
        except ValueError:
            raise InputError(f"{where} is {value!r}, but must be three numbers as in 0.5/0.5/0.5") from None
        return red, green, blue
    return value


def _file(path: Path, weights: Path, where: str) -> Path:
    """Return the file itself, or the only one in the folder of weights that has its name or fits it as a pattern."""
    if path.is_file():
        return path
    found = [] if path.is_absolute() else sorted(weights.glob(str(path)))
    if len(found) != 1:
        count = f"{len(found)} files fit it" if found else "there is none"
        raise InputError(f"{where} should be a file, but {count} at {path} or in {weights}; give its path")
    return found[0]


def default_cache() -> Path:
    """Return the folder where extracted features are kept between runs: `crossbit/features` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crossbit" / "features"
