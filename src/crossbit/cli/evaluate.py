"""`crossbit evaluate`: the scores of a model on a dataset, or of anyone's saved codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .evaluate_codes import codes
from .options import Cache, DataDir, DatasetOption, Measures, OnError
from .output import JsonFlag, print_json, print_table


class ModelByDefault(TyperGroup):
    """Takes `evaluate MODEL …` for `evaluate model MODEL …`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names, or else `model` with all words."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["model", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=ModelByDefault, help="Score a model on a dataset, or saved codes.", no_args_is_help=True)
app.command()(codes)


@app.command()
def model(
    folder: Annotated[Path, typer.Argument(metavar="MODEL", help="A model that `crossbit fit` saved.")],
    dataset: DatasetOption,
    measure: Measures = None,
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "fail",
    json: JsonFlag = False,
) -> None:
    """Score MODEL on the queries and the database of a dataset, in both directions."""
    from ..bundle import Bundle
    from ..experiment import Setup, score
    from ..metrics.measure import Measure
    from .run import featurised

    bundle = Bundle.load(folder)
    setup = Setup(dataset, captions=bundle.origin.captions)
    corpus = setup.corpus(data_dir)
    bundle.refuse_leak(corpus.split)
    data = featurised(setup, corpus, cache, on_error, bundle.pipelines).dataset
    measures = [Measure.parse(text) for text in measure or ["MAP", "precision@10"]]
    scores = score(bundle.encoder, data, measures)
    rows = [
        {"task": task, "metric": str(each), "value": of_task.mean(each)}
        for task, of_task in scores.items()
        for each in measures
    ]
    if json:
        print_json(rows)
    else:
        title = f"{bundle.origin.method}, {bundle.encoder.dim} bits, on {dataset}: {len(data.query):,} queries,"
        print_table(rows, title=f"{title} {len(data.database):,} in the database, split {data.split.sha256[:12]}")
