"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOption = Annotated[
    str, typer.Option("--dataset", "-d", help="A dataset, with options if need be: scenes, 'scenes(seed=1)'.")
]
DatasetIfAny = Annotated[
    str, typer.Option("--dataset", "-d", help="A dataset, with options if need be; default: that of the protocol.")
]
Protocol = Annotated[
    str,
    typer.Option(
        "--protocol", "-p", help="A protocol of the literature: who trains, queries and is searched, and the measure."
    ),
]
SplitFile = Annotated[
    Path | None, typer.Option("--split", help="A split saved as JSON (`crossbit protocols show NAME --out FILE`).")
]
Conventions = Annotated[
    str, typer.Option("--conventions", help="Score under papers' conventions: 'all', or names between commas.")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="CROSSBIT_DATA", help="The folder that holds a folder per dataset."),
]
Features = Annotated[
    str,
    typer.Option(
        "--features",
        "-f",
        help="Feature extractors: 'precomputed', 'clip(model=FOLDER)' for both modalities, or one each:"
        " 'image=onnx|pca256,text=bow'. Default: what the dataset brings, else hog and bow.",
    ),
]
_CAPTIONS = "What becomes of several captions: join (one text), first, each (a pair each)."
Captions = Annotated[str, typer.Option("--captions", help=_CAPTIONS)]
CaptionsIfAny = Annotated[
    str, typer.Option("--captions", help=f"{_CAPTIONS} Default: as the protocol does, else join.")
]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Where extracted features are kept; default: the user's cache folder.")
]
OnError = Annotated[
    str, typer.Option("--on-error", help="What a damaged item does: fail, or skip (it is named and left out).")
]
Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", "-m", help="A measure such as MAP or 'MAP@50(over=hits)'; may be repeated."),
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A hyper-parameter as key=value; may be repeated.")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="float32, or bfloat16 for faster networks.")]
Device = Annotated[
    str,
    typer.Option("--device", help="Where networks compute: auto (CUDA where there is some), cpu, cuda, cuda:1, mps."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
