"""`crossbit demo`: the main job end to end, on generated scenes or on a dataset of yours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Cache, Captions, DataDir, Features, OnError
from .output import JsonFlag, print_json


def demo(
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="A dataset with labels.")] = "scenes",
    features: Features = "",
    captions: Captions = "join",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder to write; an older demo is replaced, nothing else.")
    ] = Path("runs/demo"),
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "skip",
    json: JsonFlag = False,
) -> None:
    """Run the main job and write a page to look at.

    It extracts features, fits CFRH and the baselines at 64 bits, scores both directions, and searches with words and
    with pictures.
    """
    from ..progress import bar
    from ..reporting.demo import Demo, refuse_others
    from .setup import featurised, read_setup

    refuse_others(out)
    setup = read_setup(dataset, features, captions)
    corpus = setup.corpus(data_dir)
    made = Demo(setup, corpus, featurised(setup, corpus, cache, on_error, data_dir=data_dir))
    page = made.run(out, bar)
    if json:
        print_json({"report": str(page), "scores": str(out / "scores.json"), "model": str(out / "model")})
    else:
        typer.echo(page)
