"""Early stopping without labels or queries, by the recall of held-out training pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from ..data.pairs import CROSSINGS, MODALITIES, Paired
from ..errors import InputError
from ..metrics.instance import evaluate_instances
from ..models.encoder import DualEncoder, Space
from .distributed import all_gather


def hold_out(train: Paired, seed: int, share: float = 0.1) -> tuple[Paired, Paired]:
    """Return the pairs that train, and those of a share of the items, unlabelled, that decide when to stop."""
    items = np.unique(train.item)
    count = max(1, round(share * len(items)))
    if count >= len(items):
        raise InputError(f"{len(items)} training items are too few to hold some out: train without patience")
    held = np.isin(train.item, np.random.default_rng([seed, 1]).choice(items, count, replace=False))
    return train[~held], train[held].unlabelled()


#: The recalls that a space is judged by: codes by R@10, vectors by rsum, as their papers choose a snapshot.
CRITERIA: Mapping[Space, tuple[str, ...]] = {"hamming": ("R@10",), "cosine": ("R@1", "R@5", "R@10")}


#: The fewest held-out items that codes are judged by: of ten, each is among the ten nearest.
FEWEST = 20


def refuse_too_few(held: Paired | None, space: Space) -> None:
    """Refuse early stopping without held-out pairs, or with too few for the recalls of the space."""
    if held is None:
        raise InputError("early stopping needs held-out pairs: give `held` beside `patience`, or fit through a Recipe")
    count = len(np.unique(held.item))
    if space == "hamming" and count < FEWEST:
        raise InputError(
            f"{count} held-out items are too few to judge codes by, as most are among the ten nearest: train without"
            f" patience, or on data of which a tenth is {FEWEST} items"
        )


def held_out_recall(encoder: DualEncoder, held: Paired) -> float:
    """Return the mean recall, over both directions, with which held-out pairs find their own other half.

    It is R@10 for codes, and for vectors the mean of R@1, R@5 and R@10, which is rsum over 600. Ties count by their
    expectation, so that codes which are all equal score as badly as chance.
    """
    recalls = CRITERIA[encoder.space]
    sides = {m: held.side(m) for m in MODALITIES}
    found = {m: encoder.represent(pairs.of(m), m) for m, pairs in sides.items()}
    scores = [evaluate_instances(found[a], found[b], sides[a].item, sides[b].item, recalls) for a, b in CROSSINGS]
    return fmean(value for each in scores for value in each.means().values())


def passes_while_falling(most: int) -> Iterator[list[Tensor]]:
    """Yield an empty list for the losses of each pass: three of them, then up to `most` while their mean falls."""
    before = float("inf")
    for count in range(most):
        losses: list[Tensor] = []
        yield losses
        mean = float(all_gather(torch.stack(losses).mean()[None]).mean())
        if count > 1 and mean >= before:
            return
        before = mean
