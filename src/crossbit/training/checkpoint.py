"""Checkpoints: everything that the next epoch depends on, in one file that is complete or absent.

It holds networks, optimisers, buffers and the states of the random generators, as safetensors with JSON in the header;
no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..io.atomic import atomic_file

#: The names of the states of torch's random generators.
_CPU, _CUDA, _MPS = "random/torch", "random/cuda", "random/mps"


@runtime_checkable
class Stateful(Protocol):
    """An object with a state that can be saved and restored: a module or an optimiser of torch."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Restore a state."""


#: A component of a run: a module or an optimiser, or a tensor that is overwritten in place.
Component: TypeAlias = Stateful | Tensor


def save(
    path: Path,
    components: Mapping[str, Component],
    rng: np.random.Generator,
    facts: Mapping[str, Any],
    device: torch.device,
) -> None:
    """Write the state of a run that trains on a device; an older file is replaced only when the new one is complete."""
    tensors: dict[str, Tensor] = {_CPU: torch.get_rng_state()}
    if device.type == "cuda":
        tensors[_CUDA] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        tensors[_MPS] = torch.mps.get_rng_state()
    plain = {name: _flat(_state(each), f"part/{name}", tensors) for name, each in components.items()}
    header = {"facts": dict(facts), "rng": rng.bit_generator.state, "parts": plain}
    own = {name: t.detach().contiguous().clone() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as partial:
        save_file(own, partial, {"run": json.dumps(header)})


def load(
    path: Path,
    components: Mapping[str, Component],
    rng: np.random.Generator,
    same: Mapping[str, Any],
    device: torch.device,
) -> dict[str, Any]:
    """Restore the state that `save` wrote and return its facts; those in `same` must be equal.

    Raises `InputError` for a file that is damaged or of another run, before anything is restored.
    """
    header, tensors = _read(path)
    facts: dict[str, Any] = header["facts"]
    same = json.loads(json.dumps(same))
    other = {name: (facts.get(name), value) for name, value in same.items() if facts.get(name) != value}
    if other or set(header["parts"]) != set(components):
        reason = "; ".join(f"{name} was {then}, is {now}" for name, (then, now) in other.items())
        raise InputError(
            f"{path} is of another run ({reason or 'it has other parts'}): give another folder, or delete it"
        )
    for name, component in components.items():
        state = _nested(header["parts"][name], tensors)
        if isinstance(component, Tensor):
            component.data.copy_(state)
        else:
            component.load_state_dict(state)
    rng.bit_generator.state = header["rng"]
    torch.set_rng_state(tensors[_CPU])
    if device.type == "cuda" and _CUDA in tensors:
        torch.cuda.set_rng_state(tensors[_CUDA], device)
    if device.type == "mps" and _MPS in tensors:
        torch.mps.set_rng_state(tensors[_MPS])
    return facts


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a checkpoint."""
    try:
        with safe_open(path, "pt") as file:
            header: dict[str, Any] = json.loads(file.metadata()["run"])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as fault:
        raise InputError(f"{path} is not a checkpoint, or is damaged: {fault}; delete it to start anew") from None


def _state(component: Component) -> Any:
    return component if isinstance(component, Tensor) else component.state_dict()


def _flat(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a state as JSON in which names stand for tensors; keys of dictionaries may be numbers."""
    match value:
        case Tensor():
            tensors[name] = value
            return {"tensor": name}
        case dict():
            return {"dict": [[key, _flat(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
        case list() | tuple():
            return {"list": [_flat(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]}
    return value


def _nested(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    match value:
        case {"tensor": str(name)}:
            return tensors[name]
        case {"dict": list(items)}:
            return {key: _nested(item, tensors) for key, item in items}
        case {"list": list(items)}:
            return [_nested(item, tensors) for item in items]
    return value
