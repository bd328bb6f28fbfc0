"""`crossbit demo`: the main job end to end, on generated scenes or on your own dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .completion import datasets
from .options import CacheOption, CaptionsOption, DataDirOption, DeviceOption, FeaturesOption, OnErrorOption
from .output import JsonFlag, print_json


def demo(
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="A dataset with labels.", autocompletion=datasets)
    ] = "scenes",
    features: FeaturesOption = "",
    captions: CaptionsOption = "join",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output folder; an older demo in it is replaced, nothing else.")
    ] = Path("runs/demo"),
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "skip",
    json: JsonFlag = False,
) -> None:
    """Run the main job end to end and write a report.

    The demo extracts features, fits CFRH and baselines at 64 bits, scores both directions, and searches by text and by
    picture.
    """
    from ..progress import bar
    from ..reporting.demo import Demo, refuse_others
    from .setup import featurised, read_setup

    refuse_others(out)
    setup = read_setup(dataset, features, captions)
    corpus = setup.corpus(data_dir)
    features_of_all = featurised(setup, corpus, cache, on_error, data_dir=data_dir, device=device)
    page = Demo(setup, corpus, features_of_all, device).run(out, bar)
    if json:
        print_json({"report": str(page), "scores": str(out / "scores.json"), "model": str(out / "model")})
    else:
        typer.echo(page)
