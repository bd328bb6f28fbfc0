"""`crossbit protocols`: evaluation protocols from the literature, and the splits that they draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import protocols as complete
from .options import DataDirOption, OptionalDatasetOption
from .output import JsonFlag, print_json, print_table

if TYPE_CHECKING:
    from ..protocols import Protocol

app = typer.Typer(help="List protocols from the literature, or show the split of one.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List all protocols with their sizes and measures."""
    from ..protocols import PROTOCOLS

    rows = [
        {"protocol": name, **each.published._asdict(), "measures": ", ".join(map(str, each.measures))}
        for name, each in PROTOCOLS.items()
    ]
    if json:
        print_json(rows)
        return
    shown = ("protocol", "query", "database", "train", "measures")
    breakable = [{**row, "measures": row["measures"].replace(",", ", ").replace(",  ", ", ")} for row in rows]
    print_table([{column: row[column] for column in shown} for row in breakable])


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `protocols list`.", autocompletion=complete)],
    dataset: OptionalDatasetOption = "",
    data_dir: DataDirOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the split to this JSON file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Show the split, measures and source of a protocol.

    If the data folder has the dataset, the sizes and checksum of the split drawn from it are shown too, with any doubts
    about them.
    """
    from ..protocols import protocol

    selected = protocol(name)
    found = _found(selected, dataset, data_dir, out)
    facts = {
        "protocol": name,
        "dataset": selected.dataset,
        "procedure": selected.procedure,
        "captions": selected.captions,
        "fold": selected.fold,
        "measures": [str(each) for each in selected.measures],
        "published": selected.published._asdict(),
        "recorded sha256": {str(pairs): sha256 for pairs, sha256 in selected.sha256.items()},
        "source": selected.source,
        "notes": selected.notes,
        "found": found,
    }
    if json:
        print_json(facts)
        return
    for what, value in facts.items():
        for part, each in value.items() if isinstance(value, dict) else [("", value)]:
            typer.echo(f"{' '.join(filter(None, (what, part)))}: {each}")


def _found(selected: Protocol, dataset: str, data_dir: Path | None, out: Path | None) -> dict[str, Any]:
    """Return the sizes and checksum of the split drawn from the data folder, or why there is none; save it."""
    from ..datasets import load
    from ..errors import InputError

    call = selected.loads(dataset)
    try:
        corpus = load(call.name, data_dir, **call.options)
        split = selected.split(corpus)
    except InputError as error:
        if out:
            raise
        return {"nothing": str(error)}
    if out:
        split.save(out)
    sizes = {part: len(getattr(split, part)) for part in ("query", "database", "train", "validation")}
    return {"pairs": len(corpus), **sizes, "sha256": split.sha256, "doubts": selected.doubts(corpus, split)}
