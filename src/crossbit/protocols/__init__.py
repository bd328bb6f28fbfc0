"""Named, frozen protocols of the literature: how a split is drawn, and under which measure papers print it.

What a paper ran often cannot be recovered, because its code draws without a seed. Then the protocol has the same sizes
and procedure with a seed of ours, and its notes say so. Nothing here loads a dataset::

    protocol("mirflickr25k/djsrh").split(corpus) -> Split
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import unknown_name
from . import coco, flickr, iaprtc12, mirflickr25k, nuswide, wikipedia
from .base import Protocol, Sizes

__all__ = ["PROTOCOLS", "Protocol", "Sizes", "protocol"]

PROTOCOLS: Mapping[str, Protocol] = {
    each.name: each
    for each in (
        *coco.PROTOCOLS,
        *flickr.PROTOCOLS,
        *iaprtc12.PROTOCOLS,
        *mirflickr25k.PROTOCOLS,
        *nuswide.PROTOCOLS,
        *wikipedia.PROTOCOLS,
    )
}


def protocol(name: str) -> Protocol:
    """Return the protocol called `name`."""
    if name not in PROTOCOLS:
        raise unknown_name(name, "protocol", PROTOCOLS)
    return PROTOCOLS[name]
