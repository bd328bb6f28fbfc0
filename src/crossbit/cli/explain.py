"""`crossbit explain`: show what a model looks at in a picture, or what it makes of a picture and its caption."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir
from .output import JsonFlag, print_json, print_table, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..models.bundle import Bundle
    from ..reporting.explanation import Explained, Gallery

#: The sides that a drawn picture has at least and at most, in pixels.
SMALLEST, LARGEST = 256, 1024


def explain(
    model: Annotated[Path, typer.Argument(help="A model that `crossbit fit` saved: adah or mfsr.")],
    pair: Annotated[str, typer.Argument(help="A picture; of mfsr also the id of an item of the model's dataset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .png file to draw.")],
    caption: Annotated[str, typer.Option("--caption", help="For mfsr: what is said of the picture.")] = "",
    data_dir: DataDir = None,
    json: JsonFlag = False,
) -> None:
    """Draw what decides a code, or what the parts of a pair mean.

    Of a model with attention (adah), the part of the picture that it attends to stays as it is, within a line; all
    else, which the code does not see, is dimmed. Of a model that separates features (mfsr), the picture and its caption
    stand beside those rebuilt from their parts, and above the items nearest by each part: the semantic one retrieves,
    the others are what it leaves out. These items are queries of the model's split. Of a picture that is no square the
    central square is shown: it is all that the model gets.
    """
    from ..errors import InputError
    from ..models.bundle import Bundle
    from ..nn.separation import Separated

    if out.suffix.lower() != ".png":
        raise InputError(f"--out is {out}, but should be a .png file")
    bundle = Bundle.load(model)
    if any(isinstance(part, Separated) for part in bundle.encoder.modules()):
        facts, sentence = _parts(bundle, pair, caption, data_dir, out)
    else:
        facts, sentence = _attention(bundle, Path(pair), out)
    if json:
        print_json(facts)
    else:
        for rows in _tables(facts.get("nearest", {})):
            print_table(rows)
        typer.echo(visible(sentence))


def _attention(bundle: Bundle, image: Path, out: Path) -> tuple[dict[str, Any], str]:
    from PIL import Image

    from ..errors import InputError
    from ..features.raw import centre_square, open_picture
    from ..methods.adah_net import attended
    from ..reporting.plots import dimmed

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
    places = " x ".join(map(str, mask.shape))
    return facts, f"{facts['attended']:.0%} of {places} places attended to, drawn in {out}"


def _parts(bundle: Bundle, pair: str, caption: str, data_dir: Path | None, out: Path) -> tuple[dict[str, Any], str]:
    from ..errors import InputError
    from ..evaluation.setup import Setup
    from ..reporting.explanation import Gallery, explained
    from ..reporting.plots import save

    gallery = Gallery.of(bundle, Setup(bundle.origin.dataset).corpus(data_dir, scored=False))
    if Path(pair).is_file():
        if not caption:
            raise InputError(f"{pair} is a picture, and mfsr explains pairs: say what is in it with --caption")
        made = explained(bundle, (Path(pair), caption), gallery)
    else:
        picture, first = gallery.raw(pair)
        made = explained(bundle, (picture, caption or first), gallery.without(pair))
    save(_drawn(made, gallery), out)
    facts = {"pair": pair, "out": str(out), **made.facts()}
    rebuilt = "" if made.retold is None else f"\nrebuilt: {made.retold}"
    return facts, f"caption: {made.caption}{rebuilt}\ndrawn in {out}"


def _drawn(made: Explained, gallery: Gallery) -> Figure:
    from ..reporting.explanation import shown
    from ..reporting.plots import Row, picture_rows

    pictures = [("original", made.picture)] + ([] if made.repainted is None else [("rebuilt", made.repainted)])
    said = [f"“{made.caption}”"] + ([] if made.retold is None else [f"rebuilt: “{made.retold}”"])
    rows = [Row("the pair", pictures, said)]
    for part, near in made.nearest.items():
        found = [(f"{each.cosine:.3f}", shown(gallery.raw(each.id)[0])) for each in near["image"]]
        rows.append(
            Row(f"nearest by the {part} part", found, [f"“{gallery.raw(each.id)[1]}”" for each in near["text"][:3]])
        )
    return picture_rows(rows)


def _tables(nearest: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [
        [
            {f"nearest by {part} part": i["id"], "cosine": i["cosine"], "text": t["id"], "cosine of texts": t["cosine"]}
            for i, t in zip(near["image"], near["text"], strict=True)
        ]
        for part, near in nearest.items()
    ]
