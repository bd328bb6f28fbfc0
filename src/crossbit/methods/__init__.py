"""The methods, by the name the command line knows them by. One line, one file, one paper."""

from __future__ import annotations

from ..spec import registered
from .base import Method

__all__ = ["METHODS", "Method", "method"]

METHODS: dict[str, str] = {
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


def method(name: str) -> type[Method]:
    """Return the class of the method called `name`, importing its file only now."""
    found: type[Method] = registered(name, "method", METHODS, __name__)
    return found
