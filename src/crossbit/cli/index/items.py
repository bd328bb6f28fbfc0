"""`crossbit index`: collections of one's own items, made searchable by a model."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from ..options import Cache, DataDir, DatasetIfAny, OnError
from ..output import JsonFlag, print_json, visible

if TYPE_CHECKING:
    from ...collection import Raw
    from ...collection.ingest.add import AddResult

app = typer.Typer(help="Make items searchable by a model.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The collection's folder.")]
Part = Annotated[str, typer.Option("--part", help="Which items of a dataset: all, or the database of the split.")]


@app.command()
def create(
    collection: Annotated[Path, typer.Argument(help="The folder to write; it must be new or empty.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="A model that `crossbit fit` saved.")],
    dataset: DatasetIfAny = "",
    part: Part = "all",
    thumbnail: Annotated[int, typer.Option(help="Longer side of thumbnails in pixels; 0: keep none.", min=0)] = 256,
    vectors: Annotated[bool, typer.Option("--vectors", help="Keep the real values too, 2 bytes a bit.")] = False,
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "skip",
    json: JsonFlag = False,
) -> None:
    """Make a collection, empty or of a dataset.

    An item of several captions is encoded by all of them together, or by the first if the model learned single ones.
    """
    from ...collection import Collection
    from ...collection.storage.store import refuse_full

    refuse_full(collection)
    raws = dataset_items(dataset, part, data_dir) if dataset else []
    with Collection.create(collection, model, thumbnail=thumbnail, vectors=vectors) as made:
        counts = _added(made, raws, on_error, f"add {dataset}", cache)
        facts = {"collection": str(collection), "items": len(made), "bits": made.bits, **_told(counts)}
    if json:
        print_json(facts)
    else:
        typer.echo(f"{facts['items']:,} items at {facts['bits']} bits each way, in {collection}")


@app.command()
def add(
    collection: Folder,
    source: Annotated[
        str,
        typer.Argument(help="A folder of pictures, a .csv, .tsv, .jsonl or .parquet, or - for JSON lines on stdin."),
    ] = "",
    captions: Annotated[
        Path | None, typer.Option(help="The list of captions of a folder.  [default: its captions.csv or .jsonl]")
    ] = None,
    dataset: DatasetIfAny = "",
    part: Part = "all",
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "skip",
    json: JsonFlag = False,
) -> None:
    """Add items, or replace those that have changed.

    What is there already is left alone. Each batch is safe on the disk before the next begins: an interrupted add goes
    on when it is given again.
    """
    from ...collection import Collection
    from ...collection.ingest.sources import read_source
    from ...errors import InputError

    if bool(source) == bool(dataset):
        raise InputError("items come from a SOURCE (a folder, a list, -) or from a --dataset: give one of the two")
    with Collection(collection) as opened:
        raws = dataset_items(dataset, part, data_dir) if dataset else read_source(source, sys.stdin, captions)
        counts = _added(opened, raws, on_error, f"add {source or dataset}", cache)
        facts = {"collection": str(collection), "items": len(opened), **_told(counts)}
    if json:
        print_json(facts)
    else:
        typer.echo(
            f"{counts.added:,} added, {counts.replaced:,} replaced, {counts.unchanged:,} unchanged,"
            f" {len(counts.failures):,} left out; {facts['items']:,} items in {collection}"
        )


@app.command()
def remove(
    collection: Folder,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of items.")] = None,
    where: Annotated[str, typer.Option("--where", "-w", help="Remove the items that this filter allows.")] = "",
    json: JsonFlag = False,
) -> None:
    """Remove items, by their ids or by a filter.

    Where an id is unknown, none is removed.
    """
    from ...collection import Collection
    from ...errors import InputError

    if bool(ids) == bool(where):
        raise InputError("items are removed by their ids, or by --where: give one of the two")
    with Collection(collection) as opened:
        count = opened.remove_where(where) if where else opened.remove(ids or [])
        facts = {"collection": str(collection), "removed": count, "items": len(opened)}
    if json:
        print_json(facts)
    else:
        typer.echo(f"{count:,} removed; {facts['items']:,} items in {collection}")


@app.command()
def update(
    collection: Folder,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of items.")] = None,
    where: Annotated[str, typer.Option("--where", "-w", help="Update the items that this filter allows.")] = "",
    text: Annotated[
        list[str] | None, typer.Option("--text", "-t", help="Their text from now on; may be repeated.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Metadata as key=value; a JSON value, or a text.")
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="Metadata to drop.")] = None,
    json: JsonFlag = False,
) -> None:
    """Change the texts or metadata of items.

    Pictures are replaced by adding them again. A new text is encoded; codes of pictures stay.
    """
    from ...collection import Collection
    from ...errors import InputError

    if bool(ids) == bool(where):
        raise InputError("items are updated by their ids, or by --where: give one of the two")
    if not (text or set_ or unset):
        raise InputError("an update needs --text, --set or --unset")
    metadata = dict(map(_assigned, set_ or ())) | dict.fromkeys(unset or ())
    with Collection(collection) as opened:
        count = opened.update(opened.ids(where) if where else ids or [], texts=text, metadata=metadata)
        facts = {"collection": str(collection), "updated": count, "items": len(opened)}
    print_json(facts) if json else typer.echo(f"{count:,} updated; {facts['items']:,} items in {collection}")


@app.command()
def sync(
    collection: Folder,
    folder: Annotated[Path, typer.Argument(help="A folder of pictures, with its captions if it has any.")],
    captions: Annotated[
        Path | None, typer.Option(help="The list of captions of the folder.  [default: its captions.csv or .jsonl]")
    ] = None,
    cache: Cache = None,
    on_error: OnError = "skip",
    json: JsonFlag = False,
) -> None:
    """Make a collection hold what a folder holds.

    New pictures are added, items whose picture has left the folder are removed, and a picture that only has another
    name keeps its codes, texts and metadata. Items from elsewhere are left alone; a folder that would replace one, for
    it has the same id, is refused.
    """
    from ...collection import Collection
    from ...collection.operations.sync import sync as sync_folder
    from ...features import default_cache
    from ...progress import bar

    with Collection(collection) as opened, bar(f"sync {folder}") as log:
        chosen = _checked(on_error)
        done = sync_folder(opened, folder, captions, on_error=chosen, log=log, cache=cache or default_cache())
        facts = {"collection": str(collection), "items": len(opened), **_told(done.added)}
        facts |= {"renamed": done.renamed, "removed": done.removed}
    _name_failures(done.added)
    if json:
        print_json(facts)
    else:
        typer.echo(
            f"{done.added.added:,} added, {done.added.replaced:,} replaced, {done.renamed:,} renamed,"
            f" {done.removed:,} removed, {len(done.added.failures):,} left out;"
            f" {facts['items']:,} items in {collection}"
        )


def _assigned(text: str) -> tuple[str, Any]:
    """Return the name and value of `key=value`, the value read as JSON where it is JSON.

    >>> _assigned("year=2020"), _assigned("place=Rome"), _assigned('labels=["sea"]')
    (('year', 2020), ('place', 'Rome'), ('labels', ['sea']))
    """
    from json import JSONDecodeError, loads

    from ...errors import InputError

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InputError(f"--set is {text!r}, but should be key=value")
    try:
        return name, loads(value)
    except (JSONDecodeError, RecursionError):
        return name, value


def dataset_items(dataset: str, part: str, data_dir: Path | None) -> Iterable[Raw]:
    """Return the items of a dataset, or those of its database."""
    from ...collection.ingest.sources import dataset_of
    from ...errors import unknown_name
    from ...evaluation.setup import Setup

    if part not in ("all", "database"):
        raise unknown_name(part, "part", ("all", "database"))
    return dataset_of(Setup(dataset).corpus(data_dir, scored=False), part)


def _added(opened: Any, raws: Iterable[Raw], on_error: str, title: str, cache: Path | None) -> AddResult:
    from ...features import default_cache
    from ...progress import bar

    with bar(title) as log:
        chosen = _checked(on_error)
        counts = cast("AddResult", opened.add(raws, on_error=chosen, log=log, cache=cache or default_cache()))
    _name_failures(counts)
    return counts


def _checked(on_error: str) -> Any:
    from ...collection.ingest.add import OnError as Choices
    from ...errors import unknown_name

    if on_error not in get_args(Choices):
        raise unknown_name(on_error, "way with damaged items", get_args(Choices))
    return on_error


def _name_failures(counts: AddResult) -> None:
    for failure in counts.failures[:10]:
        print(visible(f"left out {failure.id}: {failure.reason}"), file=sys.stderr)
    if len(counts.failures) > 10:
        print(f"and {len(counts.failures) - 10} more; --json names all", file=sys.stderr)


def _told(counts: AddResult) -> dict[str, Any]:
    return {**asdict(counts), "failures": [failure._asdict() for failure in counts.failures]}
