"""A training run on disk: everything that the next epoch depends on, in one file that is whole or absent.

Networks, optimisers, buffers and the states of the random generators, as safetensors with JSON in its
header; no pickle.
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

#: Where torch's own random state is kept.
_TORCH, _CUDA = "random/torch", "random/cuda"


@runtime_checkable
class Stateful(Protocol):
    """What can tell its state and take it back: a module or an optimiser of torch."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take a state back."""


#: A part of a run: a module or an optimiser, or a tensor that is overwritten in place.
Component: TypeAlias = Stateful | Tensor


def save(path: Path, parts: Mapping[str, Component], rng: np.random.Generator, facts: Mapping[str, Any]) -> None:
    """Write the state of a run; what was there is replaced only when the new file is whole."""
    tensors: dict[str, Tensor] = {_TORCH: torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors[_CUDA] = torch.cuda.get_rng_state()
    plain = {name: _flat(_state(part), f"part/{name}", tensors) for name, part in parts.items()}
    header = {"facts": dict(facts), "rng": rng.bit_generator.state, "parts": plain}
    own = {name: t.detach().contiguous().clone() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as partial:
        save_file(own, partial, {"run": json.dumps(header)})


def load(
    path: Path, parts: Mapping[str, Component], rng: np.random.Generator, same: Mapping[str, Any]
) -> dict[str, Any]:
    """Restore the state that `save` wrote and return its facts; those in `same` must be what they were.

    Raises `InputError` for a file that is damaged or of another run, before anything is restored.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as fault:
        raise InputError(f"{path} is not a checkpoint, or is damaged: {fault}; delete it to start anew") from None
    facts: dict[str, Any] = header["facts"]
    same = json.loads(json.dumps(same))
    other = {name: (facts.get(name), value) for name, value in same.items() if facts.get(name) != value}
    if other or set(header["parts"]) != set(parts):
        told = "; ".join(f"{name} was {then}, is {now}" for name, (then, now) in other.items())
        raise InputError(
            f"{path} is of another run ({told or 'it has other parts'}): give another folder, or delete it"
        )
    for name, component in parts.items():
        state = _nested(header["parts"][name], tensors)
        if isinstance(component, Tensor):
            component.data.copy_(state)
        else:
            component.load_state_dict(state)
    rng.bit_generator.state = header["rng"]
    torch.set_rng_state(tensors[_TORCH])
    if torch.cuda.is_available() and _CUDA in tensors:
        torch.cuda.set_rng_state(tensors[_CUDA])
    return facts


def _state(component: Component) -> Any:
    return component if isinstance(component, Tensor) else component.state_dict()


def _flat(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a state as JSON, in which tensors are replaced by their names; dictionaries keep keys that are numbers."""
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
