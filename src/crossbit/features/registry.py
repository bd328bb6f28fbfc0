"""The table of feature extractors."""

from __future__ import annotations

from ..errors import InputError
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


def refuse_unregistered(cls: type[Extractor]) -> None:
    """Refuse a class that its own name does not stand for: nothing that is saved with it could be opened."""
    name = getattr(cls, "name", "")
    if name not in EXTRACTORS or EXTRACTORS[name] is not cls:
        other = f"; {name!r} is {EXTRACTORS[name].__qualname__}" if name in EXTRACTORS else ""
        raise InputError(
            f"the feature extractor {cls.__qualname__} is not registered under its name {name!r}{other}, and what is"
            f" saved with it could not be opened; call crossbit.register_extractor({name!r}, {cls.__name__}), or list"
            " it in the entry points crossbit.extractors of a package"
        )


def register_extractor(name: str, cls: type[Extractor]) -> None:
    """Make a feature extractor known by name in this process.

    A model that uses it can be opened again only where the name is registered or installed as a plug-in.

    Raises:
        InputError: where the name is taken or is not the class's own, or it is not derived from `Extractor`.

    """
    own = getattr(cls, "name", name)
    if own != name:
        raise InputError(
            f"{cls.__qualname__}.name is {own!r}, so it cannot be registered as {name!r}: make both the same, since"
            " saved models name the extractor by the former"
        )
    EXTRACTORS.register(name, cls)
