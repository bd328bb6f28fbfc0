"""The results table of the README: every method on MIRFLICKR-25K at 64 bits, best first."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from crossbit.methods.recipe import Recipe
from generate import table

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
README = DOCS.parent / "README.md"
STUDIES = ("mirflickr25k", "mirflickr25k-supervised")
BITS = 64
BEGIN, END = "<!-- by tools/docs/results.py -->\n", "<!-- end -->"


def rows() -> list[dict[str, Any]]:
    """Return a row per method: MAP in both directions, averaged over the stored seeds."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    chance: dict[str, dict[str, float]] = {}
    for name in STUDIES:
        scores = json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
        chance = scores["chance"]
        for each in scores["results"]:
            if (each["bits"], each["measure"]) == (BITS, "MAP"):
                found.setdefault(each["method"], {}).setdefault(each["task"], {})[each["seed"]] = each["value"]
    made = [
        {
            "method": called(recipe := Recipe.parse(text)),
            "sees labels": "yes" if recipe.method.supervised else "",
            **{_arrow(task): f"{fmean(by_seed.values()):.3f}" for task, by_seed in by_task.items()},
            "seeds": max(len(by_seed) for by_seed in by_task.values()),
        }
        for text, by_task in found.items()
    ]
    level = {_arrow(task): f"{levels['MAP']:.3f}" for task, levels in chance.items()}
    arrows = list(level)
    made.sort(key=lambda row: -sum(float(row[arrow]) for arrow in arrows))
    return [*made, {"method": "chance", "sees labels": "", **level, "seeds": ""}]


def called(recipe: Recipe) -> str:
    """Return the name of a recipe as papers write it.

    >>> called(Recipe.parse("cca+itq")), called(Recipe.parse("ucch(hidden=64)"))
    ('CCA + ITQ', 'UCCH')
    """
    name = type(recipe.method).__name__
    how = {None: "", "itq": " + ITQ"}.get(recipe.binariser, f" + {recipe.binariser}")
    return name + how


def readme() -> str:
    """Return the README with the table of the stored scores."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}{table(rows())}\n{end}{after}"


def _arrow(task: str) -> str:
    return task.replace("->", " → ")
