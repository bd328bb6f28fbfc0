"""`crossbit search` and `crossbit tune`: items found by texts, pictures and other items."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import indexes
from .options import DeviceOption, Side
from .output import JsonFlag, print_json, print_table

if TYPE_CHECKING:
    from ..collection import Part, SearchResults
    from ..collection.search.stages import Stage

logger = logging.getLogger(__name__)


def search(
    collection: Annotated[Path, typer.Argument(help="A collection made by `crossbit index create`.")],
    text: Annotated[
        list[str] | None, typer.Option("--text", "-t", help="A text; 'beach^0.5' has half the weight.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option("--image", "-i", help="Path of a picture.")] = None,
    like: Annotated[list[str] | None, typer.Option("--like", help="Id of an item to find more like.")] = None,
    minus: Annotated[list[str] | None, typer.Option("--minus", help="A text to search away from.")] = None,
    minus_image: Annotated[list[str] | None, typer.Option(help="A picture to search away from.")] = None,
    target: Annotated[
        Side | None, typer.Option("--in", help="Modality to search.  [default: text for a picture alone, else image]")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Number of hits.", min=1)] = 10,
    radius: Annotated[int | None, typer.Option(help="Maximum Hamming distance of a hit, in bits.", min=0)] = None,
    where: Annotated[str, typer.Option("--where", "-w", help="A filter, such as 'year >= 2020'.")] = "",
    index: Annotated[
        str,
        typer.Option(
            help="Index: auto, exact, flat, ivf or that of a plug-in.  [default: tuned]",
            show_default=False,
            autocompletion=indexes,
        ),
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show the work and time of each stage.")] = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
) -> None:
    """Search a collection by texts, pictures or items.

    Several of them form one query.
    """
    from dataclasses import replace

    from ..collection import Collection

    parts = _parts({"text": text, "image": image, "like": like}, {"text": minus, "image": minus_image})
    with Collection(collection, device=device) as opened:
        settings = replace(opened.settings, index=index) if index else opened.settings
        found = opened.search(*parts, target=target or "", k=k, radius=radius, where=where, settings=settings)
        summary = f"{len(found.hits)} of {found.searched:,} items, {opened.bits} bits"
        summary += "; no good match" if found.doubtful else ""
    if found.warning:
        logger.warning("%s", found.warning)
    if json:
        print_json(_explained(found) if explain else _as_json(found))
        return
    print_table([_row(rank, hit) for rank, hit in enumerate(found.hits, 1)])
    if explain:
        print_table([_stage_row(stage) for stage in found.stages])
    print(summary, file=sys.stderr)


def _parts(plus: dict[str, list[str] | None], minus: dict[str, list[str] | None]) -> list[Part]:
    from ..collection.search import query
    from ..errors import InputError

    make = {"text": query.text, "image": lambda name: query.part_of_file(Path(name)), "like": query.like}
    parts = []
    for sign, given in ((1.0, plus), (-1.0, minus)):
        for kind, values in given.items():
            for value in values or ():
                name, weight = _weighted(value)
                parts.append(make[kind](name) * (sign * weight))
    if not parts:
        raise InputError("a search needs --text, --image or --like, alone or together")
    return parts


def _weighted(value: str) -> tuple[str, float]:
    """Return a part and its weight, which may follow a caret.

    >>> _weighted("beach^0.5"), _weighted("x^2 + y")
    (('beach', 0.5), ('x^2 + y', 1.0))
    """
    match = re.fullmatch(r"(.+)\^(\d+(?:\.\d+)?)", value, re.DOTALL)
    return (match[1], float(match[2])) if match else (value, 1.0)


def _explained(found: SearchResults) -> dict[str, Any]:
    return {
        "hits": _as_json(found),
        "stages": [stage._asdict() for stage in found.stages],
        "warning": found.warning,
    }


def _as_json(found: SearchResults) -> list[dict[str, Any]]:
    return [
        {"rank": rank, "distance": hit.distance, "score": hit.score, "probability": hit.probability, **asdict(hit.item)}
        for rank, hit in enumerate(found.hits, 1)
    ]


def _stage_row(stage: Stage) -> dict[str, Any]:
    counts = {"stage": stage.name, "examined": stage.looked_at, "kept": stage.kept}
    return {**counts, "ms": 1000 * stage.seconds, "how": stage.how}


def _row(rank: int, hit: Any) -> dict[str, Any]:
    row = {"rank": rank, "distance": hit.distance, "score": hit.score}
    if hit.probability is not None:
        row["relevant"] = f"{hit.probability:.0%}"
    return {**row, "id": hit.item.id, "text": _short(" / ".join(hit.item.texts))}


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def tune(
    collection: Annotated[Path, typer.Argument(help="A collection with stored vectors.")],
    recall: Annotated[float, typer.Option(help="Recall of the exact ten nearest to reach.", min=0, max=1)] = 0.95,
    json: JsonFlag = False,
) -> None:
    """Find and store the fastest search settings of a collection.

    The recall of a setting is the share of the exact ten nearest, by the stored real values, that it finds.
    """
    from ..collection import Collection
    from ..collection.operations.tune import tune as tune_settings

    with Collection(collection) as opened:
        chosen, trials = tune_settings(opened, recall)
    if json:
        print_json({"chosen": asdict(chosen), "trials": [asdict(trial) for trial in trials]})
        return
    print_table([{**asdict(trial.settings), "recall": trial.recall, "ms": trial.milliseconds} for trial in trials])
    typer.echo(
        f"{chosen.settings.index}, shortlist {chosen.settings.shortlist}, rescore {chosen.settings.rescore}:"
        f" recall {chosen.recall:.4f} at {chosen.milliseconds:.3f} ms"
    )
