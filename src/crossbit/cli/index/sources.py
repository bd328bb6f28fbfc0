"""Sources of items on the command line: the options by which people's own files are read, and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from ..options import OnError

if TYPE_CHECKING:
    from ...collection.ingest.sources import SourceItems
    from ...records.record import ReadingReport, ReadOptions

_COLUMNS = ("image", "text", "labels", "id")

Part: TypeAlias = Literal["all", "database"]
PartOption = Annotated[Part, typer.Option("--part", help="Items of a dataset to take; database: that of its split.")]
CaptionListOption = Annotated[
    Path | None,
    typer.Option(
        "--captions",
        help="The list of a folder, below it.  [default: its captions.csv, metadata.csv or the like]",
        show_default=False,
    ),
]
ColumnsOption = Annotated[
    str,
    typer.Option(
        "--columns",
        help="Columns of a list: 'image=file,text=title+body,labels=tags,id=sku'. Default: the documented names; all"
        " other columns are metadata.",
    ),
]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="The type of a column of metadata, as in year=int; may be repeated."),
]
IncludeOption = Annotated[
    list[str] | None, typer.Option("--include", help="Only files of a folder that match this glob; may be repeated.")
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="No files and folders of a folder that match this glob; may be repeated."),
]


def read_options(
    captions: Path | None,
    columns: str,
    types: list[str] | None,
    include: list[str] | None,
    exclude: list[str] | None,
    on_error: OnError,
) -> ReadOptions:
    """Return the options of reading that a command line gives."""
    from ...errors import unknown_name
    from ...records.record import ReadOptions
    from ...spec import split_list

    named = {name.strip(): column.strip() for name, _, column in (p.partition("=") for p in split_list(columns))}
    for name in named:
        if name not in _COLUMNS:
            raise unknown_name(name, "role of a column", _COLUMNS)
    return ReadOptions(
        **named,
        types=",".join(types or ()),
        listing=str(captions or ""),
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        missing=on_error,
    )


def dataset_items(dataset: str, part: Part, data_dir: Path | None) -> SourceItems:
    """Return the items of a dataset, or those of its database; the place of one is its name, or its own folder."""
    from ...collection.ingest.sources import SourceItems, dataset_of
    from ...evaluation.setup import Setup
    from ...records.record import ReadingReport

    corpus = Setup(dataset).corpus(data_dir, scored=False)
    return SourceItems(dataset_of(corpus, part), corpus.source or corpus.name, ReadingReport())


def accounted(report: ReadingReport) -> dict[str, Any]:
    """Return what was taken for what, and every file and row that was not read."""
    return {"taken": report.taken, "unread": [each._asdict() for each in report.unread]}
