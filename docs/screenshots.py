"""Take the pictures of the page that the guide shows, on generated scenes: docs/images/page-*.png.

It needs Chromium, at /usr/bin/chromium or where CROSSBIT_CHROMIUM says.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from crossbit.bundle import Bundle, Origin
from crossbit.collection import Collection
from crossbit.collection.sources import dataset_of
from crossbit.datasets import load
from crossbit.features import featurise
from crossbit.methods import Recipe
from crossbit.server import create_app, serving

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CROSSBIT_CHROMIUM", "/usr/bin/chromium")
OPTIONS = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync", "no-first-run")
TRAIN, SIZE = 2000, 2400
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 800}


def collections(folder: Path, stack: ExitStack) -> list[Collection]:
    """Return two collections of the same scenes, at 64 and at 16 bits."""
    corpus = load("scenes", train=TRAIN, database=SIZE, query=10)
    made = featurise(corpus, "hog", "bow")
    recipe = Recipe.parse("cca+itq")
    opened = []
    for bits in (64, 16):
        origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
        model = folder / f"model{bits}"
        Bundle(recipe.fit(made.dataset.train, bits), made.pipelines, made.dataset.split, origin).save(model)
        opened.append(stack.enter_context(Collection.create(folder / f"scenes-{bits}", model)))
        opened[-1].add(dataset_of(corpus))
    return opened


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        address = stack.enter_context(serving(create_app(collections(Path(folder), stack))))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{option}" for option in OPTIONS])
        words = "?q=a+red+circle"

        def take(name: str, query: str, act: Callable[[Page], Any] = lambda page: None, **options: Any) -> None:
            page = browser.new_context(**{"viewport": WIDE, **options}).new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{address}/{query}")
            page.wait_for_selector(".hit")
            act(page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"page-{name}.png")
            page.context.close()

        take("light", words)
        take("dark", f"{words}&part=text:-0.5:green", color_scheme="dark")
        take("compare", f"{words}&and=scenes-16&c=scenes-64")
        take("texts", "?part=like:1:000003&in=text")
        take("item", words, lambda page: page.locator(".hit .open").first.click(), color_scheme="dark")
        take("phone", words, viewport=PHONE, device_scale_factor=1.5, is_mobile=True, has_touch=True)
        browser.close()


if __name__ == "__main__":
    main()
