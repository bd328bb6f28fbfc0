"""`crossbit fit`: learn codes from pairs and save the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Annotated

import typer

from .options import (
    Cache,
    CaptionsIfAny,
    DataDir,
    DatasetIfAny,
    Device,
    Features,
    OnError,
    PrecisionOption,
    Protocol,
    Seed,
    SetOption,
    SplitFile,
)
from .output import JsonFlag, print_json


def fit(
    method: Annotated[str, typer.Argument(help="A method, as in cfrh, 'cfrh(eta=0)' or cca+itq.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the model; an older model is replaced.")],
    dataset: DatasetIfAny = "",
    protocol: Protocol = "",
    split: SplitFile = None,
    bits: Annotated[int, typer.Option("--bits", "-b", help="Bits of a code.", min=1)] = 64,
    features: Features = "",
    captions: CaptionsIfAny = "",
    set_: SetOption = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "fail",
    training: Annotated[
        Path | None,
        typer.Option(
            help="Keep checkpoints and TensorBoard's logs in this folder, and go on from them."
            "  [default: OUT.training, which is deleted in the end]",
            show_default=False,
        ),
    ] = None,
    precision: PrecisionOption = "float32",
    device: Device = "auto",
    patience: Annotated[
        int,
        typer.Option(
            help="Hold out a tenth of the training items and stop when their pairs have not found each other better"
            " for this many epochs.  [default: train all epochs]",
            min=0,
            show_default=False,
        ),
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Fit a method on a dataset's training part and save the model.

    The training part is that of the protocol or of the split file, where one is given.
    """
    from ..devices import find_device
    from ..methods.fitting import fit as fit_model
    from ..methods.recipe import Recipe
    from ..models.bundle import refuse_other
    from ..progress import bar
    from ..spec import options
    from ..training.distributed import process_group, rank
    from ..training.run import CHECKPOINT, Training
    from .setup import featurised, read_precision, read_setup

    find_device(device)
    refuse_other(out)
    recipe = Recipe.parse(method, options(set_ or []))
    setup = read_setup(dataset, features, captions, protocol, split)
    made = featurised(setup, setup.corpus(data_dir), cache, on_error, data_dir=data_dir, device=device)
    data = made.dataset
    kept = training or out.with_name(f"{out.name}.training")
    run = {
        "method": recipe.name,
        "parameters": recipe.parameters,
        "bits": bits,
        "seed": seed,
        "data": data.sha256,
        "patience": patience,
    }
    with bar(f"fit {recipe.name} at {bits} bits") as log, process_group(device):
        how = Training(log, kept, facts=run, precision=read_precision(precision), patience=patience, device=device)
        model = fit_model(recipe, made, bits, seed=seed, training=how)
        first = rank() == 0
    if not first:
        return
    replace(model, origin=replace(model.origin, dataset=setup.dataset)).save(out)
    (kept / CHECKPOINT).unlink(missing_ok=True)
    if training is None:
        rmtree(kept, ignore_errors=True)
    facts = {"model": str(out), "method": recipe.name, "space": model.encoder.space, "dim": model.dim, "seed": seed}
    facts |= {"dataset": setup.dataset, "protocol": protocol, "train": len(data.train), "split": data.split.sha256}
    if json:
        print_json(facts | {"parameters": recipe.parameters})
    else:
        typer.echo(
            f"{recipe.name} fitted on {len(data.train):,} pairs of {protocol or setup.dataset}: {model.dim} bits,"
            f" saved in {out}"
        )
