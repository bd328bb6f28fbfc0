"""Registries: the methods, extractors, layers, datasets and indexes that a name can stand for.

A name is built in, or comes from an installed package through an entry point, or was registered in this process, as in
a notebook. Listing names imports nothing; a name's module is imported when the name is first used.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Generic, TypeVar, final

from .errors import InputError, extra_named, unknown_name

T = TypeVar("T")
logger = logging.getLogger(__name__)


@final
class Registry(Mapping[str, T], Generic[T]):
    """Everything of one kind that can be named: a sorted mapping of names to objects, each imported on first use."""

    def __init__(
        self, kind: str, builtin: Mapping[str, str | T], *, group: str, package: str = "", base: str = ""
    ) -> None:
        """Start with the built-in names.

        `builtin` maps a name to an object, or to its place as `module:object` below `package`; `group` is the entry
        point group of plug-ins; `base`, as `package.module:class`, is what a registered class must be derived from.
        """
        self.kind, self.group, self.builtin = kind, group, dict(sorted(builtin.items()))
        self._package, self._base = package, base
        self._registered: dict[str, T] = {}

    @cached_property
    def plugins(self) -> dict[str, EntryPoint]:
        """The entry points of installed packages by name; one whose name is taken is left out with a warning."""
        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=self.group), key=lambda point: (point.name, distribution_of(point))):
            owner = "crossbit" if point.name in self.builtin else distribution_of(found.setdefault(point.name, point))
            if owner != distribution_of(point):
                what = f"{self.kind} {point.name!r}"
                logger.warning("%s of package %s is ignored: %s has one too", what, distribution_of(point), owner)
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield all names in order."""
        return iter(sorted({*self.builtin, *self.plugins, *self._registered}))

    def __len__(self) -> int:
        """Return the number of names."""
        return len({*self.builtin, *self.plugins, *self._registered})

    def __contains__(self, name: object) -> bool:
        """Return whether a name stands for anything, without importing it."""
        return name in self._registered or name in self.builtin or name in self.plugins

    def __getitem__(self, name: str) -> T:
        """Return what a name stands for, importing its module only now.

        Raises:
            InputError: where there is no such name, or its plug-in cannot be imported.

        """
        if name in self._registered:
            return self._registered[name]
        if name in self.builtin:
            place = self.builtin[name]
            return self._imported(place) if isinstance(place, str) else place
        if name in self.plugins:
            return self._loaded(self.plugins[name])
        raise unknown_name(name, self.kind, self)

    def register(self, name: str, value: T) -> None:
        """Make a name stand for an object in this process; one that is built in or installed cannot be replaced.

        Registering a name again replaces what was registered before, so that a cell of a notebook can be run twice.
        """
        if not re.fullmatch(r"[A-Za-z][\w.-]*", name):
            raise InputError(f"{name!r} cannot name a {self.kind}: a name has letters, digits and . _ - only")
        if name in self.builtin or name in self.plugins:
            owner = self.distribution(name)
            raise InputError(f"{owner} has a {self.kind} {name!r} already; register yours under another name")
        self._checked(name, value)
        self._registered[name] = value

    def distribution(self, name: str) -> str:
        """Return the package that a name comes from, empty where it was registered in this process only."""
        if name in self.builtin:
            return "crossbit"
        return distribution_of(self.plugins[name]) if name in self.plugins else ""

    def recorded(self, name: str) -> dict[str, str]:
        """Return what a saved file records of a name's origin: nothing where it is built in, else its package."""
        return {} if name in self.builtin else {"package": self.distribution(name)}

    def needed(self, name: str, package: str | None, place: object) -> T:
        """Return what a name stands for that a saved file needs; where it is missing, say what brings it.

        `package` is what `recorded` gave when the file was written, `place` is what needs the name.
        """
        if name in self or package is None:
            return self[name]
        what = f"{place} needs the {self.kind} {name!r}"
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", package):
            raise InputError(f"{what} of package {package!r}: pip install {package}")
        raise InputError(f"{what}, which was registered by the program that saved it: register it before you open this")

    def _loaded(self, point: EntryPoint) -> T:
        try:
            value: T = point.load()
        except Exception as error:  # whatever the module of a stranger raises
            raise InputError(
                f"{self.kind} {point.name!r} of package {distribution_of(point)} cannot be imported:"
                f" {type(error).__name__}: {error}; update or uninstall the package"
            ) from error
        self._checked(point.name, value)
        return value

    def _imported(self, place: str) -> T:
        module, _, attribute = place.partition(":")
        try:
            value: T = getattr(import_module(f"{self._package}.{module}"), attribute)
        except ModuleNotFoundError as error:
            raise extra_named(error) from None
        return value

    def _checked(self, name: str, value: Any) -> None:
        if not self._base:
            return
        module, _, attribute = self._base.partition(":")
        base = getattr(import_module(module), attribute)
        if not (isinstance(value, type) and issubclass(value, base)):
            raise InputError(
                f"{self.kind} {name!r} is {value!r}, but must be a class derived from {module}.{attribute}"
            )
        if isabstract(value):
            lacking = ", ".join(sorted(vars(value)["__abstractmethods__"]))
            raise InputError(f"{self.kind} {name!r} is {value!r}, which is abstract: it must define {lacking}")


def distribution_of(point: EntryPoint) -> str:
    """Return the name of the package that declares an entry point."""
    return point.dist.name if point.dist else point.value.partition(".")[0]
