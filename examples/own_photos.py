"""Search your own photos: a folder with captions becomes a model and a searchable collection.

The photos are drawn here so that the script runs anywhere; point FOLDER at yours, with a captions.csv beside them.
"""

import csv
import tempfile
from itertools import product
from pathlib import Path

from PIL import Image, ImageDraw

import crossbit
from crossbit.collection import Raw

COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "bar")
FOLDER = Path(tempfile.mkdtemp())


def draw(colour: str, shape: str, size: int) -> Image.Image:
    """Return a picture of one shape on a light ground."""
    picture = Image.new("RGB", (96, 96), (235, 235, 228))
    box = (48 - size, 48 - (6 if shape == "bar" else size), 48 + size, 48 + (6 if shape == "bar" else size))
    pen = ImageDraw.Draw(picture)
    (pen.ellipse if shape == "circle" else pen.rectangle)(box, fill=colour)
    return picture


photos = FOLDER / "photos"
photos.mkdir()
captions = {}
for colour, shape, size in product(COLOURS, SHAPES, range(14, 34, 2)):
    path = photos / f"{colour}-{shape}-{size}.png"
    draw(colour, shape, size).save(path)
    captions[path] = f"a {colour} {shape}"
with open(photos / "captions.csv", "w", newline="", encoding="utf-8") as file:
    lines = csv.writer(file)
    lines.writerow(["image", "text", "labels"])
    lines.writerows([path.name, text, text.removeprefix("a ").replace(" ", ";")] for path, text in captions.items())

model = crossbit.fit("cca+itq", "folder", bits=32, data_dir=photos)
print(crossbit.evaluate(model, "folder", data_dir=photos))
model.save(FOLDER / "model")

with crossbit.Collection.create(FOLDER / "collection", FOLDER / "model") as collection:
    collection.add(Raw(path.name, path, (text,)) for path, text in captions.items())
    print(f"{len(collection)} photos in the collection")
    for query in ("a red circle", "a blue bar"):
        found = collection.search(query, k=3)
        print(f"{query}: {', '.join(hit.item.id for hit in found)}")
