"""Binarisers: what they promise about bits, centres and rotations."""

import numpy as np
import pytest

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.models.binarise import binarise, itq
from crossbit.models.encoder import DualEncoder
from crossbit.nn.layers import Normalise


@pytest.fixture
def gap(rng):
    """Two modalities that agree but sit apart, as CLIP's do: signs at zero are all alike."""
    z = rng.normal(size=(400, 8))
    pairs = Paired((z + 6).astype(np.float32), (z - 6).astype(np.float32))
    return DualEncoder(Normalise(), Normalise(), "cosine", 8), pairs


def agreement(encoder, pairs):
    image, text = encoder.encode(pairs.image, "image"), encoder.encode(pairs.text, "text")
    return (image.signs() == text.signs()).mean()


def test_centring_per_modality_closes_the_gap(gap):
    encoder, pairs = gap
    assert agreement(binarise(encoder, pairs, 8, "sign"), pairs) < 0.1
    assert agreement(binarise(encoder, pairs, 8, "centred"), pairs) > 0.8
    assert agreement(binarise(encoder, pairs, 8, "itq"), pairs) > 0.8


@pytest.mark.parametrize("bits", [4, 8, 20])
def test_itq_is_a_projection_with_orthonormal_rows_or_columns(rng, bits):
    V = rng.normal(size=(300, 8)) * np.linspace(2, 0.5, 8)
    R = itq(V, bits, rng)
    gram = R.T @ R if bits <= 8 else R @ R.T
    assert np.allclose(gram, np.eye(min(bits, 8)))


def test_itq_lowers_the_quantisation_error_of_pca(rng):
    V = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))

    def error(R):
        Z = V @ R
        return ((np.where(Z >= 0, 1, -1) - Z) ** 2).sum()

    assert error(itq(V, 6, rng)) < error(itq(V, 6, np.random.default_rng(1), iterations=0))


def test_wrong_requests_are_refused(gap):
    encoder, pairs = gap
    with pytest.raises(InputError, match="one bit per dimension: the space has 8"):
        binarise(encoder, pairs, 16, "sign")
    hashed = binarise(encoder, pairs, 8, "sign")
    with pytest.raises(InputError, match="only a real-valued space"):
        binarise(hashed, pairs, 8, "itq")
    with pytest.raises(InputError, match="binarise it first"):
        encoder.encode(pairs.image, "image")
    with pytest.raises(InputError, match="does not take items of shape"):
        DualEncoder.encode(hashed, np.zeros((2, 5), np.float32), "image")
