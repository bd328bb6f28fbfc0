"""`crossbit index` and `crossbit search`: make items searchable by a model, and search them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import Cache, DataDir, DatasetOption, OnError
from .output import JsonFlag, print_json, print_table

app = typer.Typer(help="Make items searchable by a model.", no_args_is_help=True)


@app.command()
def create(
    collection: Annotated[Path, typer.Argument(help="The folder to write; it must be new or empty.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="A model that `crossbit fit` saved.")],
    dataset: DatasetOption,
    part: Annotated[str, typer.Option("--part", help="Which items: all, or the database of the split.")] = "all",
    data_dir: DataDir = None,
    cache: Cache = None,
    on_error: OnError = "skip",
    json: JsonFlag = False,
) -> None:
    """Encode a dataset and write a searchable collection.

    An item of several captions is encoded by all of them together, or by the first if the model learned single ones.
    """
    from ..bundle import Bundle
    from ..collection import Collection, refuse_full
    from ..errors import known
    from ..experiment import Setup
    from .run import featurised

    if part not in ("all", "database"):
        raise known(part, "part", ("all", "database"))
    refuse_full(collection)
    bundle = Bundle.load(model)
    learned = bundle.origin.captions
    setup = Setup(dataset, captions="first" if learned == "each" else learned)
    corpus = setup.corpus(data_dir, scored=False)
    made = featurised(setup, corpus, cache, on_error, bundle.pipelines)
    written = Collection.of(corpus, made.dataset, bundle, everything=part == "all")
    written.save(collection)
    facts = {"collection": str(collection), "items": len(written.items), "bits": bundle.encoder.dim}
    facts |= {"left_out": [failure._asdict() for failure in made.failures]}
    if json:
        print_json(facts)
    else:
        typer.echo(f"{facts['items']:,} items at {facts['bits']} bits each way, in {collection}")


def search(
    collection: Annotated[Path, typer.Argument(help="A collection that `crossbit index create` wrote.")],
    text: Annotated[str | None, typer.Option("--text", "-t", help="The text to find pictures for.")] = None,
    image: Annotated[Path | None, typer.Option("--image", "-i", help="The picture to find texts for.")] = None,
    target: Annotated[str, typer.Option("--in", help="Search image or text; default: the other modality.")] = "",
    k: Annotated[int, typer.Option("-k", help="How many hits.", min=1)] = 10,
    engine: Annotated[str, typer.Option("--engine", help="exact, faiss or faiss-ivf.")] = "faiss",
    json: JsonFlag = False,
) -> None:
    """Search a collection with a text or a picture."""
    from ..collection import Collection
    from ..errors import InputError, known

    if (text is None) == (image is None):
        raise InputError("a search takes either --text or --image")
    if target not in ("", "image", "text"):
        raise known(target, "modality", ("image", "text"))
    if image is not None and not image.is_file():
        raise InputError(f"{image} is not a file; --image takes a picture")
    opened = Collection.open(collection)
    if text is not None:
        hits = opened.search(text, "text", "text" if target == "text" else "image", k, engine)
    else:
        hits = opened.search(image, "image", "image" if target == "image" else "text", k, engine)
    if json:
        print_json([{"rank": rank, "distance": hit.distance, **asdict(hit.item)} for rank, hit in enumerate(hits, 1)])
        return
    rows = [
        {"rank": rank, "distance": hit.distance, "id": hit.item.id, "text": _short(" / ".join(hit.item.texts))}
        for rank, hit in enumerate(hits, 1)
    ]
    print_table(rows)
    print(f"{len(hits)} of {len(opened.items):,} items, {opened.bundle.encoder.dim} bits", file=sys.stderr)


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
