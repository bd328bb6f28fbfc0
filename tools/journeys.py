"""Journeys: which files of crossbit a command passes, and how often it goes from one to another.

    python tools/journeys.py search COLLECTION --text "a red circle"    any command, as after `crossbit`
    python tools/journeys.py --standard                                 search and index add, on 30 generated pictures

A journey is the order in which functions, methods and generators are entered for the first time or again, each counted
in the file that defines it. Module bodies, which imports run once, class bodies, lambdas and comprehensions do not
count. A switch is an entry into another file than that of the entry before in the same thread.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import crossbit

SOURCE = f"{Path(crossbit.__file__).parent}{os.sep}"
#: The data of the standard journeys.
SCENES = "scenes(train=200,database=200,query=20)"
PICTURES = 30


@dataclass
class Journey:
    """The files that were passed, by how often they were entered, and the switches between them."""

    entries: Counter[str] = field(default_factory=Counter)
    switches: int = 0
    last: dict[int, str] = field(default_factory=dict)

    def step(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take a step; `sys.setprofile` calls this for every call and return."""
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(SOURCE):
            return
        if code.co_name.startswith("<") or not code.co_flags & inspect.CO_NEWLOCALS:
            return
        file = code.co_filename.removeprefix(SOURCE)
        self.entries[file] += 1
        thread = threading.get_ident()
        self.switches += file != self.last.setdefault(thread, file)
        self.last[thread] = file

    def facts(self) -> dict[str, Any]:
        """Return the journey as JSON values."""
        return {"files": len(self.entries), "switches": self.switches, "entries": dict(self.entries.most_common())}


def watched(words: list[str]) -> Journey:
    """Return the journey of a command that runs in this process; what it prints goes to stderr."""
    from crossbit.cli import main

    journey = Journey()
    sys.argv = ["crossbit", *words]
    threading.setprofile(journey.step)
    sys.setprofile(journey.step)
    try:
        with redirect_stdout(sys.stderr):
            main()
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return journey


def standard() -> dict[str, Any]:
    """Return the journeys of `search` and of `index add` for a folder of pictures with captions, each in a process."""
    with tempfile.TemporaryDirectory(prefix="journeys-") as name:
        folder = Path(name)
        photos, model, shelf = folder / "photos", folder / "model", folder / "shelf"
        _write(photos)
        cache = ("--cache", str(folder / "cache"))
        crossbit = [sys.executable, "-m", "crossbit"]
        for words in (
            ["fit", "cca+itq", "--dataset", SCENES, "--bits", "32", "--out", str(model), *cache],
            ["index", "create", str(shelf), "--model", str(model)],
        ):
            subprocess.run([*crossbit, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journeys = {
            "index add": ["index", "add", str(shelf), str(photos), *cache],
            "search": ["search", str(shelf), "--text", "a red circle"],
        }
        found = {}
        for title, words in journeys.items():
            ended = subprocess.run([sys.executable, __file__, "--json", *words], check=True, stdout=subprocess.PIPE)
            found[title] = json.loads(ended.stdout)
    return found


def _write(folder: Path) -> None:
    """Write generated pictures and the list of their captions."""
    import csv

    import numpy as np
    from PIL import Image

    from crossbit.datasets import load

    corpus = load("scenes", train=PICTURES, database=PICTURES, query=1)
    assert corpus.images is not None and corpus.texts is not None  # noqa: PT018
    folder.mkdir()
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        for number in range(PICTURES):
            Image.fromarray(np.asarray(corpus.images[number])).save(folder / f"{number:02}.png")
            rows.writerow([f"{number:02}.png", corpus.texts[number][0]])


def main() -> None:
    """Print the journeys that the command line asks for."""
    words = sys.argv[1:]
    as_json = words[:1] == ["--json"]
    words = words[as_json:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return
    found = standard() if words == ["--standard"] else watched(words).facts()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for title, facts in found.items() if words == ["--standard"] else [(" ".join(words[:2]), found)]:
        print(f"{title}: {facts['files']} files, {facts['switches']} switches")
        for file, count in facts["entries"].items():
            print(f"{count:7}  {file}")


if __name__ == "__main__":
    main()
