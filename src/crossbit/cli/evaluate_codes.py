"""`crossbit evaluate codes`: the scores of anyone's saved codes; nothing here imports torch."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .options import Conventions, Measures
from .output import JsonFlag, print_json, print_table


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
    from ..evaluation.tables import for_people, quality
    from ..metrics import evaluate, parse_all
    from ..metrics.saved_codes import read_codes, read_labels
    from ..progress import bar
    from .conventions import by_convention, read_conventions

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
