"""Trains ADAH and draws its attention over the first images of the query part, so that none is hand-picked.

python tools/docs/masks.py scenes                   on pixels; the objects are known, so that masks can be scored
python tools/docs/masks.py mirflickr --data-dir DATA  on photographs, through the feature map of a frozen MobileNet
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from matplotlib.figure import Figure
from numpy import ndarray

from crossbit.data.pairs import Paired
from crossbit.datasets import load
from crossbit.datasets.scenes import masks
from crossbit.features import featurise
from crossbit.features.raw import centre_square, normalised, open_picture
from crossbit.methods.adah_net import attended
from crossbit.methods.recipe import Recipe
from crossbit.reporting.plots import dimmed, save
from crossbit.training.run import Training

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOWN = 6
BITS = 32
#: Minutes on one core: narrower than the paper's and faster; what D sees of a map is the mean over its places.
RECIPE = "adah(hidden=512,text_hidden=512,width=128,pooling=mean,lr=0.001,lr_attention=0.0001,epochs=40,dropout=0)"
SIDE = 64  # of a scene's pixels
MODEL = "mobilenet_v1_0.75_224.onnx"
LAYER = "conv_pw_13_relu"  # MobileNet's last map
MAP_SIDE = 320  # pixels of a photograph, for a map of 10 x 10
PHOTOS = 2000  # that train


def scenes() -> Figure:
    """Return scenes with what is attended to in them; print how well all masks of the query part cover objects."""
    corpus = load("scenes")
    data = featurise(corpus, f"pixels(size={SIDE})", "bow").dataset
    encoder = Recipe.parse(RECIPE).fit(data.train, BITS, training=Training(log=told))
    Z = attended(encoder, data.query.image, "image")
    things = np.stack([masks(0, int(corpus.ids[item])).any(0) for item in data.query.item])
    precision, recall = cover(Z, things)
    print(f"{len(Z)} queries: {Z.mean():.3f} of the places attended to; objects take {things.mean():.3f} of the pixels")
    print(f"precision {precision:.3f} (by chance {things.mean():.3f}), recall {recall:.3f} (by chance {Z.mean():.3f})")
    return drawn(data.query.image[:SHOWN], Z[:SHOWN], "generated scenes")


def cover(Z: Bool[ndarray, "n rows columns"], things: Bool[ndarray, "n h w"]) -> tuple[float, float]:
    """Return which share of a mask lies on things, and which share of the things lies in it, averaged over pictures.

    A random mask of the same size has the share of the things in the picture as precision, and its own as recall.
    """
    inside = np.repeat(np.repeat(Z, things.shape[1] // Z.shape[1], 1), things.shape[2] // Z.shape[2], 2)
    both = (inside & things).sum((1, 2))
    return float((both / np.maximum(inside.sum((1, 2)), 1)).mean()), float((both / things.sum((1, 2))).mean())


def mirflickr(data_dir: Path) -> Figure:
    """Return photographs with what is attended to in them."""
    corpus = load("mirflickr25k", data_dir)
    if corpus.images is None:
        raise SystemExit("the pictures of mirflickr25k are not in the data folder")
    split = corpus.split
    train, shown = corpus.rows(split.train[:PHOTOS]), corpus.rows(split.query[:SHOWN])
    photos = [centre_square(open_picture(corpus.images[row]), MAP_SIDE, MAP_SIDE) for row in (*train, *shown)]
    maps = mobilenet_maps(photos, data_dir / "weights" / MODEL)
    text = corpus.features["text"][train]
    assert corpus.labels is not None
    pairs = Paired(maps[: len(train)], text, corpus.labels[train])
    encoder = Recipe.parse(RECIPE).fit(pairs, BITS, training=Training(log=told))
    Z = attended(encoder, maps[len(train) :], "image")
    names = ", ".join(corpus.ids[row] for row in shown)
    return drawn(
        np.stack(photos[len(train) :]), Z, f"MIRFLICKR-25K {names}: Creative Commons, by their photographers on Flickr"
    )


def mobilenet_maps(photos: list[UInt8[ndarray, "h w 3"]], model: Path) -> Float32[ndarray, "n rows columns channels"]:
    """Return the last map of a MobileNet for each photograph."""
    import onnx
    import onnxruntime

    graph = onnx.load(str(model))
    graph.graph.output.append(onnx.ValueInfoProto(name=LAYER))
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    found = []
    for start, photo in enumerate(photos):
        x = normalised(photo[None], (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).transpose(0, 3, 1, 2)
        (values,) = session.run([LAYER], {session.get_inputs()[0].name: np.ascontiguousarray(x)})
        found.append(values[0].transpose(1, 2, 0))
        told(start + 1, len(photos), {}) if start % 100 == 0 else None
    return np.stack(found)


def drawn(pictures: UInt8[ndarray, "n h w 3"], Z: Bool[ndarray, "n rows columns"], credit: str) -> Figure:
    """Return a row of pictures, and below each what is attended to in it."""
    n = len(pictures)
    figure = Figure(figsize=(1.1 * n, 2.45), layout="constrained")
    axes = figure.subplots(2, n)
    for column, (picture, mask) in enumerate(zip(pictures, Z, strict=True)):
        large = np.repeat(np.repeat(picture, -(-256 // len(picture)), 0), -(-256 // len(picture)), 1)
        axes[0, column].imshow(large)
        axes[1, column].imshow(dimmed(large, mask))
    for each in axes.flat:
        each.set_axis_off()
    figure.supxlabel(credit, fontsize=6, color="#57606a")
    return figure


def told(done: int, total: int, values: Mapping[str, float]) -> None:
    """Write the progress to stderr."""
    print(f"{done}/{total}", *(f"{name} {value:.3f}" for name, value in values.items()), file=sys.stderr, flush=True)


def main() -> None:
    """Draw the figure of a dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("scenes", "mirflickr"))
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    figure = scenes() if given.dataset == "scenes" else mirflickr(given.data_dir)
    save(figure, IMAGES / f"adah-masks-{given.dataset}.png")


if __name__ == "__main__":
    main()
