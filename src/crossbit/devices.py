"""Devices that networks compute on, by name: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` is CUDA where there is some."""

from __future__ import annotations

import torch

from .errors import unknown_name

#: The device of whoever names none: an accelerator of CUDA where there is one, else the CPU.
AUTO = "auto"


def find_device(name: str | torch.device = AUTO) -> torch.device:
    """Return the device of this name; a name that this machine has no device for is refused.

    >>> find_device("cpu")
    device(type='cpu')
    """
    if isinstance(name, torch.device):
        return name
    there = devices()
    if name not in (AUTO, *there):
        raise unknown_name(name, "device", (AUTO, *there))
    return torch.device(name if name != AUTO else "cuda" if "cuda" in there else "cpu")


def devices() -> tuple[str, ...]:
    """Return the names of the devices that there are; `cuda` is the current one of several."""
    numbers = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    cuda = ("cuda", *(f"cuda:{number}" for number in numbers)) if numbers else ()
    return ("cpu", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()))
