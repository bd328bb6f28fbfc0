"""The commands of `crossbit index` that check, measure, calibrate, export and import a collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..options import Side
from ..output import JsonFlag, print_json, print_table, visible
from .items import FolderArgument

#: The rows of a calibration's table; those of the risks follow.
_CALIBRATED = {
    "queries": "queries",
    "relevant": "relevant hits",
    "brier": "Brier score",
    "error": "calibration error",
    "answered": "good match",
    "risk_answered": "risk, good match",
}


def compact(collection: FolderArgument, json: JsonFlag = False) -> None:
    """Reclaim the space of removed items."""
    from ...collection import Collection

    with Collection(collection) as opened:
        before = _size(collection)
        opened.compact()
    facts = {"collection": str(collection), "bytes_before": before, "bytes": _size(collection)}
    print_json(facts) if json else typer.echo(f"{before:,} bytes before, {facts['bytes']:,} bytes after")


def relocate(
    collection: FolderArgument,
    old: Annotated[str, typer.Argument(help="Where the items came from: a folder, a list, or a source's name.")],
    new: Annotated[Path, typer.Argument(help="Where that is now.")],
    json: JsonFlag = False,
) -> None:
    """Tell a collection that a source of its items has moved.

    Codes, texts and metadata are kept. Most of the pictures must be at the new place. An interrupted relocation
    resumes when it is run again.
    """
    from ...collection import Collection
    from ...collection.operations.relocate import relocate as move
    from ...data.splits import listed
    from ...progress import bar

    with Collection(collection) as opened, bar(f"relocate {old}") as log:
        done = move(opened, old, new, log)
    facts = {"collection": str(collection), "pictures": done.items, "sources": list(done.sources)}
    facts["missing"] = list(done.missing)
    if json:
        print_json(facts)
    elif not done.items and not done.sources:
        typer.echo(f"nothing to do: no items of {collection} are from {old}, and those from {new} are known there")
    else:
        found, missing = done.items - len(done.missing), len(done.missing)
        typer.echo(f"{found:,} of {done.items:,} pictures of {collection} are at {new} now")
        if missing:
            typer.echo(f"{missing:,} missing there: {visible(listed(done.missing, 3))}")


def verify(
    collection: FolderArgument,
    repair: Annotated[
        bool, typer.Option("--repair", help="Keep sound items, name the others, and set the damaged file aside.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Recompute all checksums and name whatever is damaged.

    The exit status is 1 if anything is damaged, even after a repair. Lost items can be added again from their source:
    `crossbit index add` leaves unchanged items alone.
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
        errors = len(report.damage)
        typer.echo(f"{report.items:,} items verified, {errors:,} {'error' if errors == 1 else 'errors'}")
        if "kept" in facts:
            typer.echo(f"{facts['kept']:,} items kept; the damaged file is in {facts['aside']}")
    if not report.sound:
        raise typer.Exit(1)


def stats(collection: FolderArgument, json: JsonFlag = False) -> None:
    """Show the number of items and the bytes they take."""
    from ...collection import Collection
    from ...collection.operations.stats import stats as facts_of

    with Collection(collection) as opened:
        facts: dict[str, Any] = asdict(facts_of(opened))
    if json:
        print_json(facts)
        return
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {_in_words(value)}")


def _in_words(value: Any) -> str:
    """Return a fact as people read it.

    >>> _in_words({"index": "auto", "rescore": True}), _in_words(1760), _in_words(())
    ('index auto, rescore yes', '1,760', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def export_(
    collection: FolderArgument,
    path: Annotated[Path, typer.Argument(help="A .parquet file for everything, or a .faiss or .npy file for codes.")],
    side: Annotated[Side, typer.Option(help="Modality of the codes in a .faiss or .npy file.")] = "image",
    json: JsonFlag = False,
) -> None:
    """Export all items, or the codes of one modality.

    Beside a .faiss or .npy file, a .jsonl file such as codes.npy.jsonl names the item of each row.
    """
    from ...collection import Collection
    from ...collection.operations.transfer import export
    from ...progress import bar

    with Collection(collection) as opened, bar(f"export {path.name}") as log:
        count = export(opened, path, side, log)
    print_json({"path": str(path), "items": count}) if json else typer.echo(f"{count:,} items in {path}")


def import_(
    collection: FolderArgument,
    path: Annotated[Path, typer.Argument(help="A .parquet file written by `crossbit index export`.", exists=True)],
    json: JsonFlag = False,
) -> None:
    """Import the items of an export with their codes.

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


def calibrate(
    collection: FolderArgument,
    by: Annotated[
        str,
        typer.Option(
            help="Metadata field: a hit is relevant if it shares a value of it; id: if it is the query's other side."
            "  [default: labels where most items have any, else id]",
            show_default=False,
        ),
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Calibrate the probability that a hit is relevant.

    The fit uses half of the items that the model was not trained on; the table is measured on the other half. In it,
    the risk at 25% is the share of wrong best hits among the surest quarter of the queries. Pictures and texts are told
    from those of the training by their contents. Searches then show a probability, and say when there is no good match.
    """
    from ...collection import Collection
    from ...collection.operations.calibrate import COVERAGES
    from ...collection.operations.calibrate import calibrate as fit

    with Collection(collection) as opened:
        results = fit(opened, by)
    if json:
        print_json([asdict(result) for result in results])
        return
    direct = {result.direction: asdict(result) for result in results}
    rows = [
        {"measure": label, **{direction: facts[name] for direction, facts in direct.items()}}
        for name, label in _CALIBRATED.items()
    ]
    for number, share in enumerate(COVERAGES):
        rows.append(
            {"measure": f"risk at {share:.0%}", **{result.direction: result.risks[number] for result in results}}
        )
    print_table(rows)


def duplicates(
    collection: FolderArgument,
    radius: Annotated[int, typer.Option(help="Maximum Hamming distance of duplicates, in bits.", min=0)] = 2,
    side: Annotated[Side, typer.Option(help="Modality of the codes to compare.")] = "image",
    json: JsonFlag = False,
) -> None:
    """List groups of items with nearly equal codes."""
    from ...collection import Collection
    from ...collection.operations.duplicates import duplicates as groups_of
    from ...progress import bar

    with Collection(collection) as opened, bar("duplicates") as log:
        groups = groups_of(opened, radius, side, log)
    if json:
        print_json({"radius": radius, "groups": groups})
        return
    for group in groups:
        typer.echo("  ".join(group))
    typer.echo(f"{len(groups):,} {'group' if len(groups) == 1 else 'groups'} within {radius} bits")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("items.db*"))
