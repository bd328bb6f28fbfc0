"""Retrieval cost: bytes, distances, buckets and items touched."""

import numpy as np
import pytest

from crossbit.codes import Codes, hamming
from crossbit.errors import InputError
from crossbit.metrics.cost import lookup_cost, scan_cost


def test_bytes_of_codes_and_of_vectors():
    assert scan_cost(Codes.from_signs(np.ones((3, 60)))).bytes_per_item == 8
    assert scan_cost(np.ones((3, 512), np.float32)).bytes_per_item == 2048


@pytest.mark.parametrize("r", [0, 2, 9])
def test_lookup_work_is_what_the_distances_say(rng, r):
    query, database = (Codes.from_bits(rng.random((n, 8)) < 0.5) for n in (30, 50))
    touched = (hamming(query, database) <= r).sum(1)
    cost = lookup_cost(query, database, r)
    assert (cost.mean_items, cost.median_items, cost.most_items) == (
        touched.mean(),
        np.median(touched),
        touched.max(),
    )
    assert cost.empty == (touched == 0).mean()
    assert cost.buckets == {0: 1, 2: 1 + 8 + 28, 9: 256}[r]


def test_a_negative_radius_is_refused():
    codes = Codes.from_signs(np.ones((1, 8)))
    with pytest.raises(InputError, match="at least 0, not -1"):
        lookup_cost(codes, codes, -1)
