"""`crossbit features` and `crossbit extract`: the feature extractors, and their features as files for other tools."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated

import typer

from .completion import extractors
from .options import (
    CacheOption,
    CaptionsOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    FeaturesOption,
    MaxPixelsOption,
    OnErrorOption,
)
from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="List feature extractors, or show the options of one.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List all extractors and the modalities they read."""
    from ..features import EXTRACTORS, extractor_class

    rows = []
    for name in EXTRACTORS:
        cls = extractor_class(name)
        summary = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
        rows.append({"extractor": name, "reads": " or ".join(cls.modalities), "gives": summary})
    print_json(rows) if json else print_table(rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `features list`.", autocompletion=extractors)],
    json: JsonFlag = False,
) -> None:
    """Show the options of an extractor and their meaning."""
    from ..features import extractor_class

    cls = extractor_class(name)
    about = inspect.cleandoc(cls.__doc__ or "")
    options = {
        field.name: "required" if field.default is dataclasses.MISSING else field.default
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
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the features; an earlier extract is replaced.")],
    dataset: DatasetOption,
    features: FeaturesOption = "",
    captions: CaptionsOption = "join",
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "fail",
    max_pixels: MaxPixelsOption = None,
    json: JsonFlag = False,
) -> None:
    """Write the features of a dataset to a folder, for other tools.

    Each pair of the split is a row of image.npy and text.npy, or of an .npz file if the features are sparse (SciPy's
    CSR). The folder also holds labels.npy, ids.json with the item of each row, split.json and the fitted pipelines. An
    interrupted run resumes where it stopped.
    """
    from ..features.export import export, refuse_other_than_extract
    from .setup import featurised, read_setup

    refuse_other_than_extract(out)
    setup = read_setup(dataset, features, captions)
    corpus = setup.corpus(data_dir, scored=False)
    facts = export(featurised(setup, corpus, cache, on_error, data_dir=data_dir, device=device), corpus, out)
    if json:
        print_json({"dataset": dataset, "folder": str(out), **facts})
        return
    for modality in ("image", "text"):
        written = facts[modality]
        typer.echo(f"{out / written['file']}: {facts['rows']:,} x {written['width']:,} by {written['spec']}")
    typer.echo(f"{facts['items']:,} items of split {facts['split']}, {len(facts['failures'])} skipped")
