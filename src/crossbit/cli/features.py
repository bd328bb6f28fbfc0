"""`crossbit features` and `crossbit extract`: what turns raw items into numbers, and how it is done for other tools."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated

import typer

from .options import Cache, Captions, DataDir, DatasetOption, Features, OnError
from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="List the feature extractors, or show one with its options.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List every extractor with what it reads."""
    from ..features import EXTRACTORS, extractor_class

    rows = []
    for name in EXTRACTORS:
        cls = extractor_class(name)
        summary = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
        rows.append({"extractor": name, "reads": " or ".join(cls.modalities), "gives": summary})
    print_json(rows) if json else print_table(rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="An extractor, as `features list` names it.")], json: JsonFlag = False
) -> None:
    """Show an extractor's options and what they mean."""
    from ..features import extractor_class

    cls = extractor_class(name)
    about = inspect.cleandoc(cls.__doc__ or "")
    options = {
        field.name: "needed" if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(cls)
        if field.name != "modality"
    }
    if json:
        print_json({"extractor": name, "reads": cls.modalities, "about": about, "options": options})
        return
    typer.echo(f"{about}\n\nReads {' or '.join(cls.modalities)}. Options, as in {name}(option=value):")
    for option, value in options.items():
        typer.echo(f"  {option} = {value}")


def extract(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")],
    dataset: DatasetOption,
    features: Features = "",
    captions: Captions = "join",
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "fail",
    json: JsonFlag = False,
) -> None:
    """Write a dataset's features into a folder, for other tools.

    Each pair of its split is a row: image and text become .npy, or .npz where they are sparse (SciPy's CSR);
    labels.npy, ids.json with the item of each row, split.json and the fitted pipelines lie beside them. An interrupted
    run goes on where it stopped.
    """
    from ..features.export import export
    from .setup import featurised, read_setup

    setup = read_setup(dataset, features, captions)
    corpus = setup.corpus(data_dir)
    facts = export(featurised(setup, corpus, cache, on_error, data_dir=data_dir), corpus, out)
    if json:
        print_json({"dataset": dataset, "folder": str(out), **facts})
        return
    for modality in ("image", "text"):
        made = facts[modality]
        typer.echo(f"{out / made['file']}: {facts['rows']:,} x {made['width']:,} by {made['spec']}")
    typer.echo(f"{facts['items']:,} items of split {facts['split']}; {len(facts['failures'])} could not be used")
