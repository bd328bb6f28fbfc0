"""`crossbit compare` and `crossbit reproduce`: methods beside each other, and beside what was published."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Cache,
    CaptionsIfAny,
    DataDir,
    DatasetIfAny,
    Features,
    Measures,
    OnError,
    PrecisionOption,
    Protocol,
    SplitFile,
)
from .output import JsonFlag, print_json, print_table


def compare(
    methods: Annotated[str, typer.Argument(help="Methods, between commas: 'scm,cca+itq,cfrh(eta=0)'.")],
    dataset: DatasetIfAny = "",
    protocol: Protocol = "",
    split: SplitFile = None,
    bits: Annotated[str, typer.Option("--bits", "-b", help="Code lengths, between commas.")] = "16,32,64,128",
    seeds: Annotated[int, typer.Option("--seeds", help="How many seeds, counted from 0.", min=1)] = 1,
    measure: Measures = None,
    features: Features = "",
    captions: CaptionsIfAny = "",
    precision: PrecisionOption = "float32",
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "fail",
    ledger: Annotated[
        Path, typer.Option("--ledger", help="Where finished runs are kept, so that an interrupted comparison goes on.")
    ] = Path("runs/compare.jsonl"),
    cost: Annotated[
        bool, typer.Option("--cost", help="Print all measures side by side with the bytes of an item, by direction.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Fit and score methods at several code lengths; print a table.

    It holds the mean over seeds, with the deviation where there are several. What is in the ledger is not done again;
    the split is kept beside it. 'vsepp@256,vsepp@256+itq' with --cost shows what it costs to compress one space of 256
    dimensions to codes.
    """
    from ..errors import InputError
    from ..evaluation.comparison import Ledger, Run, chance_levels, page, setting, table
    from ..evaluation.comparison import compare as compare_runs
    from ..methods.recipe import Recipe
    from ..metrics import parse_all
    from ..progress import bar
    from ..spec import split_list
    from .setup import featurised, read_precision, read_setup

    recipes = [Recipe.parse(text) for text in split_list(methods)]
    setup = read_setup(dataset, features, captions, protocol, split)
    how = read_precision(precision)
    runs = [Run(recipe, length, seed, how) for recipe in recipes for length in _lengths(bits) for seed in range(seeds)]
    corpus = setup.corpus(data_dir)
    measures = parse_all(measure or setup.measures(corpus.split))
    data = featurised(setup, corpus, cache, on_error, data_dir=data_dir).dataset
    where = setting(setup.features(corpus), setup.captions, data, setup.fold)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    data.split.save(ledger.with_name(f"split-{data.split.sha256[:12]}.json"))
    results = []
    with bar("compare") as log:
        for outcome in compare_runs(runs, data, measures, Ledger(ledger, where), log, fold=setup.fold):
            if isinstance(outcome, InputError):
                print(f"left out: {outcome}", file=sys.stderr)
            else:
                results.append(outcome)
    levels = chance_levels(data, measures, setup.fold)
    if json:
        print_json({"setting": where, "chance": levels, "results": [asdict(r) for r in results]})
        return
    if cost:
        for task, rows in page(results, [str(each) for each in measures], levels).items():
            print_table(rows, title=f"{task} on {setup.dataset}, {where}")
        return
    for each in measures:
        print_table(table(results, str(each), levels), title=f"{each} on {setup.dataset}, {where}")


def reproduce(
    experiment: Annotated[Path, typer.Argument(help="A file under experiments/.", exists=True, dir_okay=False)],
    data_dir: DataDir = None,
    cache: Cache = None,
    json: JsonFlag = False,
) -> None:
    """Run one row of a published table and print ours beside it.

    Each number comes with a verdict: OK, near or off. Exits with status 1 if any is off.
    """
    from ..evaluation.experiment import Experiment
    from ..progress import bar

    loaded = Experiment.load(experiment)
    with bar(f"{loaded.recipe.name} on {loaded.setup.dataset}") as log:
        rows = [asdict(row) for row in loaded.run(data_dir, log=log, cache=cache)]
    if json:
        print_json(rows)
    else:
        print_table(rows, title=f"{experiment}\npublished: {loaded.where}")
    if any(row["verdict"] == "off" for row in rows):
        raise typer.Exit(1)


def _lengths(text: str) -> list[int]:
    from ..errors import InputError
    from ..spec import split_list

    try:
        return [int(part) for part in split_list(text)]
    except ValueError:
        raise InputError(f"--bits is {text!r}, but should be code lengths between commas, as in 16,32,64") from None
