"""When to stop training without a label and without a query: held-out training pairs say how well their halves agree."""

from __future__ import annotations

import numpy as np

from .data import CROSSINGS, MODALITIES, Paired
from .encoder import DualEncoder
from .errors import InputError
from .metrics.instance import evaluate_instances


def hold_out(train: Paired, seed: int, share: float = 0.1) -> tuple[Paired, Paired]:
    """Return the pairs that train and a share of items, drawn by the seed, unlabelled, that only say when to stop."""
    items = np.unique(train.item)
    count = max(1, round(share * len(items)))
    if count >= len(items):
        raise InputError(f"{len(items)} training items are too few to hold some out: train without a patience")
    held = np.isin(train.item, np.random.default_rng([seed, 1]).choice(items, count, replace=False))
    return train[~held], train[held].unlabelled()


def agreement(encoder: DualEncoder, held: Paired) -> float:
    """Return how well the two halves of held pairs find each other: R@10 averaged over both directions, no label seen.

    Tied items count by their expectation, so that codes which are all alike agree as badly as chance.
    """
    sides = {m: held.side(m) for m in MODALITIES}
    found = {m: encoder.represent(pairs.of(m), m) for m, pairs in sides.items()}
    recalls = [
        evaluate_instances(found[a], found[b], sides[a].item, sides[b].item, ["R@10"]).mean("R@10")
        for a, b in CROSSINGS
    ]
    return sum(recalls) / len(recalls)
