"""`crossbit explain`: the attention of a model to a picture, or the parts that it separates a pair into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDirOption, DeviceOption
from .output import JsonFlag, print_json, print_table, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..models.bundle import Bundle
    from ..reporting.explanation import Explanation, Gallery

#: The smallest and the largest side of a drawn picture, in pixels.
SMALLEST, LARGEST = 256, 1024


def explain(
    model: Annotated[Path, typer.Argument(help="A model of adah or mfsr, saved by `crossbit fit`.")],
    pair: Annotated[str, typer.Argument(help="A picture; for mfsr also the id of an item in the model's dataset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .png file to write.")],
    caption: Annotated[str, typer.Option("--caption", help="Caption of the picture, for mfsr.")] = "",
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    json: JsonFlag = False,
) -> None:
    """Draw what determines a code, or what the parts of a pair mean.

    For a model with attention (adah), the attended region of the picture is outlined and the rest, which does not
    affect the code, is dimmed. For a model that separates features (mfsr), the picture and its caption are drawn beside
    their reconstructions, with the nearest items by each part: the semantic part is used for retrieval, the others hold
    what it leaves out. The items are queries of the model's split. Pictures are cropped to the central square, which is
    all that the model sees.
    """
    from ..errors import InputError
    from ..models.bundle import Bundle
    from ..nn.separation import Separated

    if out.suffix.lower() != ".png":
        raise InputError(f"--out is {out}, but should be a .png file")
    bundle = Bundle.load(model, device)
    if any(isinstance(part, Separated) for part in bundle.encoder.modules()):
        facts, summary = _parts(bundle, pair, caption, data_dir, out)
    else:
        facts, summary = _attention(bundle, Path(pair), out)
    if json:
        print_json(facts)
    else:
        for rows in _tables(facts.get("nearest", {})):
            print_table(rows)
        typer.echo(visible(summary))


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
            f"the model attends to dimensions of its features ({bundle.pipelines['image'].spec}), not to regions of a"
            " picture; fit one on pixels, as in `crossbit fit adah --features image=pixels,text=bow`"
        )
    picture = open_picture(image)
    side = min(max(min(picture.size), SMALLEST), LARGEST)
    Image.fromarray(dimmed(centre_square(picture, side, side), mask)).save(out)
    facts = {"image": str(image), "out": str(out), "attended": float(mask.mean()), "places": list(mask.shape)}
    grid = " x ".join(map(str, mask.shape))
    return facts, f"{facts['attended']:.0%} of {grid} regions attended to, drawn in {out}"


def _parts(bundle: Bundle, pair: str, caption: str, data_dir: Path | None, out: Path) -> tuple[dict[str, Any], str]:
    from ..errors import InputError
    from ..evaluation.setup import Setup
    from ..reporting.explanation import Gallery, explain_pair
    from ..reporting.plots import save

    gallery = Gallery.of(bundle, Setup(bundle.origin.dataset).corpus(data_dir, scored=False))
    if Path(pair).is_file():
        if not caption:
            raise InputError(f"{pair} is a picture, and mfsr explains pairs: give its caption with --caption")
        explanation = explain_pair(bundle, (Path(pair), caption), gallery)
    else:
        picture, first = gallery.raw(pair)
        explanation = explain_pair(bundle, (picture, caption or first), gallery.without(pair))
    save(_drawn(explanation, gallery), out)
    facts = {"pair": pair, "out": str(out), **explanation.facts()}
    rebuilt = "" if explanation.rebuilt_caption is None else f"\nrebuilt: {explanation.rebuilt_caption}"
    return facts, f"caption: {explanation.caption}{rebuilt}\ndrawn in {out}"


def _drawn(explanation: Explanation, gallery: Gallery) -> Figure:
    from ..reporting.explanation import shown
    from ..reporting.plots import PictureRow, picture_rows

    pictures, captions = [("original", explanation.picture)], [f"“{explanation.caption}”"]
    if explanation.rebuilt_picture is not None:
        pictures.append(("rebuilt", explanation.rebuilt_picture))
    if explanation.rebuilt_caption is not None:
        captions.append(f"rebuilt: “{explanation.rebuilt_caption}”")
    rows = [PictureRow("the pair", pictures, captions)]
    for part, nearest in explanation.nearest.items():
        pictures = [(f"{near.cosine:.3f}", shown(gallery.raw(near.id)[0])) for near in nearest["image"]]
        captions = [f"“{gallery.raw(near.id)[1]}”" for near in nearest["text"][:3]]
        rows.append(PictureRow(f"nearest by the {part} part", pictures, captions))
    return picture_rows(rows)


def _tables(nearest: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [
        [
            {f"nearest by {part} part": i["id"], "cosine": i["cosine"], "text": t["id"], "cosine of texts": t["cosine"]}
            for i, t in zip(near["image"], near["text"], strict=True)
        ]
        for part, near in nearest.items()
    ]
