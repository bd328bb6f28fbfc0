"""`crossbit fit`: codes learned from pairs, saved as a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Annotated

import typer

from .options import (
    CacheOption,
    DataDirOption,
    DeviceOption,
    FeaturesOption,
    MaxPixelsOption,
    OnErrorOption,
    OptionalCaptionsOption,
    OptionalDatasetOption,
    PrecisionOption,
    ProtocolOption,
    SeedOption,
    SetOption,
    SplitOption,
)
from .output import JsonFlag, print_json


def fit(
    method: Annotated[str, typer.Argument(help="A method, such as cfrh, 'cfrh(eta=0)' or cca+itq.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; an older model is replaced.")],
    dataset: OptionalDatasetOption = "",
    protocol: ProtocolOption = "",
    split: SplitOption = None,
    bits: Annotated[int, typer.Option("--bits", "-b", help="Code length in bits.", min=1)] = 64,
    features: FeaturesOption = "",
    captions: OptionalCaptionsOption = None,
    set_: SetOption = None,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    cache: CacheOption = None,
    on_error: OnErrorOption = "fail",
    max_pixels: MaxPixelsOption = None,
    training: Annotated[
        Path | None,
        typer.Option(
            help="Folder for checkpoints, from which training resumes, and TensorBoard logs."
            "  [default: OUT.training, deleted at the end]",
            show_default=False,
        ),
    ] = None,
    precision: PrecisionOption = "float32",
    device: DeviceOption = "auto",
    patience: Annotated[
        int,
        typer.Option(
            help="Early stopping: stop after this many epochs without better recall on a held-out tenth of the training"
            " items.  [default: train all epochs]",
            min=0,
            show_default=False,
        ),
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Fit a method on a dataset and save the model.

    The training part is that of the dataset, or of the protocol or the split file.
    """
    from ..methods.fitting import fit as fit_model
    from ..methods.recipe import Recipe
    from ..models.bundle import refuse_other_than_model
    from ..progress import bar
    from ..spec import options
    from ..training.distributed import process_group, rank
    from ..training.run import CHECKPOINT, Training
    from .setup import featurised, read_setup

    refuse_other_than_model(out)
    recipe = Recipe.parse(method, options(set_ or []))
    setup = read_setup(dataset, features, captions, protocol, split)
    corpus = setup.corpus(data_dir, scored=False)
    extracted = featurised(setup, corpus, cache, on_error, data_dir=data_dir, device=device)
    data = extracted.dataset
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
        settings = Training(log, kept, facts=run, precision=precision, patience=patience, device=device)
        model = fit_model(recipe, extracted, bits, seed=seed, training=settings)
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
