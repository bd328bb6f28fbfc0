"""Pictures with several captions each: readers of their usual files, and the corpus for retrieval by caption."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, final

from ..data.corpus import Corpus
from ..data.splits import Split, instance_split
from ..errors import InputError
from ..io.delimited import read_delimited
from ..io.text import leave_out, path_below, read_lines, read_text
from ..records.record import OnMissing

KARPATHY = "http://cs.stanford.edu/people/karpathy/deepimagesent/ (Karpathy's JSON)"
PARTS = {"train": "train", "restval": "train", "val": "validation", "test": "query"}


@final
@dataclass(frozen=True)
class Captioned:
    """One picture: its id, its file below the dataset's folder, its captions in order, its part of the split."""

    id: str
    file: str
    captions: tuple[str, ...]
    part: str = ""


def grouped(pairs: Sequence[tuple[str, str]]) -> list[Captioned]:
    """Return one item per picture from `(picture, caption)` pairs, in the order of first mention."""
    captions: dict[str, list[str]] = {}
    for file, caption in pairs:
        captions.setdefault(file, []).append(caption)
    return [Captioned(PurePosixPath(file).stem, file, tuple(texts)) for file, texts in captions.items()]


def read_tokens(path: Path) -> list[Captioned]:
    """Return the items of a file whose lines are `picture.jpg#0`, a tab and a caption."""
    pairs = []
    for number, line in enumerate(read_lines(path), 1):
        name, tab, caption = line.partition("\t")
        if not tab or "#" not in name:
            raise InputError(f"{path}: line {number} must be picture.jpg#0, a tab and a caption, not {line[:60]!r}")
        pairs.append((name.rpartition("#")[0], caption.strip()))
    return grouped(pairs)


def read_captions_csv(path: Path) -> list[Captioned]:
    """Return the items of a CSV table whose first column is the picture and whose last is the caption."""
    heading, rows, _ = read_delimited(path)
    for number, cells in rows:
        if len(cells) != max(len(heading), 2):
            raise InputError(
                f"{path}: line {number} must be a picture and a caption, in quotes if it holds a comma, not {cells}"
            )
    return grouped([(cells[0].strip(), cells[-1].strip()) for _, cells in rows])


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as fault:
        raise InputError(f"{path} is not JSON: {fault}") from None


def read_karpathy(path: Path, *, restval: bool = True) -> list[Captioned]:
    """Return the items of Karpathy's JSON with their parts; `restval` trains, or is left out."""
    try:
        images = read_json(path)["images"]
        items = [
            Captioned(
                str(image.get("cocoid", PurePosixPath(image["filename"]).stem)),
                str(PurePosixPath(image.get("filepath", ""), image["filename"])),
                tuple(str(sentence["raw"]).strip() for sentence in image["sentences"]),
                PARTS[image["split"]],
            )
            for image in images
            if restval or image["split"] != "restval"
        ]
    except (KeyError, TypeError, AttributeError) as fault:
        raise InputError(f"{path} is not in Karpathy's format: {fault!r}") from None
    return items


def found_pictures(items: Sequence[Captioned], folder: Path, missing: OnMissing) -> dict[str, Path]:
    """Return the picture of each item that has one below `folder`, by id; others are counted and left out, or refused.

    A picture is looked for under its whole path, and then under its name alone.
    """
    found = {}
    for item in items:
        for name in (item.file, PurePosixPath(item.file).name):
            if item.id not in found and path_below(folder, name).is_file():
                found[item.id] = path_below(folder, name)
    absent = [item.file for item in items if item.id not in found]
    leave_out(f"captioned pictures are not in {folder}", absent, len(items), refuse=missing == "fail")
    return found


def caption_split(items: Sequence[Captioned], seed: int) -> Split:
    """Return the published split of the items, or else one drawn by `seed`: a tenth validation, a tenth queries."""
    ids = [item.id for item in items]
    if not any(item.part for item in items):
        tenth = len(ids) // 10
        return instance_split("drawn", ids, query=tenth, validation=tenth, seed=seed)
    parts = {part: tuple(item.id for item in items if item.part == part) for part in {*PARTS.values()}}
    return Split("published", database=parts["query"], instance=True, **parts)


def caption_corpus(name: str, items: Sequence[Captioned], images: Mapping[str, Path], seed: int) -> Corpus:
    """Return the corpus of the items that have a picture."""
    kept = [item for item in items if item.id in images]
    return Corpus(
        name,
        tuple(item.id for item in kept),
        caption_split(kept, seed),
        images=[images[item.id] for item in kept],
        texts=[item.captions for item in kept],
    )
