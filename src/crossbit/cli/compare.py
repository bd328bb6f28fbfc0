"""`crossbit compare` and `crossbit reproduce`: methods side by side, and beside published numbers."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    CacheOption,
    DataDirOption,
    DeviceOption,
    FeaturesOption,
    MaxPixelsOption,
    MeasuresOption,
    OnErrorOption,
    OptionalCaptionsOption,
    OptionalDatasetOption,
    PrecisionOption,
    ProtocolOption,
    SplitOption,
)
from .output import JsonFlag, print_json, print_table

logger = logging.getLogger(__name__)


def compare(
    methods: Annotated[str, typer.Argument(help="Comma-separated methods: 'scm,cca+itq,cfrh(eta=0)'.")],
    dataset: OptionalDatasetOption = "",
    protocol: ProtocolOption = "",
    split: SplitOption = None,
    bits: Annotated[str, typer.Option("--bits", "-b", help="Comma-separated code lengths.")] = "16,32,64,128",
    seeds: Annotated[int, typer.Option("--seeds", help="Number of seeds, counted from 0.", min=1)] = 1,
    measure: MeasuresOption = None,
    features: FeaturesOption = "",
    captions: OptionalCaptionsOption = None,
    precision: PrecisionOption = "float32",
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "fail",
    max_pixels: MaxPixelsOption = None,
    ledger: Annotated[
        Path, typer.Option("--ledger", help="File of finished runs, from which an interrupted comparison resumes.")
    ] = Path("runs/compare.jsonl"),
    cost: Annotated[
        bool, typer.Option("--cost", help="Print one table per direction: all measures, and the bytes per item.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Fit and score methods at several code lengths.

    The table has means over seeds, with the standard deviation if there are several. Runs that are in the ledger are
    not repeated; the split is saved beside it. A run that is impossible is skipped, with a warning, unless all are.
    'vsepp@256,vsepp@256+itq' with --cost shows the cost of compressing a space of 256 dimensions to codes.
    """
    from ..errors import InputError
    from ..evaluation.comparison import Ledger, Run, chance_levels, page, setting, table
    from ..evaluation.comparison import compare as compare_runs
    from ..methods.recipe import Recipe
    from ..metrics import parse_all
    from ..progress import bar
    from ..spec import split_list
    from .setup import featurised, read_setup

    recipes = [Recipe.parse(text) for text in split_list(methods)]
    setup = read_setup(dataset, features, captions, protocol, split)
    runs = [
        Run(recipe, length, seed, precision) for recipe in recipes for length in _lengths(bits) for seed in range(seeds)
    ]
    corpus = setup.corpus(data_dir)
    measures = parse_all(measure or setup.measures(corpus.split))
    data = featurised(setup, corpus, cache, on_error, data_dir=data_dir, device=device).dataset
    where = setting(setup.features(corpus), setup.captions, data, setup.fold)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    data.split.save(ledger.with_name(f"split-{data.split.sha256[:12]}.json"))
    results = []
    with bar("compare") as log:
        for outcome in compare_runs(runs, data, measures, Ledger(ledger, where), log, fold=setup.fold, device=device):
            if isinstance(outcome, InputError):
                logger.warning("skipped a run: %s", outcome)
            else:
                results.append(outcome)
    if not results:
        raise InputError("no run is possible, as the warnings say of each")
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
    experiment: Annotated[Path, typer.Argument(help="A file in experiments/.", exists=True, dir_okay=False)],
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    json: JsonFlag = False,
) -> None:
    """Reproduce one row of a published table.

    Each of our numbers stands beside the published one with a verdict: OK, near or off. The exit status is 1 if any is
    off.
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
        raise InputError(f"--bits is {text!r}, but should be comma-separated code lengths, as in 16,32,64") from None
