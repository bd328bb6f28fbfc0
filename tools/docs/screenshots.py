"""Takes the screenshots of the web page in the guide: docs/images/page-*.

    python tools/docs/screenshots.py                    on generated scenes
    python tools/docs/screenshots.py mirflickr --data-dir DATA  on photos of MIRFLICKR-25K, as in the README

Needs Chromium, at /usr/bin/chromium or at the path in CROSSBIT_CHROMIUM.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from crossbit.collection import Collection
from crossbit.collection.ingest.sources import dataset_of
from crossbit.collection.operations.calibrate import calibrate
from crossbit.data.corpus import Corpus
from crossbit.data.pairs import Modality
from crossbit.datasets import load
from crossbit.features import Featurised, Pipeline, default_cache, featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin
from crossbit.server import create_app, serving

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM = os.environ.get("CROSSBIT_CHROMIUM", "/usr/bin/chromium")
OPTIONS = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync", "no-first-run")
TRAIN, SIZE, QUALITY = 2000, 2400, 82
FEATURES: dict[Modality, str] = {"image": "onnx", "text": "bow"}
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 800}


def scenes(folder: Path, stack: ExitStack) -> list[Collection]:
    """Return two collections of the same scenes, at 64 and at 16 bits."""
    corpus = load("scenes", train=TRAIN, database=SIZE, query=10)
    return opened(corpus, featurise(corpus, "hog", "bow"), folder, stack)


def photos(folder: Path, stack: ExitStack, data: Path, cache: Path) -> list[Collection]:
    """Return two collections of the photos of MIRFLICKR-25K and their tags, at 64 and at 16 bits."""
    corpus = load("mirflickr25k", data_dir=data)
    image, text = (Pipeline.parse(spec, modality, data_dir=data) for modality, spec in FEATURES.items())
    return opened(corpus, featurise(corpus, image, text, cache=cache), folder, stack, cache)


def opened(
    corpus: Corpus, made: Featurised, folder: Path, stack: ExitStack, cache: Path | None = None
) -> list[Collection]:
    """Return two collections of a corpus, at 64 and at 16 bits."""
    recipe = Recipe.parse("cca+itq")
    shelves = []
    for bits in (64, 16):
        origin = Origin(recipe.name, recipe.parameters, 0, corpus.name)
        model = folder / f"model{bits}"
        Bundle(recipe.fit(made.dataset.train, bits), made.pipelines, made.dataset.split, origin).save(model)
        shelf = Collection.create(folder / f"{corpus.name}-{bits}", model, vectors=True)
        shelves.append(stack.enter_context(shelf))
        shelf.add(dataset_of(corpus), cache=cache)
        if cache is not None:
            calibrate(shelf, by="labels")
    return shelves


@dataclass(frozen=True)
class Camera:
    """Takes pictures of the page."""

    browser: Browser
    address: str

    def take(self, name: str, query: str, act: Callable[[Page], Any] = lambda page: None, **options: Any) -> None:
        """Write a picture of the page after a query, and after an action."""
        page = self.browser.new_context(**{"viewport": WIDE, **options}).new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{self.address}/{query}")
        page.wait_for_selector(".hit")
        act(page)
        page.wait_for_load_state("networkidle")
        kind: dict[str, Any] = {"type": "jpeg", "quality": QUALITY} if name.endswith(".jpg") else {}
        page.screenshot(path=IMAGES / f"page-{name}", **kind)
        page.context.close()


def of_scenes(camera: Camera) -> None:
    """Take the pictures of the guide."""
    words = "?q=a+red+circle"
    camera.take("light.png", words)
    camera.take("dark.png", f"{words}&part=text:-0.5:green", color_scheme="dark")
    camera.take("compare.png", f"{words}&and=scenes-16&c=scenes-64")
    camera.take("texts.png", "?part=like:1:000003&in=text")
    camera.take("item.png", words, lambda page: page.locator(".hit .open").first.click(), color_scheme="dark")
    camera.take("phone.png", words, viewport=PHONE, device_scale_factor=1.5, is_mobile=True, has_touch=True)


def of_photos(camera: Camera) -> None:
    """Take the pictures of the README."""
    camera.take("mirflickr.jpg", "?q=sunset+beach")
    camera.take("mirflickr-joint.jpg", "?q=dog&part=text:0.5:snow", color_scheme="dark")


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", nargs="?", choices=("scenes", "mirflickr"), default="scenes")
    parser.add_argument("--data-dir", type=Path, help="the folder of data sets")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where features are kept")
    options = parser.parse_args()
    if options.of == "mirflickr" and options.data_dir is None:
        parser.error("mirflickr needs --data-dir")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        real = options.of == "mirflickr"
        shelves = photos(folder, stack, options.data_dir, options.cache) if real else scenes(folder, stack)
        address = stack.enter_context(serving(create_app(shelves)))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{option}" for option in OPTIONS])
        (of_photos if real else of_scenes)(Camera(browser, address))
        browser.close()


if __name__ == "__main__":
    main()
