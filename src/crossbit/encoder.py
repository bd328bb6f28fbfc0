"""`DualEncoder`, the only learned model class, and the towers it is made of.

Methods differ in how they find the towers, not in how the towers are used: saving, serving, indexing and
evaluating are written once. A tower maps `(n, ...)` to `(n, dim)` and describes itself as plain data
(`config`), so that `tower(config)` and a state dict rebuild it without pickle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from .codes import Codes
from .data import Array, Modality
from .errors import InputError, known

Space = Literal["hamming", "cosine"]
Config = dict[str, Any]

#: Rows that pass a tower together; short chunks are padded to it, see `DualEncoder.embed`.
CHUNK = 64


def device() -> torch.device:
    """Return the accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensor(rows: Array) -> Tensor:
    """Return rows as a dense tensor of their own: token ids stay integers, all else becomes float32."""
    dense = rows if isinstance(rows, ndarray) else rows.toarray()
    kind = np.int64 if np.issubdtype(dense.dtype, np.integer) else np.float32
    return torch.from_numpy(np.array(dense, kind, order="C"))


@final
class DualEncoder(nn.Module):
    """An image tower and a text tower into one space of `dim` dimensions.

    In a `hamming` space the signs of an embedding are its code; in a `cosine` space embeddings are compared by
    the cosine of their angle, and `binarise` turns them into codes.
    """

    def __init__(self, image: nn.Module, text: nn.Module, space: Space, dim: int) -> None:
        super().__init__()
        self.image, self.text, self.space, self.dim = image, text, space, dim
        self.to(device()).requires_grad_(False).eval()

    @torch.inference_mode()
    def embed(self, x: Array, modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the embeddings of features, pixels or tokens `(n, ...)` of one modality.

        Every chunk is padded to the same number of rows: matrix products may round differently for another
        number of rows, and a code must not depend on its neighbours in a batch.
        """
        tower = self.image if modality == "image" else self.text
        out = np.empty((x.shape[0], self.dim), np.float32)
        for start in range(0, x.shape[0], CHUNK):
            part = tensor(x[start : start + CHUNK])
            padded = torch.cat([part, part.new_zeros(CHUNK - len(part), *part.shape[1:])])
            out[start : start + CHUNK] = self._through(tower, padded.to(device()), modality)[: len(part)]
        return out

    def _through(self, tower: nn.Module, x: Tensor, modality: Modality) -> Float[ndarray, "chunk dim"]:
        try:
            values: ndarray = tower(x).float().cpu().numpy()
        except RuntimeError as fault:
            shape = tuple(x.shape[1:])
            raise InputError(
                f"the {modality} tower does not take items of shape {shape}: {fault};"
                " encode with the feature extractor that the model was fitted on"
            ) from None
        return values

    def encode(self, x: Array, modality: Modality) -> Codes:
        """Return the codes of features, pixels or tokens `(n, ...)`: the signs of their embeddings."""
        if self.space != "hamming":
            raise InputError(f"this model's space is {self.space!r}, not 'hamming': binarise it first, as in 'cca+itq'")
        return Codes.from_signs(self.embed(x, modality))

    def represent(self, x: Array, modality: Modality) -> Codes | Float[ndarray, "n dim"]:
        """Return what is searched in this space: codes, ranked by distance, or vectors, ranked by cosine."""
        return self.encode(x, modality) if self.space == "hamming" else self.embed(x, modality)

    def config(self) -> Config:
        """Return the architecture as plain data; with the state dict it rebuilds the encoder."""
        return {"space": self.space, "dim": self.dim, "image": config(self.image), "text": config(self.text)}

    @classmethod
    def build(cls, spec: Mapping[str, Any]) -> DualEncoder:
        """Return the encoder that `config` describes, with weights still to be loaded."""
        return cls(tower(spec["image"]), tower(spec["text"]), spec["space"], spec["dim"])


@final
class Affine(nn.Module):
    """`x -> (x - mean) W`, the tower of the linear methods."""

    mean: Tensor
    W: Tensor

    def __init__(self, W: Tensor, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("W", W)
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, dim)` for `(n, width)`."""
        return (x - self.mean) @ self.W


@final
class Normalise(nn.Module):
    """Scales every row to unit length; a zero row stays zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Return rows of unit length."""
        return nn.functional.normalize(x)


def mlp(*widths: int) -> nn.Sequential:
    """Return a perceptron through the given widths, input first, with ReLU between its layers."""
    layers: list[nn.Module] = [nn.Linear(widths[0], widths[1])]
    for width, out in pairwise(widths[1:]):
        layers += [nn.ReLU(), nn.Linear(width, out)]
    return nn.Sequential(*layers)


def config(module: nn.Module) -> Config:
    """Return a tower's architecture as plain data.

    >>> config(mlp(4, 8, 2))["parts"][0]
    {'kind': 'linear', 'width': 4, 'out': 8}
    """
    match module:
        case nn.Sequential():
            return {"kind": "chain", "parts": [config(part) for part in module]}
        case nn.Linear():
            return {"kind": "linear", "width": module.in_features, "out": module.out_features}
        case nn.ReLU():
            return {"kind": "relu"}
        case Affine():
            return {"kind": "affine", "width": module.W.shape[0], "out": module.W.shape[1]}
        case Normalise():
            return {"kind": "normalise"}
    raise TypeError(f"{type(module).__name__} is no part of a tower that can be saved; add it to encoder.TOWERS")


TOWERS: dict[str, Callable[..., nn.Module]] = {
    "chain": lambda parts: nn.Sequential(*map(tower, parts)),
    "linear": lambda width, out: nn.Linear(width, out),
    "relu": nn.ReLU,
    "affine": lambda width, out: Affine(torch.zeros(width, out), torch.zeros(width)),
    "normalise": Normalise,
}


def tower(spec: Mapping[str, Any]) -> nn.Module:
    """Return the tower that `config` described, with weights still to be loaded."""
    options = dict(spec)
    kind = options.pop("kind")
    if kind not in TOWERS:
        raise known(kind, "part of a tower", TOWERS)
    return TOWERS[kind](**options)
