"""`crossbit search`: find items by texts, pictures, and other items."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import JsonFlag, print_json, print_table, visible

if TYPE_CHECKING:
    from ..collection import Part, SearchResults
    from ..collection.search.stages import Stage


def search(
    collection: Annotated[Path, typer.Argument(help="A collection that `crossbit index create` made.")],
    text: Annotated[list[str] | None, typer.Option("--text", "-t", help="A text; 'beach^0.5' weighs half.")] = None,
    image: Annotated[list[str] | None, typer.Option("--image", "-i", help="A picture's path.")] = None,
    like: Annotated[list[str] | None, typer.Option("--like", help="The id of an item: more like this.")] = None,
    minus: Annotated[list[str] | None, typer.Option("--minus", help="A text to lead away from.")] = None,
    minus_image: Annotated[list[str] | None, typer.Option(help="A picture to lead away from.")] = None,
    target: Annotated[
        str, typer.Option("--in", help="Search image or text; default: text for a picture alone, else image.")
    ] = "",
    k: Annotated[int, typer.Option("-k", help="How many hits.", min=1)] = 10,
    radius: Annotated[int | None, typer.Option(help="Only hits within this many bits.", min=0)] = None,
    where: Annotated[str, typer.Option("--where", "-w", help="A filter, as in 'year >= 2020'.")] = "",
    index: Annotated[str, typer.Option(help="flat, ivf or auto.  [default: as tuned]", show_default=False)] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show what each stage did, and how long it took.")] = False,
    json: JsonFlag = False,
) -> None:
    """Search a collection by texts, pictures or items.

    Several of them together are one query.
    """
    from dataclasses import replace

    from ..collection import Collection
    from ..collection.search.query import warning

    parts = _parts({"text": text, "image": image, "like": like}, {"text": minus, "image": minus_image})
    with Collection(collection) as opened:
        settings = replace(opened.settings, index=index) if index else opened.settings
        found = opened.search(*parts, target=target, k=k, radius=radius, where=where, settings=settings)
        told = f"{len(found.hits)} of {found.searched:,} items, {opened.bits} bits"
        told += "; no good match" if found.doubtful else ""
        if doubt := warning(parts, lambda: opened.model):
            print(f"crossbit: {visible(doubt)}", file=sys.stderr)
    if json:
        print_json({**_explained(found), "warning": doubt} if explain else _as_json(found))
        return
    print_table([_row(rank, hit) for rank, hit in enumerate(found.hits, 1)])
    if explain:
        print_table([_stage_row(stage) for stage in found.stages])
    print(told, file=sys.stderr)


def _parts(plus: dict[str, list[str] | None], minus: dict[str, list[str] | None]) -> list[Part]:
    from ..collection.search import query
    from ..errors import InputError

    make = {"text": query.text, "image": lambda name: query.part_of_file(Path(name)), "like": query.like}
    parts = []
    for sign, given in ((1.0, plus), (-1.0, minus)):
        for kind, values in given.items():
            for value in values or ():
                name, weight = _weighed(value)
                parts.append(make[kind](name) * (sign * weight))
    if not parts:
        raise InputError("a search takes --text, --image or --like, or several of them")
    return parts


def _weighed(value: str) -> tuple[str, float]:
    """Return a part and its weight, which may stand behind a caret.

    >>> _weighed("beach^0.5"), _weighed("x^2 + y")
    (('beach', 0.5), ('x^2 + y', 1.0))
    """
    match = re.fullmatch(r"(.+)\^(\d+(?:\.\d+)?)", value, re.DOTALL)
    return (match[1], float(match[2])) if match else (value, 1.0)


def _explained(found: SearchResults) -> dict[str, Any]:
    return {"hits": _as_json(found), "stages": [stage._asdict() for stage in found.stages]}


def _as_json(found: SearchResults) -> list[dict[str, Any]]:
    return [
        {"rank": rank, "distance": hit.distance, "score": hit.score, "probability": hit.probability, **asdict(hit.item)}
        for rank, hit in enumerate(found.hits, 1)
    ]


def _stage_row(stage: Stage) -> dict[str, Any]:
    seen = {"stage": stage.name, "looked at": stage.looked_at, "kept": stage.kept}
    return {**seen, "ms": 1000 * stage.seconds, "how": stage.how}


def _row(rank: int, hit: Any) -> dict[str, Any]:
    row = {"rank": rank, "distance": hit.distance, "score": hit.score}
    if hit.probability is not None:
        row["relevant"] = f"{hit.probability:.0%}"
    return {**row, "id": hit.item.id, "text": _short(" / ".join(hit.item.texts))}


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def tune(
    collection: Annotated[Path, typer.Argument(help="A collection that keeps vectors.")],
    recall: Annotated[float, typer.Option(help="Share of the exact ten nearest to find.")] = 0.95,
    json: JsonFlag = False,
) -> None:
    """Find and store the cheapest way to search a collection.

    What counts is the share of the ten nearest by the stored real values, searched exactly, that a setting finds.
    """
    from ..collection import Collection
    from ..collection.operations.tune import tune as find

    with Collection(collection) as opened:
        chosen, trials = find(opened, recall)
    if json:
        print_json({"chosen": asdict(chosen), "trials": [asdict(trial) for trial in trials]})
        return
    print_table([{**asdict(trial.settings), "recall": trial.recall, "ms": trial.milliseconds} for trial in trials])
    typer.echo(
        f"{chosen.settings.index}, shortlist {chosen.settings.shortlist}, rescore {chosen.settings.rescore}:"
        f" recall {chosen.recall:.4f} at {chosen.milliseconds:.3f} ms"
    )
