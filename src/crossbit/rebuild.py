"""What a model that separates features knows of items: their parts, and the items rebuilt from them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from .data.pairs import Array, Modality
from .models.encoder import DualEncoder
from .nn.separation import PARTS, separated


def parts(encoder: DualEncoder, x: Array, modality: Modality) -> Float32[ndarray, "n 3 part"]:
    """Return the parts of each item in the order of `PARTS`: to the bit those that its embedding was made of."""
    within = separated(encoder.image if modality == "image" else encoder.text)
    found: list[ndarray] = []
    with within.parts.register_forward_hook(lambda part, given, out: found.append(out.cpu().numpy())):
        encoder.embed(x, modality)
    every: ndarray = np.concatenate([np.empty((0, len(PARTS), within.parts.part), np.float32), *found])[: x.shape[0]]
    return every


@torch.inference_mode()
def repainted(encoder: DualEncoder, separate: Float32[ndarray, "n 3 part"]) -> UInt8[ndarray, "n side side 3"] | None:
    """Return the pictures rebuilt from parts, or nothing where the model has learned to rebuild none."""
    G = separated(encoder.image).picture
    if G is None:
        return None
    x = G(torch.from_numpy(separate).flatten(1).to(next(G.parameters()).device))
    painted: ndarray = ((x.movedim(1, 3) + 1) * 127.5).round().byte().cpu().numpy()
    return painted


def retold(encoder: DualEncoder, separate: Float32[ndarray, "n 3 part"], longest: int) -> Int[ndarray, "n l"] | None:
    """Return the word ids rebuilt from parts, the likeliest at each step, or nothing where none are rebuilt."""
    R = separated(encoder.text).sentence
    if R is None:
        return None
    z = torch.from_numpy(separate).flatten(1).to(next(R.parameters()).device)
    said: ndarray = R.say(z, longest).cpu().numpy()
    return said
