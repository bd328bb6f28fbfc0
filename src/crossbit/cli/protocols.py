"""`crossbit protocols`: how the literature evaluates, and the split that a protocol draws from what is here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import DataDir, DatasetIfAny
from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="List the literature's protocols, or show one and its split.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List every protocol with its sizes and its measure."""
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
    name: Annotated[str, typer.Argument(help="A protocol, as `protocols list` names it.")],
    dataset: DatasetIfAny = "",
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file for the split, as JSON.")] = None,
    json: JsonFlag = False,
) -> None:
    """Show a protocol's split, measures and source, and what is found.

    What is found are the sizes and the checksum of the split it draws from the data folder, and what speaks against it.
    """
    from ..protocols import protocol

    shown = protocol(name)
    found = _found(shown, dataset, data_dir, out)
    facts = {
        "protocol": name,
        "dataset": shown.dataset,
        "procedure": shown.procedure,
        "captions": shown.captions,
        "fold": shown.fold,
        "measures": [str(each) for each in shown.measures],
        "published": shown.published._asdict(),
        "recorded sha256": {str(pairs): sha256 for pairs, sha256 in shown.sha256.items()},
        "source": shown.source,
        "notes": shown.notes,
        "found": found,
    }
    if json:
        print_json(facts)
        return
    for what, value in facts.items():
        for part, each in value.items() if isinstance(value, dict) else [("", value)]:
            typer.echo(f"{' '.join(filter(None, (what, part)))}: {each}")


def _found(shown: Any, dataset: str, data_dir: Path | None, out: Path | None) -> dict[str, Any]:
    """Return the sizes and checksum of the split of what is here, or why there is none; write it to `out`."""
    from ..datasets import load
    from ..errors import InputError

    call = shown.loads(dataset)
    try:
        corpus = load(call.name, data_dir, **call.options)
        split = shown.split(corpus)
    except InputError as fault:
        if out:
            raise
        return {"nothing": str(fault)}
    if out:
        split.save(out)
    sizes = {part: len(getattr(split, part)) for part in ("query", "database", "train", "validation")}
    return {"pairs": len(corpus), **sizes, "sha256": split.sha256, "doubts": shown.doubts(corpus, split)}
