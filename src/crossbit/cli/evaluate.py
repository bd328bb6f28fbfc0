"""`crossbit evaluate`: the scores of a model on a dataset, or of anyone's saved codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .evaluate_codes import codes
from .options import Cache, Conventions, DataDir, DatasetIfAny, Measures, OnError, Protocol, SplitFile
from .output import JsonFlag, print_json, print_table


class ModelByDefault(TyperGroup):
    """Takes `evaluate MODEL …` for `evaluate model MODEL …`, whatever the model's folder is called but `codes`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return `codes` where the first word says so, else `model`."""
        explicit = args[0] == "codes" or (args[0] == "model" and len(args) > 1 and not args[1].startswith("-"))
        return super().resolve_command(ctx, args if explicit else ["model", *args])


app = typer.Typer(cls=ModelByDefault, help="Score a model on a dataset, or saved codes.", no_args_is_help=True)
app.command()(codes)


@app.command()
def model(
    folder: Annotated[Path, typer.Argument(metavar="MODEL", help="A model that `crossbit fit` saved.")],
    dataset: DatasetIfAny = "",
    protocol: Protocol = "",
    split: SplitFile = None,
    measure: Measures = None,
    conventions: Conventions = "",
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "fail",
    json: JsonFlag = False,
) -> None:
    """Score MODEL on a dataset's queries and database, both ways.

    The queries and the database are those of the protocol or of the split file, where one is given. Where a picture's
    own captions are searched, the scores are R@1, R@5, R@10 and rsum, else MAP and precision@10.
    """
    from ..bundle import Bundle
    from ..errors import InputError
    from ..experiment import mean_scores, score_folds
    from ..metrics import parse_all
    from .conventions import by_convention, read_conventions, side_by_side
    from .run import featurised, read_setup

    bundle = Bundle.load(folder)
    setup = read_setup(dataset, "", "" if protocol else bundle.origin.captions, protocol, split)
    corpus = setup.corpus(data_dir)
    bundle.refuse_leak(corpus.split)
    chosen = read_conventions(conventions, hamming=bundle.encoder.space == "hamming")
    if chosen and corpus.split.instance:
        raise InputError(f"conventions of MAP need labels, and split {corpus.split.name!r} searches a picture's texts")
    data = featurised(setup, corpus, cache, on_error, bundle.pipelines).dataset
    usual = () if chosen else setup.measures(corpus.split, ["MAP", "precision@10"])
    asked = parse_all(measure or usual)
    wanted = parse_all([*asked, *(each.measure for each in chosen.values())])
    folds = score_folds(bundle.encoder, data, wanted, setup.fold)
    means = mean_scores(folds)
    rows: list[dict[str, Any]] = [
        {"task": task, "metric": str(each), "value": of_task[str(each)]}
        for task, of_task in means.items()
        for each in asked
    ]
    if sorted(each.cut for each in asked if each.name == "R") == [1, 5, 10]:
        total = 100 * sum(row["value"] for row in rows if row["metric"].startswith("R@"))
        rows.append({"task": "both", "metric": "rsum", "value": total})
    by_paper = [row for task, scores in folds[0].items() for row in by_convention(task, scores, chosen)]
    if json:
        print_json([*rows, *by_paper])
        return
    title = f"{bundle.origin.method}, {bundle.encoder.dim} bits, on {protocol or setup.dataset}:"
    title += f" {len(data.query):,} queries, {len(data.database):,} in the database, split {data.split.sha256[:12]}"
    for part in filter(None, (rows, side_by_side(by_paper))):
        print_table(part, title=title)
