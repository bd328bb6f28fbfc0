"""`DualEncoder`, the only class of fitted models.

Methods differ in how they fit the towers, not in how these are used: saving, serving, indexing and evaluation are
written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import Any, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from ..codes import Codes
from ..data.pairs import Array, Modality
from ..devices import AUTO, find_device
from ..errors import InputError
from ..nn.tensors import tensor
from ..nn.towers import Config, config, tower

Space = Literal["hamming", "cosine"]

#: Rows that pass a tower together; shorter chunks are padded, see `DualEncoder.embed`.
CHUNK = 64


@final
class DualEncoder(nn.Module):
    """An image tower and a text tower into one space of `dim` dimensions.

    In a `hamming` space the signs of an embedding are its code; in a `cosine` space embeddings are compared by
    the cosine of their angle, and `binarise` turns them into codes. An encoder computes where its weights are:
    `encoder.to("cpu")` moves them.
    """

    def __init__(
        self, image: nn.Module, text: nn.Module, space: Space, dim: int, device: str | torch.device = AUTO
    ) -> None:
        super().__init__()
        self.image, self.text, self.space, self.dim = image, text, space, dim
        self.to(find_device(device)).requires_grad_(False).eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are; an encoder without any computes on the CPU."""
        return next((weight.device for weight in chain(self.parameters(), self.buffers())), torch.device("cpu"))

    @torch.inference_mode()
    def embed(self, x: Array, modality: Modality) -> Float[ndarray, "n dim"]:
        """Return the embeddings of features, pixels or tokens `(n, ...)` of one modality.

        Every chunk is padded to the same number of rows, because matrix products may round differently for other
        numbers, and a code must not depend on its neighbours in a batch.
        """
        tower = self.image if modality == "image" else self.text
        device, out = self.device, np.empty((x.shape[0], self.dim), np.float32)
        for start in range(0, x.shape[0], CHUNK):
            part = tensor(x[start : start + CHUNK])
            padded = torch.cat([part, part.new_zeros(CHUNK - len(part), *part.shape[1:])])
            out[start : start + CHUNK] = self._through(tower, padded.to(device), modality)[: len(part)]
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
        """Return codes of a Hamming space, which rank by distance, or vectors of a cosine space."""
        return self.encode(x, modality) if self.space == "hamming" else self.embed(x, modality)

    def copy(self) -> DualEncoder:
        """Return a copy with its own weights, ready to encode."""
        image, text = deepcopy((self.image, self.text))
        return DualEncoder(image, text, self.space, self.dim, self.device)

    def config(self) -> Config:
        """Return the architecture as plain data, which rebuilds the encoder with its state dict."""
        return {"space": self.space, "dim": self.dim, "image": config(self.image), "text": config(self.text)}

    @classmethod
    def build(cls, spec: Mapping[str, Any], device: str | torch.device = AUTO) -> DualEncoder:
        """Return the encoder that `config` describes, with weights still to be loaded."""
        return cls(tower(spec["image"]), tower(spec["text"]), spec["space"], spec["dim"], device)
