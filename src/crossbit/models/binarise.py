"""Binarisers of a real-valued common space: sign, per-modality centred sign, and ITQ, fitted to pairs.

    sign     the sign of each dimension, for modalities that are centred at zero
    centred  the same after subtracting each modality's mean: images and texts lie apart in most spaces
    itq      centred, then the rotation with the least quantisation error; any number of bits

ITQ: Y. Gong and S. Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary Codes", CVPR 2011.
Ours: the rotation is shared and fitted on both modalities at once; with fewer bits than dimensions their joint
principal directions come first; with more bits than dimensions it becomes a tight frame, R R^T = 1.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import nn

from ..data.pairs import Modality, Paired
from ..errors import InputError, unknown_name
from ..nn.layers import Affine, Normalise
from .encoder import DualEncoder

Binariser = Literal["sign", "centred", "itq"]
BINARISERS: tuple[Binariser, ...] = get_args(Binariser)

#: Alternations of ITQ; the paper uses 50.
ITERATIONS = 50


def binarise(encoder: DualEncoder, train: Paired, bits: int, binariser: Binariser, *, seed: int = 0) -> DualEncoder:
    """Return an encoder into `bits` bits for one into a cosine space, fitted on the training pairs."""
    if binariser not in BINARISERS:
        raise unknown_name(binariser, "binariser", BINARISERS)
    if encoder.space != "cosine":
        raise InputError(f"only a real-valued space can be binarised, and this model's space is {encoder.space!r}")
    if binariser != "itq" and encoder.dim != bits:
        raise InputError(
            f"{binariser!r} keeps one bit per dimension: the space has {encoder.dim} dimensions, so it cannot"
            f" give {bits} bits; ask for {encoder.dim} bits, or use 'itq'"
        )
    V: dict[Modality, ndarray] = {"image": _unit(encoder, train, "image"), "text": _unit(encoder, train, "text")}
    mean = {m: np.zeros(encoder.dim) if binariser == "sign" else V[m].mean(0) for m in V}
    R = np.eye(bits)
    if binariser == "itq":
        R = itq(np.concatenate([V[m] - mean[m] for m in V]), bits, np.random.default_rng(seed))
    image = nn.Sequential(encoder.image, Normalise(), _affine(R, mean["image"]))
    text = nn.Sequential(encoder.text, Normalise(), _affine(R, mean["text"]))
    return DualEncoder(image, text, "hamming", bits, encoder.device)


def itq(
    V: Float[ndarray, "n d"], bits: int, rng: np.random.Generator, iterations: int = ITERATIONS
) -> Float[ndarray, "d bits"]:
    """Return the projection R of centred rows that minimises |sgn(V R) - V R|^2 over frames with R R^T = 1.

    With fewer bits than dimensions, R is the leading principal directions followed by a rotation.
    """
    P = np.eye(V.shape[1])
    if bits < V.shape[1]:
        _, directions = np.linalg.eigh(V.T @ V)
        P = directions[:, ::-1][:, :bits]
        V = V @ P
    R, _ = np.linalg.qr(rng.normal(size=(bits, V.shape[1])))
    R = R.T
    for _ in range(iterations):
        B = np.where(V @ R >= 0, 1.0, -1.0)
        U, _, Wt = np.linalg.svd(V.T @ B, full_matrices=False)
        R = U @ Wt
    projection: ndarray = P @ R
    return projection


def _unit(encoder: DualEncoder, train: Paired, modality: Modality) -> Float[ndarray, "n dim"]:
    V = encoder.embed(train.of(modality), modality).astype(np.float64)
    unit: ndarray = V / np.maximum(np.linalg.norm(V, axis=1, keepdims=True), 1e-12)
    return unit


def _affine(R: Float[ndarray, "d bits"], mean: Float[ndarray, "d"]) -> Affine:
    return Affine(torch.from_numpy(R).float(), torch.from_numpy(mean).float())
