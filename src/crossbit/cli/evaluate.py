"""`crossbit evaluate`: the scores of a model on a dataset, or of anyone's saved codes."""

from __future__ import annotations

from itertools import zip_longest
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
    against: Annotated[
        Path | None, typer.Option("--against", metavar="MODEL", help="Another model, to test the difference from.")
    ] = None,
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

    Each value comes with its 95 % interval over queries and with what a search costs: the bytes of an item, the
    distances that a scan computes, the items that hash lookup touches within 2 bits. The difference from another
    model on the same queries comes with the p of a paired permutation test.
    """
    from ..errors import InputError
    from ..evaluation.tables import for_people
    from ..metrics import parse_all
    from ..models.bundle import Bundle
    from .conventions import by_convention, read_conventions, side_by_side
    from .setup import read_setup
    from .trial import Trial

    bundle = Bundle.load(folder)
    setup = read_setup(dataset, "", "" if protocol else bundle.origin.captions, protocol, split)
    corpus = setup.corpus(data_dir)
    models = [bundle, *([Bundle.load(against)] if against else [])]
    for each in models:
        each.refuse_leak(corpus.split)
    chosen = read_conventions(conventions, hamming=bundle.encoder.space == "hamming")
    if chosen and corpus.split.instance:
        raise InputError(f"conventions of MAP need labels, and split {corpus.split.name!r} searches a picture's texts")
    usual = () if chosen else setup.measures(corpus.split, ["MAP", "precision@10"])
    asked = parse_all(measure or usual)
    if against and not asked:
        raise InputError("--against tests measures, and conventions alone name none: add --measure")
    wanted = parse_all([*asked, *(each.measure for each in chosen.values())])
    trial, *others = (
        Trial.run(each, setup, corpus, measures, cache, on_error)
        for each, measures in zip(models, (wanted, asked), strict=False)
    )
    rows = trial.rows(asked)
    tests = [row for other in others for row in trial.against(other, asked)]
    by_paper = [row for task, scores in trial.scores[0].items() for row in by_convention(task, scores, chosen)]
    if json:
        pairs = zip_longest(rows, tests, fillvalue=dict[str, Any]())
        print_json([*({**row, **test} for row, test in pairs), *by_paper])
        return
    title = f"{bundle.origin.method}, {bundle.encoder.dim} bits, on {protocol or setup.dataset}:"
    title += f" {len(trial.data.query):,} queries, {len(trial.data.database):,} in the database,"
    title += f" split {trial.data.split.sha256[:12]}"
    for part, above in ((for_people(rows), title), (tests, f"against {against}"), (side_by_side(by_paper), title)):
        if part:
            print_table(part, title=above)
