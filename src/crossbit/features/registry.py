"""The table of feature extractors."""

from __future__ import annotations

from ..registry import Registry
from .base import Extractor

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
