"""Tables of an evaluation: values with intervals, the cost of a search, paired tests, the conventions of papers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..codes import Codes
from ..metrics import Measure, Scores
from ..metrics.checks import Searched
from ..metrics.conventions import CONVENTIONS, Convention, convention
from ..metrics.cost import lookup_cost, scan_cost
from ..metrics.instance import over_folds
from ..metrics.significance import bootstrap, permutation_test
from ..spec import split_list

#: Within how many bits hash lookup is costed.
RADIUS = 2


def quality(task: str, folds: Sequence[Scores], measures: Iterable[Measure]) -> list[dict[str, Any]]:
    """Return a row for each measure: the mean over folds and its 95 % interval over queries.

    There is no interval where no query counts, or where a median sums up the queries.
    """
    rows = []
    for measure in measures:
        values = _averaged(folds, measure)
        low, high = bootstrap(values)[1:] if values.size else (None, None)
        value = fmean(fold.mean(measure) for fold in folds)
        rows.append({"task": task, "metric": str(measure), "value": value, "low": low, "high": high})
    return rows


def cost(folds: Sequence[tuple[Searched, Searched]]) -> dict[str, Any]:
    """Return what searching a database with a query costs, on average over folds of `(queries, database)`.

    That is the bytes of an item, the distances that a scan computes, and the items that hash lookup within
    radius 2 touches; real-valued vectors have no such lookup.
    """
    scans = [scan_cost(database) for _, database in folds]
    touched = [
        lookup_cost(query, database, RADIUS).mean_items
        for query, database in folds
        if isinstance(query, Codes) and isinstance(database, Codes)
    ]
    return {
        "bytes_per_item": scans[0].bytes_per_item,
        "distances": round(fmean(scan.distances for scan in scans)),
        "items_within_2": fmean(touched) if touched else None,
    }


def differences(
    task: str, ours: Sequence[Scores], theirs: Sequence[Scores], measures: Iterable[Measure]
) -> list[dict[str, Any]]:
    """Return a row for each measure: both models' values, their mean difference and the p of the paired test.

    The difference is over the queries that count for both; there is none where no query does, or of medians.
    """
    rows = []
    for measure in measures:
        values = [fmean(fold.mean(measure) for fold in folds) for folds in (ours, theirs)]
        pairs = _averaged(ours, measure), _averaged(theirs, measure)
        both = all(each.size for each in pairs) and not np.isnan(pairs[0] - pairs[1]).all()
        mean, p = permutation_test(*pairs) if both else (None, None)
        head = {"task": task, "metric": str(measure), "value": values[0], "against": values[1]}
        rows.append({**head, "difference": mean, "p": p})
    return rows


def for_people(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of quality and cost as a narrow table shows them: an interval in one column."""
    shown = []
    for row in rows:
        interval = None if row["low"] is None else f"{row['low']:.3f}–{row['high']:.3f}"
        table = {**{name: row[name] for name in ("task", "metric", "value")}, "95 %": interval}
        names = {"bytes_per_item": "bytes", "distances": "scanned", "items_within_2": "within 2"}
        table |= {short: row[name] for name, short in names.items() if name in row}
        shown.append(table)
    return shown


def read_conventions(names: str, *, hamming: bool = True) -> dict[str, Convention]:
    """Return the conventions that are named between commas, or all that exist in the space."""
    if names != "all":
        return {name: convention(name) for name in split_list(names)}
    return {name: each for name, each in CONVENTIONS.items() if hamming or each.measure.kind.family != "lookup"}


def by_convention(task: str, scores: Scores, chosen: dict[str, Convention]) -> list[dict[str, Any]]:
    """Return a row for each convention, from an evaluation that includes their measures."""
    return [
        {
            "task": task,
            "convention": name,
            "metric": str(each.measure),
            "value": each.value(scores),
            "used_by": each.used_by,
        }
        for name, each in chosen.items()
    ]


def side_by_side(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each convention with a column for each task."""
    sides: dict[str, dict[str, Any]] = {}
    for row in rows:
        sides.setdefault(row["convention"], {"convention": row["convention"]})[row["task"]] = row["value"]
    about = {row["convention"]: {"metric": row["metric"], "used by": row["used_by"]} for row in rows}
    return [{**side, **about[name]} for name, side in sides.items()]


def _averaged(folds: Sequence[Scores], measure: Measure) -> Float[ndarray, "_"]:
    """Return the values whose mean is the measure: of all queries, or none where it is no mean or none counts."""
    values = over_folds(folds, measure)
    mean = measure.name != "median-rank" and not np.isnan(values).all()
    return values if mean else values[:0]
