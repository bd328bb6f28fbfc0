"""`crossbit explain`: show what a model with attention looks at in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import JsonFlag, print_json

#: The sides that a drawn picture has at least and at most, in pixels.
SMALLEST, LARGEST = 256, 1024


def explain(
    model: Annotated[Path, typer.Argument(help="A model with attention that `crossbit fit` saved.")],
    image: Annotated[Path, typer.Argument(help="The picture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .png file to draw.")],
    json: JsonFlag = False,
) -> None:
    """Draw what decides the code of a picture.

    The part that the model attends to stays as it is, within a line; all else, which the code does not see, is dimmed.
    Of a picture that is no square the central square is shown: it is all that the model gets.
    """
    from PIL import Image

    from ..bundle import Bundle
    from ..errors import InputError
    from ..features.pictures import centre_square, open_picture
    from ..methods.adah_net import attended
    from ..plots import dimmed

    if out.suffix.lower() != ".png":
        raise InputError(f"--out is {out}, but should be a .png file")
    bundle = Bundle.load(model)
    features = bundle.pipelines["image"]([image])
    mask = attended(bundle.encoder, features, "image")[0]
    if mask.ndim != 2:
        raise InputError(
            f"the model attends to dimensions of its features ({bundle.pipelines['image'].spec}), not to places of a"
            " picture; fit one on pixels, as in `crossbit fit adah --features image=pixels,text=bow`"
        )
    picture = open_picture(image)
    side = min(max(min(picture.size), SMALLEST), LARGEST)
    Image.fromarray(dimmed(centre_square(picture, side, side), mask)).save(out)
    facts = {"image": str(image), "out": str(out), "attended": float(mask.mean()), "places": list(mask.shape)}
    if json:
        print_json(facts)
    else:
        typer.echo(f"{facts['attended']:.0%} of {' x '.join(map(str, mask.shape))} places attended to, drawn in {out}")
