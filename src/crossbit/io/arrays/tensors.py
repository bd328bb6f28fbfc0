"""Tensors that PyTorch has saved, mapped from the disk: its own reader of weights alone runs no code of the file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError, optional
from .stored import DEEPEST, MOST, Array, Stored, refuse_shape


def tensor_arrays(path: Path) -> list[Stored]:
    """Return every tensor of a file of PyTorch: a tensor, or mappings and lists of them."""
    torch = optional("torch")
    try:
        value = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as fault:  # whatever a damaged or hostile file makes that reader raise
        raise InputError(
            f"{path} is not read: it must hold plain tensors, alone or in mappings and lists, but {_cause(fault)};"
            " save tensors, as in torch.save({'image': image, 'text': text}, FILE)"
        ) from None
    return list(_found(torch, path, value, ""))


def _cause(fault: Exception) -> str:
    """Return what a file holds that is not read, by the class that its reader has refused."""
    refused = re.search(r"GLOBAL (\w+(?:\.\w+)*)", str(fault))
    if not refused:
        return "it holds other objects, is damaged, or is no file of PyTorch"
    name = refused[1]
    if name.startswith("numpy."):
        return "it holds a NumPy array, for which .npy is the format"
    return f"it holds {'a module' if name.startswith('torch.nn.modules.') else 'other objects'} ({name[:100]})"


def _found(torch: Any, path: Path, value: Any, name: str, deep: int = 0) -> Iterator[Stored]:
    if deep > DEEPEST:
        raise InputError(f"{path}: {name} lies more than {DEEPEST} deep")
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        yield Stored(name, tuple(value.shape), kind, partial(_array, path, name, value))
        return
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list | tuple):
        inner = list(enumerate(value))
    for key, each in inner[:MOST]:
        yield from _found(torch, path, each, f"{name}.{key}" if name else str(key), deep + 1)


def _array(path: Path, name: str, tensor: Any) -> Array:
    refuse_shape(f"{path}: {name}", tuple(tensor.shape), tensor.element_size())
    if str(tensor.layout) != "torch.strided" or tensor.is_quantized:
        raise InputError(f"{path}: {name} is a {tensor.layout} tensor; save it dense, as in tensor.to_dense()")
    plain = tensor.detach()
    array: Array = (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()
    return array
