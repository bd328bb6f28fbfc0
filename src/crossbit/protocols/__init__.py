"""Named, frozen protocols of the literature: how a split is drawn, and the measure that papers print for it.

What a paper ran often cannot be recovered, because its code draws without a seed. Then the protocol has the same sizes
and procedure with a seed of ours, and its notes say so. Nothing here loads a dataset::

    protocol("mirflickr25k/djsrh").split(corpus) -> Split
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import final

from ..errors import unknown_name
from .base import Protocol, Sizes

__all__ = ["PROTOCOLS", "Protocol", "Sizes", "protocol"]

#: The file of each protocol, by name.
_FILES = {
    "coco/clip": "coco",
    "coco/mith": "coco",
    "coco/torchcmh": "coco",
    "coco/ucch": "coco",
    "coco/captions-1k": "coco",
    "coco/captions-5k": "coco",
    "flickr8k/karpathy": "flickr",
    "flickr30k/karpathy": "flickr",
    "iaprtc12/dcmh": "iaprtc12",
    "iaprtc12/torchcmh": "iaprtc12",
    "iaprtc12/ucch": "iaprtc12",
    "mirflickr25k/dcmh": "mirflickr25k",
    "mirflickr25k/ssah": "mirflickr25k",
    "mirflickr25k/dadh": "mirflickr25k",
    "mirflickr25k/torchcmh": "mirflickr25k",
    "mirflickr25k/mith": "mirflickr25k",
    "mirflickr25k/djsrh": "mirflickr25k",
    "mirflickr25k/ucch": "mirflickr25k",
    "mirflickr25k/clip": "mirflickr25k",
    "nuswide/tc10-djsrh": "nuswide",
    "nuswide/tc10-ucch": "nuswide",
    "nuswide/tc21-dcmh": "nuswide",
    "nuswide/tc21-torchcmh": "nuswide",
    "nuswide/tc21-dadh": "nuswide",
    "nuswide/tc21-mith": "nuswide",
    "nuswide/tc21-hashnet": "nuswide",
    "nuswide/tc21-clip": "nuswide",
    "wikipedia/official": "wikipedia",
    "wikipedia/djsrh": "wikipedia",
    "wikipedia/dgcpn": "wikipedia",
}


@final
class _Protocols(Mapping[str, Protocol]):
    """Protocols by name, each built when it is asked for."""

    def __getitem__(self, name: str) -> Protocol:
        """Return a protocol, importing its file only now."""
        protocols: tuple[Protocol, ...] = import_module(f"{__name__}.{_FILES[name]}").PROTOCOLS
        return next(each for each in protocols if each.name == name)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a protocol of this name."""
        return name in _FILES

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(_FILES)

    def __len__(self) -> int:
        """Return the number of protocols."""
        return len(_FILES)


PROTOCOLS: Mapping[str, Protocol] = _Protocols()


def protocol(name: str) -> Protocol:
    """Return the protocol called `name`."""
    if name not in PROTOCOLS:
        raise unknown_name(name, "protocol", PROTOCOLS)
    return PROTOCOLS[name]
