"""`crossbit evaluate`: the scores of a model on a dataset, or of anyone's saved codes."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .options import Cache, Conventions, DataDir, DatasetIfAny, Measures, OnError, Protocol, SplitFile
from .output import JsonFlag, print_json, print_table


class ModelByDefault(TyperGroup):
    """Takes `evaluate MODEL …` for `evaluate model MODEL …`, whatever the model's folder is called but `codes`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return `codes` where the first word says so, else `model`."""
        explicit = args[0] == "codes" or (args[0] == "model" and len(args) > 1 and not args[1].startswith("-"))
        return super().resolve_command(ctx, args if explicit else ["model", *args])


app = typer.Typer(cls=ModelByDefault, help="Score a model on a dataset, or saved codes.", no_args_is_help=True)


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
    from ..evaluation.evaluate import load_model, run
    from ..evaluation.tables import by_convention, for_people, read_conventions, side_by_side
    from ..metrics import parse_all
    from .setup import featurised, read_setup

    bundle = load_model(folder)
    other = load_model(against) if against else None
    setup = read_setup(dataset, "", "" if protocol else bundle.origin.captions, protocol, split)
    corpus = setup.corpus(data_dir)
    chosen = read_conventions(conventions, hamming=bundle.encoder.space == "hamming")
    if chosen and corpus.split.instance:
        raise InputError(f"conventions of MAP need labels, and split {corpus.split.name!r} searches a picture's texts")
    usual = () if chosen else setup.measures(corpus.split, ["MAP", "precision@10"])
    asked = parse_all(measure or usual)
    if other and not asked:
        raise InputError("--against tests measures, and conventions alone name none: add --measure")
    for each in filter(None, (bundle, other)):
        each.refuse_leak(corpus.split)
    data = [
        featurised(setup, corpus, cache, on_error, each.pipelines).dataset for each in filter(None, (bundle, other))
    ]
    beside = run(other, data[1], asked, setup.fold) if other else None
    wanted = parse_all([*asked, *(each.measure for each in chosen.values())])
    found = run(bundle, data[0], wanted, setup.fold)
    shown = replace(found, measures=asked, other=beside)
    rows, tests = shown.rows, shown.differences
    by_paper = [row for task in found.tasks for row in by_convention(task, found.of(task)[0], chosen)]
    if json:
        pairs = zip_longest(rows, tests, fillvalue=dict[str, Any]())
        print_json([*({**row, **test} for row, test in pairs), *by_paper])
        return
    title = f"{bundle.origin.method}, {bundle.encoder.dim} bits, on {protocol or setup.dataset}:"
    title += f" {len(found.data.query):,} queries, {len(found.data.database):,} in the database,"
    title += f" split {found.data.split.sha256[:12]}"
    for part, above in ((for_people(rows), title), (tests, f"against {against}"), (side_by_side(by_paper), title)):
        if part:
            print_table(part, title=above)


@app.command()
def codes(
    query_codes: Annotated[str, typer.Option("--query-codes", metavar="FILE", help="Codes of the queries.")],
    database_codes: Annotated[str, typer.Option("--database-codes", metavar="FILE", help="Codes of the database.")],
    query_labels: Annotated[str, typer.Option("--query-labels", metavar="FILE", help="Labels of the queries.")],
    database_labels: Annotated[str, typer.Option("--database-labels", metavar="FILE", help="Labels of the database.")],
    bits: Annotated[int | None, typer.Option("--bits", min=1, help="The code length; packed uint8 needs it.")] = None,
    measure: Measures = None,
    conventions: Conventions = "",
    task: Annotated[str, typer.Option("--task", help="What to call this direction.")] = "query->database",
    json: JsonFlag = False,
) -> None:
    """Score anyone's saved codes from .npy, .npz or .mat files.

    Codes are packed, 0/1, -1/+1 or bool; FILE:NAME chooses an array of several. Labels are multi-hot matrices or class
    numbers. Each value comes with its 95 % interval over queries.
    """
    from ..evaluation.tables import by_convention, for_people, quality, read_conventions
    from ..metrics import evaluate, parse_all
    from ..metrics.saved_codes import read_codes, read_labels
    from ..progress import bar

    chosen = read_conventions(conventions)
    asked = parse_all(measure or ([] if chosen else ["MAP", "MAP@50(over=hits)", "precision@100"]))
    sides = read_codes(query_codes, bits), read_codes(database_codes, bits)
    rows = len(sides[0].codes), len(sides[1].codes)
    labels = read_labels(query_labels, database_labels, rows)
    for what, side in zip(("queries", "database"), sides, strict=True):
        print(f"{what}: {side.how}", file=sys.stderr)
    print(f"labels: {labels.how}", file=sys.stderr)
    wanted = [*asked, *(each.measure for each in chosen.values())]
    with bar("evaluating") as log:
        scores = evaluate(sides[0].codes, sides[1].codes, labels.query, labels.database, wanted, log=log)
    print(f"queries without a relevant item: {scores.unanswerable} of {scores.queries}", file=sys.stderr)
    table = quality(task, [scores], asked)
    by_paper = by_convention(task, scores, chosen)
    if json:
        print_json([*table, *by_paper])
        return
    for part in filter(None, (for_people(table), by_paper)):
        print_table([{name: value for name, value in row.items() if name != "task"} for row in part], title=task)
