"""Tuning: the cheapest settings that reach a recall of the exact search of the stored vectors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import final

import numpy as np

from ...data.pairs import CROSSINGS, MODALITIES, Modality
from ...errors import InputError
from ..collection import Collection
from ..search.settings import Settings
from ..storage.reads import vectors_of
from ..storage.snapshot import Snapshot
from .held_out import Query, Trained, chunked, held_out, ranked, too_few

#: Hits that are compared, queries of each direction, and sizes of the shortlist that are tried.
K, QUERIES = 10, 100
SHORTLISTS = (0, 50, 100, 200, 400, 800, 1600, 3200, 6400)
#: The fewest queries that a recall is measured by.
LEAST = 10
#: Codes from which on an inverted file is tried too, and how many of its lists are looked into.
INVERTED, PROBES = 100_000, (16, 64, 256)
_PART = 65_536


@final
@dataclass(frozen=True)
class SettingsTrial:
    """Settings with their recall of the exact ten nearest, and their median milliseconds a query."""

    settings: Settings
    recall: float
    milliseconds: float


def tune(collection: Collection, recall: float) -> tuple[SettingsTrial, list[SettingsTrial]]:
    """Find the cheapest settings that reach a recall, store them, and return them with everything that was tried."""
    trained = Trained.of(collection)
    if not 0 < recall <= 1:
        raise InputError(f"a recall lies above 0 and up to 1, not {recall}")
    with collection.view() as (connection, snapshot):
        queries = _queries(collection, trained, connection, snapshot)
        truth = [_exact(connection, snapshot, *query) for query in queries]
        trials = [_tried(collection, connection, snapshot, queries, truth, each) for each in candidates(snapshot)]
    reaching = [trial for trial in trials if trial.recall >= recall]
    if not reaching:
        best = max(trials, key=lambda trial: trial.recall)
        raise InputError(
            f"no setting reaches a recall of {recall}; the best is {best.recall:.3f} with a shortlist of"
            f" {best.settings.shortlist}: use more bits, or ask for less"
        )
    chosen = min(reaching, key=lambda trial: trial.milliseconds)
    collection.configure("search", asdict(chosen.settings))
    return chosen, trials


def _queries(
    collection: Collection, trained: Trained, connection: sqlite3.Connection, snapshot: Snapshot
) -> list[tuple[Modality, Query]]:
    """Return queries, each with the side to search: the other one, or their own in a collection of one modality."""
    held = {source: held_out(trained, connection, snapshot, source, QUERIES) for source in MODALITIES}
    enough = {source: queries for source, queries in held.items() if len(queries) >= LEAST}
    crossings = [(s, t) for s, t in CROSSINGS if s in enough and len(snapshot.sides[t]) >= LEAST]
    directions = crossings or [(source, source) for source in enough]
    if not directions:
        raise too_few(collection, {source: len(queries) for source, queries in held.items()}, LEAST)
    return [(target, query) for source, target in directions for query in held[source]]


def candidates(snapshot: Snapshot) -> list[Settings]:
    """Return the settings to try for the number of codes."""
    size = max(map(len, snapshot.sides.values()))
    lists = [each for each in SHORTLISTS if each < size] + [size]
    flat = [Settings("flat", 64, each, rescore) for each in lists for rescore in ((False, True) if each else (False,))]
    inverted = [
        Settings("ivf", probes, each, True) for probes in PROBES for each in lists if 100 <= each <= SHORTLISTS[-1]
    ]
    return flat + (inverted if size >= INVERTED else [])


def _exact(connection: sqlite3.Connection, snapshot: Snapshot, target: Modality, query: Query) -> set[int]:
    """Return the numbers of the items whose stored vectors are nearest."""
    side = snapshot.sides[target]
    others = side.numbers[side.numbers != query.number]
    parts = [
        vectors_of(connection, part.tolist(), target, side.codes.bits) @ query.values for part in chunked(others, _PART)
    ]
    cosines = np.nan_to_num(np.concatenate(parts), nan=-2.0)
    return {*others[np.argsort(-cosines, kind="stable")[:K]].tolist()}


def _tried(
    collection: Collection,
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    queries: Sequence[tuple[Modality, Query]],
    truth: Sequence[set[int]],
    settings: Settings,
) -> SettingsTrial:
    recalls, seconds = [], []
    for (target, query), right in zip(queries, truth, strict=True):
        start = time.perf_counter()
        found = ranked(collection, connection, snapshot, target, query, K, settings)
        seconds.append(time.perf_counter() - start)
        numbers = snapshot.sides[target].numbers[found.rows].tolist()
        recalls.append(len(right & {*numbers}) / max(len(right), 1))
    return SettingsTrial(settings, fmean(recalls), 1000 * median(seconds))
