"""`crossbit index`: what keeps a collection well, and what carries it elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..output import JsonFlag, print_json, print_table, visible
from .items import Folder

#: Joined into `crossbit index`.
app = typer.Typer()


@app.command()
def compact(collection: Folder, json: JsonFlag = False) -> None:
    """Give back the space of removed items."""
    from ...collection import Collection

    with Collection(collection) as opened:
        before = _size(collection)
        opened.compact()
    facts = {"collection": str(collection), "bytes_before": before, "bytes": _size(collection)}
    print_json(facts) if json else typer.echo(f"{before:,} bytes became {facts['bytes']:,}")


@app.command()
def verify(
    collection: Folder,
    repair: Annotated[
        bool, typer.Option("--repair", help="Keep what is sound, name what is not, and set the damaged file aside.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Compute every checksum again and name what is damaged.

    Exits with status 1 where something is, also after a repair. Items that were lost can be added again from their
    source: `crossbit index add` leaves alone what is there.
    """
    from ...collection.integrity.repair import repair as repair_file
    from ...collection.integrity.verify import verify as verify_folder

    report = verify_folder(collection)
    facts = {
        "collection": str(collection),
        "items": report.items,
        "damage": [damage._asdict() for damage in report.damage],
        "sound": report.sound,
    }
    if repair and not report.sound:
        repaired = repair_file(collection)
        facts |= {"kept": repaired.items, "aside": str(repaired.aside), "sound_now": verify_folder(collection).sound}
    if json:
        print_json(facts)
    else:
        for damage in report.damage:
            typer.echo(visible(f"{damage.where}: {damage.what}"))
        typer.echo(f"{report.items:,} items are as they were written, {len(report.damage):,} faults")
        if "kept" in facts:
            typer.echo(f"{facts['kept']:,} items kept; the damaged file is in {facts['aside']}")
    if not report.sound:
        raise typer.Exit(1)


@app.command()
def stats(collection: Folder, json: JsonFlag = False) -> None:
    """Tell how many items there are, and in how many bytes."""
    from ...collection import Collection
    from ...collection.operations.stats import stats as facts_of

    with Collection(collection) as opened:
        facts: dict[str, Any] = asdict(facts_of(opened))
    if json:
        print_json(facts)
        return
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) else value}")


@app.command("export")
def export_(
    collection: Folder,
    path: Annotated[Path, typer.Argument(help="A .parquet file of everything, or a .faiss or .npy file of codes.")],
    side: Annotated[str, typer.Option(help="Which codes a .faiss or .npy file holds: image or text.")] = "image",
    json: JsonFlag = False,
) -> None:
    """Write the items, or the codes of one side, to a file.

    The rows of a .faiss or .npy file are named by the lines of a file beside it, as codes.npy.jsonl.
    """
    from ...collection import Collection
    from ...collection.operations.transfer import export
    from ...data.pairs import MODALITIES
    from ...errors import unknown_name
    from ...progress import bar

    if side not in MODALITIES:
        raise unknown_name(side, "modality", MODALITIES)
    with Collection(collection) as opened, bar(f"export {path.name}") as log:
        count = export(opened, path, side, log)
    print_json({"path": str(path), "items": count}) if json else typer.echo(f"{count:,} items in {path}")


@app.command("import")
def import_(
    collection: Folder,
    path: Annotated[Path, typer.Argument(help="A .parquet file that `crossbit index export` wrote.", exists=True)],
    json: JsonFlag = False,
) -> None:
    """Add the items of an export, with their codes.

    Codes of another model are refused.
    """
    from ...collection import Collection
    from ...collection.operations.transfer import import_parquet
    from ...progress import bar

    with Collection(collection) as opened, bar(f"import {path.name}") as log:
        counts = import_parquet(opened, path, log)
        facts = {
            "collection": str(collection),
            "items": len(opened),
            "added": counts.added,
            "replaced": counts.replaced,
            "unchanged": counts.unchanged,
        }
    if json:
        print_json(facts)
    else:
        typer.echo(
            f"{counts.added:,} added, {counts.replaced:,} replaced, {counts.unchanged:,} unchanged;"
            f" {facts['items']:,} items in {collection}"
        )


@app.command()
def calibrate(
    collection: Folder,
    by: Annotated[str, typer.Option(help="A hit is relevant if it shares a value of this field of the metadata.")] = "",
    json: JsonFlag = False,
) -> None:
    """Fit how probable it is that a hit is relevant.

    It is fitted on half of the items that the model was not trained on, and told on the other half. Without --by, a hit
    is relevant if it is the query's own item, found by its other side. Searches then show a probability, and say so
    where there is no good match.
    """
    from ...collection import Collection
    from ...collection.operations.calibrate import COVERAGES
    from ...collection.operations.calibrate import calibrate as fit

    with Collection(collection) as opened:
        results = fit(opened, by)
    if json:
        print_json([asdict(result) for result in results])
        return
    rows = []
    for result in results:
        row = {name: value for name, value in asdict(result).items() if name not in ("risks", "area")}
        rows.append(row | {f"risk at {share:.0%}": risk for share, risk in zip(COVERAGES, result.risks, strict=True)})
    print_table(rows)


@app.command()
def duplicates(
    collection: Folder,
    radius: Annotated[int, typer.Option(help="Bits in which copies may differ.", min=0)] = 2,
    side: Annotated[str, typer.Option(help="Compare image or text.")] = "image",
    json: JsonFlag = False,
) -> None:
    """Name groups of items whose codes are nearly the same."""
    from ...collection import Collection
    from ...collection.operations.duplicates import duplicates as groups_of
    from ...data.pairs import MODALITIES
    from ...errors import unknown_name
    from ...progress import bar

    if side not in MODALITIES:
        raise unknown_name(side, "modality", MODALITIES)
    with Collection(collection) as opened, bar("duplicates") as log:
        groups = groups_of(opened, radius, side, log)
    if json:
        print_json({"radius": radius, "groups": groups})
        return
    for group in groups:
        typer.echo("  ".join(group))
    typer.echo(f"{len(groups):,} groups within {radius} bits")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("items.db*"))
