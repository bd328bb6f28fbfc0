"""`crossbit datasets`: the datasets that can be loaded, their sources, and the files that are there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from .completion import datasets as complete
from .options import DataDirOption
from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="List datasets, or show the files and terms of one.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List all datasets and their contents."""
    from ..datasets import LOADERS, describe

    infos = [describe(name) for name in LOADERS]
    rows = [{"dataset": info.name, "title": info.title, "contents": info.contents} for info in infos]
    print_json(rows) if json else print_table(rows)


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A dataset, with options if necessary: coco, 'coco(task=labels)'.", autocompletion=complete
        ),
    ],
    data_dir: DataDirOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="With the dataset arrays: show what is in this file instead.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show a dataset's source, terms, layout, options and contents.

    The contents are those found in the data folder: the size of each part and the checksum of the split, or the reason
    why it cannot be loaded. `--file` shows every array in a file, with a guess at what each is for, and the dataset to
    try.
    """
    from ..datasets import describe, loader
    from ..errors import InputError
    from ..spec import parse_call

    call = parse_call(name)
    if file is not None:
        if call.name != "arrays":
            raise InputError(f"--file shows arrays, not {call.name}: crossbit datasets show arrays --file {file}")
        _show_arrays(file, data_dir, json)
        return
    info, options = describe(call.name), dataclasses.asdict(loader(call.name, **call.options))  # type: ignore[call-overload]
    found = _found(call.name, call.options, data_dir)
    if json:
        print_json({**dataclasses.asdict(info), "options": options, "found": found})
        return
    typer.echo(f"{info.title}\n{info.citation}\n\n{info.contents}\n")
    typer.echo("Get it from:\n" + "\n".join(f"  {source}" for source in info.sources))
    typer.echo(f"Terms: {info.terms}\n\nFiles in DATA_DIR/{info.name}, or in DATA_DIR itself:")
    typer.echo("\n".join(f"  {line}" for line in info.layout.splitlines()))
    typer.echo("\nOptions:\n" + "\n".join(f"  {option} = {value}" for option, value in options.items()))
    typer.echo("\nFound:\n" + "\n".join(f"  {what}: {value}" for what, value in found.items()))


def _show_arrays(file: Path, data_dir: Path | None, json: bool) -> None:
    """Print the arrays of a file, a guess at the role of each, and the dataset to try."""
    from ..datasets.array_columns import placed
    from ..datasets.array_guess import described, suggestion
    from ..datasets.arrays import data_folder
    from ..errors import InputError
    from ..io.arrays import contents

    place = placed(data_folder(data_dir), file)
    if not place.is_file():
        also = f", nor {file} here" if data_dir else ""
        raise InputError(f"--file is {file}, but there is no file {place}{also}")
    held = contents(place)
    rows, line = described(held), suggestion(file, held)
    if json:
        print_json({"arrays": rows, "try": line})
        return
    print_table(rows, title=str(file))
    typer.echo(f"Try: --dataset '{line}'" if line else "No pair of image and text features was made out by name.")


def _found(name: str, options: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """Return the sizes and the split's checksum of a dataset, or the reason why it cannot be loaded."""
    from ..datasets import load
    from ..errors import InputError

    try:
        corpus = load(name, data_dir, **options)
    except InputError as error:
        return {"nothing": str(error)}
    split = corpus.split
    return {
        "pairs": len(corpus),
        "classes": len(corpus.classes) if corpus.labels is None else corpus.labels.shape[1],
        "images": corpus.images is not None,
        "texts": sum(map(len, corpus.texts or ())),
        "features": {modality: list(matrix.shape) for modality, matrix in corpus.features.items()},
        "split": split.name,
        "instance": split.instance,
        **{part: len(getattr(split, part)) for part in ("train", "validation", "query", "database")},
        "sha256": split.sha256,
    }
