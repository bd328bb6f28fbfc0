"""Binarisers of a real-valued common space: sign, per-modality centred sign, and ITQ, fitted to pairs.

    sign     the sign of each dimension, for modalities that are centred at zero
    centred  the same after subtracting each modality's mean: images and texts lie apart in most spaces
    itq      centred, then the rotation with the least quantisation error; any number of bits

ITQ: Y. Gong and S. Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary Codes", CVPR 2011.
Ours: the rotation is shared and fitted on both modalities at once; with fewer bits than dimensions their joint
principal directions come first; with more bits than dimensions it becomes a tight frame, R R^T = 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import iadd
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import nn

from ..data.pairs import MODALITIES, Modality, Paired
from ..data.rows import WHOLE, blocks
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
    E = {m: _embedded(encoder, train, m) for m in MODALITIES}
    mean = {m: np.zeros(encoder.dim) if binariser == "sign" else _mean(E[m]) for m in MODALITIES}
    R = np.eye(bits)
    if binariser == "itq":
        R = itq(_centred([*E.values()], [*mean.values()]), bits, np.random.default_rng(seed))
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
        _, directions = np.linalg.eigh(reduce(iadd, (v.T @ v for v in _doubles(V))))
        P = directions[:, ::-1][:, :bits]
        V = np.concatenate([(v @ P).astype(V.dtype, copy=False) for v in _doubles(V)])
    R, _ = np.linalg.qr(rng.normal(size=(bits, V.shape[1])))
    R = R.T
    for _ in range(iterations):
        products = (v.T @ np.where(v @ R >= 0, 1.0, -1.0) for v in _doubles(V))  # V^T B
        U, _, Wt = np.linalg.svd(reduce(iadd, products), full_matrices=False)
        R = U @ Wt
    projection: ndarray = P @ R
    return projection


def _embedded(encoder: DualEncoder, train: Paired, modality: Modality) -> Float32[ndarray, "n dim"]:
    E = encoder.embed(train.of(modality), modality)
    if not np.isfinite(E).all():
        raise InputError(f"the model gives NaN or infinity for {modality}s of its training pairs; check their features")
    return E


def _doubles(V: Float[ndarray, "n d"]) -> Iterator[Float[ndarray, "m d"]]:
    """Yield the rows in float64, in blocks."""
    for _, block in blocks(V):
        yield block.astype(np.float64, copy=False)


def _unit(V: Float[ndarray, "m dim"]) -> Float[ndarray, "m dim"]:
    unit: ndarray = V / np.maximum(np.linalg.norm(V, axis=1, keepdims=True), 1e-12)
    return unit


def _mean(E: Float32[ndarray, "n dim"]) -> Float[ndarray, "dim"]:
    return reduce(iadd, (_unit(v).mean(0) * (len(v) / len(E)) for v in _doubles(E)))


def _centred(E: Sequence[Float32[ndarray, "_ dim"]], mean: Sequence[Float[ndarray, "dim"]]) -> Float[ndarray, "n dim"]:
    """Return the rows of all embeddings at unit length minus their means, those of many in float32."""
    n, dim = sum(map(len, E)), E[0].shape[1]
    V = np.empty((n, dim), np.float64 if n * dim <= WHOLE else np.float32)
    start = 0
    for each, centre in zip(E, mean, strict=True):
        for v in _doubles(each):
            V[start : start + len(v)] = _unit(v) - centre
            start += len(v)
    return V


def _affine(R: Float[ndarray, "d bits"], mean: Float[ndarray, "d"]) -> Affine:
    return Affine(torch.from_numpy(R).float(), torch.from_numpy(mean).float())
