"""The commands of `crossbit index` that put items into a collection, change them and take them out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import typer

from ..options import (
    CacheOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    GpsOption,
    MaxPixelsOption,
    OnErrorOption,
)
from ..output import JsonFlag, print_json
from .created import new_collection, refuse_none, refuse_widths
from .sources import (
    CaptionListOption,
    ColumnsOption,
    ExcludeOption,
    IncludeOption,
    PartOption,
    TypeOption,
    accounted,
    dataset_items,
    read_options,
)

if TYPE_CHECKING:
    from ...collection import Collection, Raw
    from ...collection.ingest.add import AddOptions, AddResult

logger = logging.getLogger(__name__)

#: Damaged items that are named one by one; `--json` names all of them.
NAMED = 10

FolderArgument = Annotated[Path, typer.Argument(help="The collection's folder.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids of items.")]

KeepBothOption = Annotated[
    bool, typer.Option("--keep-both", help="Add items even if another source holds the same files.")
]


def create(
    collection: Annotated[Path, typer.Argument(help="The folder to create; it must be new or empty.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="A model saved by `crossbit fit`.")],
    dataset: DatasetOption = "",
    part: PartOption = "all",
    thumbnail: Annotated[int, typer.Option(help="Longer side of thumbnails in pixels; 0 keeps none.", min=0)] = 256,
    vectors: Annotated[bool, typer.Option("--vectors", help="Store real values too, 2 bytes per bit.")] = False,
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "skip",
    max_pixels: MaxPixelsOption = None,
    gps: GpsOption = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
) -> None:
    """Create a collection, empty or from a dataset.

    Nothing is left behind where no item of the dataset is usable. An item with several captions is encoded from all of
    them together, or from the first if the model learned from single captions.
    """
    from ...collection.storage.store import refuse_full

    refuse_full(collection)
    found = dataset_items(dataset, part, data_dir) if dataset else None
    with new_collection(collection, model, thumbnail=thumbnail, vectors=vectors, device=device) as created:
        raws, place = (found.raws, found.place) if found else ([], None)
        how: AddOptions = {"source": place, "cache": cache, "on_error": on_error, "gps": gps}
        if found:
            refuse_widths(created.model, raws, dataset)
        result = _add(created, raws, f"add {dataset}", **how)
        refuse_none(created, result, dataset)
        facts = {"collection": str(collection), "items": len(created), "bits": created.bits, **_as_json(result)}
    if json:
        print_json(facts)
    else:
        typer.echo(f"{facts['items']:,} items with {facts['bits']}-bit codes in {collection}")


def add(
    collection: FolderArgument,
    source: Annotated[
        str,
        typer.Argument(help="A folder of pictures, a .csv, .tsv, .jsonl, .parquet or .tar file, or - for JSON lines."),
    ] = "",
    captions: CaptionListOption = None,
    columns: ColumnsOption = "",
    type_: TypeOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    dataset: DatasetOption = "",
    part: PartOption = "all",
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "skip",
    max_pixels: MaxPixelsOption = None,
    gps: GpsOption = False,
    keep_both: KeepBothOption = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
) -> None:
    """Add items and replace those that have changed.

    Unchanged items are left alone, and what `update` has set stays. Each batch is safe on disk before the next begins,
    so an interrupted add resumes when it is run again. The source - reads JSON lines from stdin. An item whose id
    another source uses is shown as SOURCE/ID.
    """
    from ...collection import Collection
    from ...collection.ingest.sources import read_source
    from ...errors import InputError

    if bool(source) == bool(dataset):
        raise InputError("items come from a SOURCE (a folder, a file, -) or from a --dataset: give one of the two")
    options = read_options(captions, columns, type_, include, exclude, on_error)
    with Collection(collection, device=device) as opened:
        found = dataset_items(dataset, part, data_dir) if dataset else read_source(source, sys.stdin, options)
        if source != "-":  # whose report is complete at its end
            found.report.log()
        how: AddOptions = {"source": found.place, "keep_both": keep_both, "cache": cache, "on_error": on_error}
        how["gps"] = gps
        if dataset:
            refuse_widths(opened.model, found.raws, dataset)
        result = _add(opened, found.raws, f"add {source or dataset}", **how)
        if source == "-":
            found.report.log()
        facts = {"collection": str(collection), "items": len(opened), **_as_json(result), **accounted(found.report)}
    if json:
        print_json(facts)
    else:
        typer.echo(
            f"{result.added:,} added, {result.replaced:,} replaced, {result.unchanged:,} unchanged,"
            f" {len(result.failures):,} skipped; {facts['items']:,} items in {collection}"
        )
        _tell_qualified(result)


def remove(
    collection: FolderArgument,
    ids: IdsArgument = None,
    where: Annotated[str, typer.Option("--where", "-w", help="Remove all items that pass this filter.")] = "",
    json: JsonFlag = False,
) -> None:
    """Remove items, by id or by filter.

    If any id is unknown, nothing is removed.
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


def update(
    collection: FolderArgument,
    ids: IdsArgument = None,
    where: Annotated[str, typer.Option("--where", "-w", help="Update all items that pass this filter.")] = "",
    text: Annotated[list[str] | None, typer.Option("--text", "-t", help="New text; may be repeated.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Metadata as key=value; the value is JSON, or else a text.")
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="Metadata field to delete.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Drop values set by hand; show those of the source.")] = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
) -> None:
    """Set texts or metadata of items by hand.

    New texts are encoded; the codes of pictures are kept. What is set so stays when the items are added again from
    their source. To replace a picture, add it again.
    """
    from ...collection import Collection
    from ...errors import InputError

    if bool(ids) == bool(where):
        raise InputError("items are updated by their ids, or by --where: give one of the two")
    if reset == bool(text or set_ or unset):
        raise InputError("an update needs --text, --set or --unset, or --reset alone")
    metadata = dict(map(_assignment, set_ or ())) | dict.fromkeys(unset or ())
    with Collection(collection, device=device) as opened:
        chosen = opened.ids(where) if where else ids or []
        count = opened.reset(chosen) if reset else opened.update(chosen, texts=text, metadata=metadata)
        facts = {"collection": str(collection), "updated": count, "items": len(opened)}
    print_json(facts) if json else typer.echo(f"{count:,} updated; {facts['items']:,} items in {collection}")


def sync(
    collection: FolderArgument,
    folder: Annotated[Path, typer.Argument(help="A folder of pictures, with or without captions.")],
    captions: CaptionListOption = None,
    columns: ColumnsOption = "",
    type_: TypeOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "skip",
    max_pixels: MaxPixelsOption = None,
    gps: GpsOption = False,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
) -> None:
    """Synchronise a collection with a folder.

    New pictures are added, items whose picture has left the folder are removed, and renamed pictures keep their codes,
    texts and metadata. Items from elsewhere are left alone, also those of the same names, and so are items whose
    picture is there but not read, as where a folder cannot be opened, or by --exclude.
    """
    from ...collection import Collection
    from ...collection.operations.sync import sync as sync_folder
    from ...features import default_cache
    from ...progress import bar
    from ...records.record import amount

    options = read_options(captions, columns, type_, include, exclude, on_error)
    with Collection(collection, device=device) as opened, bar(f"sync {folder}") as log:
        cache = cache or default_cache()
        done = sync_folder(opened, folder, options, on_error=on_error, log=log, cache=cache, gps=gps)
        facts = {"collection": str(collection), "items": len(opened), **_as_json(done.added)}
        facts |= {"renamed": done.renamed, "removed": done.removed, "kept": done.kept, **accounted(done.report)}
    done.report.log()
    for what, count in done.kept.items():
        logger.warning("%s not read, so not removed: %s", amount(count, "items"), what)
    _warn(done.added)
    if json:
        print_json(facts)
    else:
        typer.echo(
            f"{done.added.added:,} added, {done.added.replaced:,} replaced, {done.renamed:,} renamed,"
            f" {done.removed:,} removed, {len(done.added.failures):,} skipped;"
            f" {facts['items']:,} items in {collection}"
        )
        _tell_qualified(done.added)


def _assignment(text: str) -> tuple[str, Any]:
    """Return the name and value of `key=value`; the value is parsed as JSON where it is JSON.

    >>> _assignment("year=2020"), _assignment("place=Rome"), _assignment('labels=["sea"]')
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


def _add(collection: Collection, raws: Iterable[Raw], title: str, **options: Unpack[AddOptions]) -> AddResult:
    from ...features import default_cache
    from ...progress import bar

    options["cache"] = options.get("cache") or default_cache()
    with bar(title) as options["log"]:
        result = collection.add(raws, **options)
    _warn(result)
    return result


def _warn(result: AddResult) -> None:
    for failure in result.failures[:NAMED]:
        logger.warning("skipped %s: %s", failure.id, failure.reason)
    if len(result.failures) > NAMED:
        logger.warning("skipped %d more items; --json names all", len(result.failures) - NAMED)


def _tell_qualified(result: AddResult) -> None:
    if result.qualified:
        typer.echo(f"{result.qualified:,} of them are shown as SOURCE/ID, because other sources use their ids")


def _as_json(result: AddResult) -> dict[str, Any]:
    return {**asdict(result), "failures": [failure._asdict() for failure in result.failures]}
