"""Runs the studies of results.toml and writes docs/results.md, and a table of the README, from their scores.

python tools/docs/results.py mirflickr25k --data-dir DATA    run one study, or resume it
python tools/docs/results.py                                 write the pages from the stored scores
python tools/docs/results.py --check                         exit with status 1 if a page differs from the scores
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

import curves
import headline
from crossbit.cli.setup import featurised, read_setup
from crossbit.data.pairs import Dataset
from crossbit.errors import InputError, unknown_name
from crossbit.evaluation.comparison import Ledger, Result, Run, chance_levels, compare, setting, table
from crossbit.evaluation.comparison import page as side_by_side
from crossbit.methods.cfrh import CFRH, Target, statistics
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure
from crossbit.nn.tensors import tensor
from crossbit.reporting import plots
from crossbit.spec import split_list
from crossbit.training.epoch import Means
from generate import table as markdown

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
PAGE = DOCS / "results.md"
SCORES = HERE / "results"
STUDIES: dict[str, Any] = tomllib.loads((HERE / "results.toml").read_text(encoding="utf-8"))


def run(name: str, data_dir: Path | None, seeds: int | None, *, fit: bool) -> None:
    """Run the missing runs of a study, seed by seed, and store each score; without `fit`, only those in the ledger."""
    study = STUDIES["studies"][name]
    setup = read_setup(study["dataset"], study["features"], study.get("captions", "join"))
    corpus = setup.corpus(data_dir)
    data = featurised(setup, corpus, None, "fail", data_dir=data_dir).dataset
    where = setting(setup.features(corpus), setup.captions, data)
    measures = [Measure.parse(text) for text in measures_of(study)]
    scores: dict[str, Any] = {"setting": where, "chance": chance_levels(data, measures)}
    if has_cfrh(study):
        scores["similarities"] = similarities(data)
    path = SCORES / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results = [Result(**result) for result in kept.get("results", ()) if kept["setting"] == where]
    ledger = Ledger(Path("runs/compare.jsonl"), where)
    runs = planned(study)
    now = [run for run in sorted(runs, key=lambda run: run.seed) if run.seed < (seeds or study["seeds"])]
    for done, each in enumerate(now):
        found = [result for result in results if of(result) == (each.recipe.name, each.bits, each.seed)]
        if not found and (fit or ledger.find(each, measures)):
            print(f"{name}: {done}/{len(now)} {each.recipe.name} {each.bits} bits, seed {each.seed}", file=sys.stderr)
            for outcome in compare([each], data, measures, ledger):
                if isinstance(outcome, InputError):
                    raise outcome
                results.append(outcome)
            path.write_text(
                json.dumps({**scores, "results": ordered(results, runs)}, indent=1) + "\n", encoding="utf-8"
            )


def measures_of(study: dict[str, Any]) -> list[str]:
    """Return the measures of a study: its own, or the default ones."""
    measures: list[str] = study.get("measures", STUDIES["measures"])
    return measures


def drawn(study: dict[str, Any]) -> str:
    """Return the measure of a study's figure: MAP, or the last of the study's own measures."""
    return str(study["measures"][-1]) if "measures" in study else "MAP"


def has_cfrh(study: dict[str, Any]) -> bool:
    """Return whether CFRH is among the methods of a study."""
    return any(isinstance(run.recipe.method, CFRH) for run in planned(study))


def of(result: Result) -> tuple[str, int, int]:
    """Return the run of a result: method, bits and seed."""
    return result.method, result.bits, result.seed


def ordered(results: list[Result], runs: list[Run]) -> list[dict[str, Any]]:
    """Return the results of the runs, in their order; results of no run are left out."""
    place = {(run.recipe.name, run.bits, run.seed): i for i, run in enumerate(runs)}
    return [asdict(each) for each in sorted((r for r in results if of(r) in place), key=lambda r: place[of(r)])]


def planned(study: dict[str, Any]) -> list[Run]:
    """Return the runs of a study; those of methods listed under `bfloat16` train in half precision."""
    half = recipes(study.get("bfloat16", ""))
    return [
        Run(Recipe.parse(text), int(bits), seed, "bfloat16" if text in half else "float32")
        for text in recipes(study["methods"])
        for bits in split_list(study["bits"])
        for seed in range(study["seeds"])
    ]


def recipes(methods: str | dict[str, str]) -> list[str]:
    """Return the recipes of a comma-separated list, or of a table by name.

    >>> recipes("a, 'b(x=1,y=2)'")
    ['a', 'b(x=1,y=2)']
    """
    return [*methods.values()] if isinstance(methods, dict) else curves.recipes(methods)


def named(results: list[Result], methods: str | dict[str, str]) -> list[Result]:
    """Return results with the names that a study gives its recipes."""
    names = {recipe: name for name, recipe in methods.items()} if isinstance(methods, dict) else {}
    return [replace(result, method=names.get(result.method, result.method)) for result in results]


def similarities(data: Dataset) -> list[dict[str, Any]]:
    """Return the mean and deviation of CFRH's target and its parts over one pass of training batches."""
    method, means = CFRH(), Means()
    for _, batch in data.train.batches(method.batch, np.random.default_rng(0), drop_last=True):
        means.add(**statistics(method.target(tensor(batch.image), tensor(batch.text))))
    found = means.read()
    return [{"similarity": S, "mean": found[f"mean_{S}"], "deviation": found[f"sd_{S}"]} for S in Target._fields]


def page() -> str:
    """Return docs/results.md from the stored scores."""
    parts = [
        "# Results",
        "<!-- Written by `python tools/docs/results.py`; do not edit. -->",
        "Every score is that of the last epoch, on queries that no method saw, as mean ± standard deviation over"
        " seeds, or of one seed where no deviation is given. `MAP` ranks the whole database and is the expectation"
        " over the order of tied items; `MAP@50(over=hits,ties=stable)` is the variant of the DJSRH lineage. Items"
        " that share a label are relevant; chance is the mean score of a random order under the same measure.",
    ]
    for name, study in STUDIES["studies"].items():
        path = SCORES / f"{name}.json"
        if path.is_file():
            parts += section(name, study, json.loads(path.read_text(encoding="utf-8")))
    for name in curves.CURVES:
        if curves.kept(name).is_file():
            parts += curves.section(name)
    return "\n\n".join(parts) + "\n"


def section(name: str, study: dict[str, Any], scores: dict[str, Any]) -> list[str]:
    """Return the part of the page that reports a study."""
    results = named([Result(**result) for result in scores["results"]], study["methods"])
    parts = [f"## {study['title']}", study["about"].strip()]
    if "measures" in study:
        for task, rows in side_by_side(results, study["measures"], scores["chance"]).items():
            parts += [f"**{task}**", markdown(rows)]
    else:
        for measure in STUDIES["measures"]:
            parts += [f"**{measure}**", markdown(table(results, measure, scores["chance"]))]
    if has_cfrh(study):
        parts.append("CFRH's similarities on the training pairs, per batch of 32:")
        parts.append(markdown(_rounded(scores["similarities"])))
    figure = DOCS / "images" / f"results-{name}.svg"
    if figure.is_file():
        parts.append(f"![{drawn(study)} of both directions by code length](images/{figure.name})")
    methods = ",".join(recipes(study["methods"]))
    words = ["crossbit", "compare", methods, "--dataset", study["dataset"], "--features", study["features"]]
    words += ["--bits", study["bits"], "--seeds", str(study["seeds"]), "--data-dir", "DATA"]
    for measure in measures_of(study):
        words += ["--measure", measure]
    words += ["--captions", study["captions"]] if "captions" in study else []
    words += ["--cost"] if "measures" in study else []
    return [*parts, f"```console\n$ {shlex.join(words)}\n```", f"Run on {scores['setting']}."]


def _rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"similarity": r["similarity"], "mean": f"{r['mean']:.3f}", "sd": f"{r['deviation']:.3f}"} for r in rows]


def draw(name: str) -> None:
    """Write a study's figure: a measure averaged over both directions, by code length."""
    scores = json.loads((SCORES / f"{name}.json").read_text(encoding="utf-8"))
    study = STUDIES["studies"][name]
    measure = drawn(study)
    chosen = [Result(**result) for result in scores["results"] if result["measure"] == measure]
    if len({result.bits for result in chosen}) < 2:
        return
    lines: dict[str, dict[int, tuple[float, float]]] = {}
    for method in dict.fromkeys(result.method for result in chosen):
        for bits in sorted({result.bits for result in chosen}):
            values = _of_seeds([r for r in chosen if (r.method, r.bits) == (method, bits)])
            if not values:
                continue
            spread = stdev(values) if len(values) > 1 else 0.0
            lines.setdefault(re.sub(r"\(.*\)", "", method), {})[bits] = fmean(values), spread
    level = fmean(levels[measure] for levels in scores["chance"].values())
    figure = plots.score_curves(lines, f"{measure}, mean of both directions", level, study["title"])
    plots.save(figure, DOCS / "images" / f"results-{name}.svg")


def _of_seeds(results: list[Result]) -> list[float]:
    by_seed: dict[int, list[float]] = {}
    for result in results:
        by_seed.setdefault(result.seed, []).append(result.value)
    return [sum(values) / len(values) for values in by_seed.values()]


PAGES = {PAGE: page, headline.README: headline.readme}


def render() -> None:
    """Draw every figure and write every page."""
    for name in STUDIES["studies"]:
        if (SCORES / f"{name}.json").is_file():
            draw(name)
    for name in curves.CURVES:
        if curves.kept(name).is_file():
            curves.draw(name)
    for path, text in PAGES.items():
        path.write_text(text(), encoding="utf-8")


def main() -> int:
    """Run studies and write the pages, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="*", help="studies to run: " + ", ".join(STUDIES["studies"]))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, help="run at most this many of a study's seeds")
    parser.add_argument("--finished", action="store_true", help="fit nothing: take the scores in the ledger")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    for name in given.study:
        if name not in STUDIES["studies"]:
            raise unknown_name(name, "study", STUDIES["studies"])
        run(name, given.data_dir, given.seeds, fit=not given.finished)
    if given.check:
        return 0 if all(path.read_text(encoding="utf-8") == text() for path, text in PAGES.items()) else 1
    render()
    return 0


if __name__ == "__main__":
    sys.exit(main())
