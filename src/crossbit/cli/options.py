"""Options that several commands share, and the closed choices among them.

The choices are those of the library, as type checker and tests make sure; they are repeated here because `--help` must
not import the library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from .completion import after_commas, conventions, datasets, devices, extractors, measures, protocols

Captions: TypeAlias = Literal["join", "first", "each"]
OnError: TypeAlias = Literal["fail", "skip"]
Precision: TypeAlias = Literal["float32", "bfloat16"]
Side: TypeAlias = Literal["image", "text"]

_DATASET = "A dataset, with options if necessary: scenes, 'scenes(seed=1)'."
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help=_DATASET, autocompletion=datasets)]
OptionalDatasetOption = Annotated[
    str, typer.Option("--dataset", "-d", help=f"{_DATASET} Default: the protocol's.", autocompletion=datasets)
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        "-p",
        help="A protocol from the literature: training, query and database items, and the measure.",
        autocompletion=protocols,
    ),
]
SplitOption = Annotated[
    Path | None, typer.Option("--split", help="A split saved as JSON (`crossbit protocols show NAME --out FILE`).")
]
ConventionsOption = Annotated[
    str,
    typer.Option(
        "--conventions",
        help="Also score by the conventions of papers: 'all', or comma-separated names.",
        autocompletion=after_commas(conventions),
    ),
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", envvar="CROSSBIT_DATA", help="The folder with one folder per dataset.")
]
FeaturesOption = Annotated[
    str,
    typer.Option(
        "--features",
        "-f",
        help="Feature extractors: one for both modalities, such as 'precomputed' or 'clip(model=FOLDER)', or one each:"
        " 'image=onnx|pca256,text=bow'. Default: the dataset's own features, else hog and bow.",
        autocompletion=extractors,
    ),
]
_CAPTIONS = "Several captions of an item become one text (join), the first alone, or a pair each."
CaptionsOption = Annotated[Captions, typer.Option("--captions", help=_CAPTIONS)]
OptionalCaptionsOption = Annotated[
    Captions | None, typer.Option("--captions", help=f"{_CAPTIONS} Default: the protocol's, else join.")
]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Folder for extracted features. Default: the user's cache folder.")
]
GpsOption = Annotated[bool, typer.Option("--gps", help="Read where pictures were taken: lat and lon.")]
OnErrorOption = Annotated[
    OnError, typer.Option("--on-error", help="Whether a damaged item ends the run or is skipped with a warning.")
]


def _admitted(context: typer.Context, pixels: int | None) -> int | None:
    """Admit pictures of so many pixels while the command runs; return the number."""
    if pixels:
        from ..features import pixel_limit

        context.with_resource(pixel_limit(pixels))
    return pixels


MaxPixelsOption = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        help="Pixels of the largest picture to read.  [default: 64000000, and 256000000 in a JPEG]",
        show_default=False,
        min=1,
        callback=_admitted,
    ),
]
MeasuresOption = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        "-m",
        help="A measure, such as MAP or 'MAP@50(over=hits)'; may be repeated.",
        autocompletion=measures,
    ),
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A hyperparameter, as key=value; may be repeated.")]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="Precision of networks in training; bfloat16 is faster.")
]


def _existing(device: str) -> str:
    """Return a device that this machine has; another is refused before any work begins."""
    if device != "auto":
        from ..devices import find_device

        find_device(device)
    return device


DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="Device for networks: auto (CUDA if there is one), cpu, cuda, cuda:1 or mps.",
        autocompletion=devices,
        callback=_existing,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")]
