"""`crossbit evaluate`: scores of a model on a dataset, or of saved codes from any source."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .options import (
    CacheOption,
    ConventionsOption,
    DataDirOption,
    DeviceOption,
    MaxPixelsOption,
    MeasuresOption,
    OnErrorOption,
    OptionalDatasetOption,
    ProtocolOption,
    SplitOption,
)
from .output import JsonFlag, print_json, print_table


class ModelByDefault(TyperGroup):
    """Reads `evaluate MODEL …` as `evaluate model MODEL …`, unless the model's folder is called `codes`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command `codes` if the first word is its name, else `model`."""
        explicit = args[0] == "codes" or (args[0] == "model" and len(args) > 1 and not args[1].startswith("-"))
        return super().resolve_command(ctx, args if explicit else ["model", *args])


app = typer.Typer(
    cls=ModelByDefault,
    help="Score a model on a dataset, or score saved codes.\n\n"
    "`crossbit evaluate MODEL` is short for `crossbit evaluate model MODEL`; `crossbit evaluate model --help`"
    " shows its options.",
    no_args_is_help=True,
)


@app.command()
def model(
    folder: Annotated[Path, typer.Argument(metavar="MODEL", help="A model saved by `crossbit fit`.")],
    dataset: OptionalDatasetOption = "",
    protocol: ProtocolOption = "",
    split: SplitOption = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="MODEL", help="Another model, to test the difference.")
    ] = None,
    measure: MeasuresOption = None,
    conventions: ConventionsOption = "",
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "fail",
    max_pixels: MaxPixelsOption = None,
    json: JsonFlag = False,
) -> None:
    """Score MODEL on a dataset, in both directions.

    The queries and the database are those of the dataset, or of the protocol or the split file. The scores are R@1,
    R@5, R@10 and rsum if the relevant items of a picture are its own captions, else MAP and precision@10.

    Each value has a 95 % interval over queries and the cost of a search: bytes per item, distances computed by a scan,
    and items touched by hash lookup within 2 bits. The difference from another model on the same queries has the
    p-value of a paired permutation test.
    """
    from ..errors import InputError
    from ..evaluation.evaluate import load_model, run
    from ..evaluation.tables import by_convention, for_people, read_conventions, side_by_side
    from ..metrics import parse_all
    from .setup import featurised, read_setup

    bundle = load_model(folder, device=device)
    other = load_model(against, device=device) if against else None
    setup = read_setup(dataset, "", None if protocol else bundle.origin.captions, protocol, split)
    corpus = setup.corpus(data_dir)
    chosen = read_conventions(conventions, hamming=bundle.encoder.space == "hamming")
    if chosen and corpus.split.instance:
        raise InputError(
            f"conventions of MAP need labels, but split {corpus.split.name!r} is for instance retrieval:"
            " leave out --conventions"
        )
    default = () if chosen else setup.measures(corpus.split, ["MAP", "precision@10"])
    measures = parse_all(measure or default)
    if other and not measures:
        raise InputError("--against needs a measure, and --conventions names none: add --measure")
    for each in filter(None, (bundle, other)):
        each.refuse_leak(corpus.split)
    data = [
        featurised(setup, corpus, cache, on_error, each.pipelines).dataset for each in filter(None, (bundle, other))
    ]
    beside = run(other, data[1], measures, setup.fold) if other else None
    every = parse_all([*measures, *(each.measure for each in chosen.values())])
    found = run(bundle, data[0], every, setup.fold)
    shown = replace(found, measures=measures, other=beside)
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
    query_codes: Annotated[str, typer.Option("--query-codes", metavar="FILE", help="Query codes.")],
    database_codes: Annotated[str, typer.Option("--database-codes", metavar="FILE", help="Database codes.")],
    query_labels: Annotated[str, typer.Option("--query-labels", metavar="FILE", help="Query labels.")],
    database_labels: Annotated[str, typer.Option("--database-labels", metavar="FILE", help="Database labels.")],
    bits: Annotated[int | None, typer.Option("--bits", min=1, help="Code length; required for packed uint8.")] = None,
    measure: MeasuresOption = None,
    conventions: ConventionsOption = "",
    task: Annotated[str, typer.Option("--task", help="Name of this direction.")] = "query->database",
    label_form: Annotated[
        str, typer.Option("--label-form", help="What a column of 0 and 1 alone holds: numbers (of classes) or flags.")
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Score saved codes in .npy, .npz, .mat, HDF5 or .pt files.

    Codes are packed bits, 0/1, -1/+1 or bool; FILE:NAME selects one of several arrays, FILE:a.b one in
    a struct. Labels are multi-hot matrices or class numbers. Each value has a 95 % interval over queries.
    """
    from ..evaluation.tables import by_convention, for_people, quality, read_conventions
    from ..metrics import evaluate, parse_all
    from ..metrics.saved_codes import read_labels, read_sides
    from ..progress import bar

    chosen = read_conventions(conventions)
    measures = parse_all(measure or ([] if chosen else ["MAP", "MAP@50(over=hits)", "precision@100"]))
    sides = read_sides([query_codes, database_codes], bits)
    rows = len(sides[0].codes), len(sides[1].codes)
    labels = read_labels(query_labels, database_labels, rows, label_form)
    for what, side in zip(("queries", "database"), sides, strict=True):
        print(f"{what}: {side.how}", file=sys.stderr)
    print(f"labels: {labels.how}", file=sys.stderr)
    wanted = [*measures, *(each.measure for each in chosen.values())]
    with bar("evaluating") as log:
        scores = evaluate(sides[0].codes, sides[1].codes, labels.query, labels.database, wanted, log=log)
    print(f"queries without a relevant item: {scores.unanswerable} of {scores.queries}", file=sys.stderr)
    table = quality(task, [scores], measures)
    by_paper = by_convention(task, scores, chosen)
    if json:
        print_json([*table, *by_paper])
        return
    for part in filter(None, (for_people(table), by_paper)):
        print_table([{name: value for name, value in row.items() if name != "task"} for row in part], title=task)
