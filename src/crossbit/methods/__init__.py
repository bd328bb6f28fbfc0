"""Methods by name: one line, one file, one paper; plug-ins and `register_method` add to them."""

from __future__ import annotations

from ..registry import Registry
from .base import Method

__all__ = ["METHODS", "Method", "method", "register_method"]

_BUILTIN = {
    "adah": "adah:ADAH",
    "cca": "cca:CCA",
    "cfrh": "cfrh:CFRH",
    "clip": "clip:CLIP",
    "dcmh": "dcmh:DCMH",
    "dgcpn": "dgcpn:DGCPN",
    "djsrh": "djsrh:DJSRH",
    "infonce": "infonce:InfoNCE",
    "jdsh": "jdsh:JDSH",
    "lcmh": "lcmh:LCMH",
    "mesdch": "mesdch:MESDCH",
    "mfsr": "mfsr:MFSR",
    "scm": "scm:SCM",
    "ssah": "ssah:SSAH",
    "ucch": "ucch:UCCH",
    "ugach": "ugach:UGACH",
    "vsepp": "vsepp:VSEPP",
}

METHODS: Registry[type[Method]] = Registry(
    "method", _BUILTIN, group="crossbit.methods", package=__name__, base="crossbit.methods.base:Method"
)


def method(name: str) -> type[Method]:
    """Return the class of the method called `name`, importing its file only now."""
    return METHODS[name]


def register_method(name: str, cls: type[Method]) -> None:
    """Make a method known by name in this process: recipes, comparisons and the command line find it.

    Raises:
        InputError: where the name is taken, or the class is not derived from `Method`.

    """
    METHODS.register(name, cls)
