"""What `--conventions` adds to a command that scores: one's number as each line of papers computes it."""

from __future__ import annotations

from typing import Any

from ..metrics import Scores
from ..metrics.conventions import CONVENTIONS, Convention, convention
from ..spec import split_list


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
