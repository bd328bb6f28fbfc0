"""When to stop training without a label or a query: held-out training pairs say how well their halves agree."""

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
    """Return the pairs that train and a share of items, drawn by the seed, unlabelled, that only say when to stop."""
    items = np.unique(train.item)
    count = max(1, round(share * len(items)))
    if count >= len(items):
        raise InputError(f"{len(items)} training items are too few to hold some out: train without a patience")
    held = np.isin(train.item, np.random.default_rng([seed, 1]).choice(items, count, replace=False))
    return train[~held], train[held].unlabelled()


#: By which recalls a space is judged: codes by R@10, vectors as their papers choose a snapshot, by rsum.
CRITERIA: Mapping[Space, tuple[str, ...]] = {"hamming": ("R@10",), "cosine": ("R@1", "R@5", "R@10")}


#: Codes are judged on so many held items at least: of ten, each is among the ten nearest.
FEWEST = 20


def refuse_too_few(held: Paired | None, space: Space) -> None:
    """Refuse to judge a run that is to stop early by no held pairs, or by too few for the recalls of its space."""
    if held is None:
        raise InputError("a patience needs held-out pairs to judge by: give `held`, or fit through a Recipe")
    count = len(np.unique(held.item))
    if space == "hamming" and count < FEWEST:
        raise InputError(
            f"{count} items are held out, of whose codes most would be among the ten nearest of any: train without a"
            f" patience, or on data of which a tenth is {FEWEST} items"
        )


def agreement(encoder: DualEncoder, held: Paired) -> float:
    """Return how well the two halves of held pairs find each other, no label seen: the mean recall of both directions.

    That is R@10 of codes; of vectors R@1, R@5 and R@10, rsum over 600. Tied items count by their expectation, so that
    codes which are all alike agree as badly as chance.
    """
    recalls = CRITERIA[encoder.space]
    sides = {m: held.side(m) for m in MODALITIES}
    found = {m: encoder.represent(pairs.of(m), m) for m, pairs in sides.items()}
    scores = [evaluate_instances(found[a], found[b], sides[a].item, sides[b].item, recalls) for a, b in CROSSINGS]
    return fmean(value for each in scores for value in each.means().values())


def passes_while_falling(most: int) -> Iterator[list[Tensor]]:
    """Yield an empty list for the losses of a pass, up to `most` times; after three, only while their mean falls."""
    before = float("inf")
    for count in range(most):
        losses: list[Tensor] = []
        yield losses
        mean = float(all_gather(torch.stack(losses).mean()[None]).mean())
        if count > 1 and mean >= before:
            return
        before = mean
