"""The collections that are served: each under a name of its own, warmed up, and asked in the way of requests."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, final

import numpy as np

from ..collection import Collection, Item, image, text
from ..collection.storage.reads import items_of
from ..collection.storage.store import MODEL
from ..errors import InputError
from .errors import RefusedError

#: Items that are looked at to say which fields there are, and values that are named of each.
_LOOKED_AT, _VALUES = 200, 12


@final
@dataclass(frozen=True, eq=False)
class ServedCollection:
    """A collection under the name by which requests know it."""

    name: str
    collection: Collection

    def warm_up(self) -> None:
        """Read codes and model now, and search once by each kind, so that no request waits for what is loaded."""
        self.collection.snapshot()
        self.collection.model  # noqa: B018
        for part in (text("a"), image(np.full((64, 64, 3), 128, np.uint8))):
            with suppress(InputError):  # a model may read one kind alone, or no raw items
                self.collection.search(part, k=1)

    @cached_property
    def method(self) -> str:
        """How its codes are made, as in `cca+itq`."""
        spec = json.loads((self.collection.folder / MODEL / "bundle.json").read_text(encoding="utf-8"))
        return str(spec.get("method", "unknown"))

    def facts(self) -> dict[str, Any]:
        """Return what a client may know of it: sizes, and which model made its codes."""
        snapshot = self.collection.snapshot()
        images, texts = (len(snapshot.sides[modality]) for modality in ("image", "text"))
        return {
            "name": self.name,
            "items": len(self.collection),
            "images": images,
            "texts": texts,
            "bits": self.collection.bits,
            "code_bytes": sum(side.codes.packed.nbytes for side in snapshot.sides.values()),
            "method": self.method,
            "model": self.collection.store.facts["model"],
        }

    def sample(self, count: int, seed: int) -> list[Item]:
        """Return some items, drawn with a seed: those with pictures if there are any."""
        with self.collection.view() as (connection, snapshot):
            sides = snapshot.sides
            numbers = sides["image"].numbers if len(sides["image"]) else sides["text"].numbers
            rng = np.random.default_rng(seed)
            wanted: list[int] = rng.choice(numbers, min(count, len(numbers)), replace=False, shuffle=False).tolist()
            found = items_of(connection, wanted)
        return [found[number] for number in wanted]

    def fields(self) -> list[dict[str, Any]]:
        """Return the fields of the metadata of some items, the most frequent first, with values to filter by."""
        values: dict[tuple[str, bool], Counter[str | float]] = {}
        for item in self.sample(_LOOKED_AT, seed=0):
            for name, value, listed in _leaves(item.metadata):
                values.setdefault((name, listed), Counter())[value] += 1
        by_use = sorted(values.items(), key=lambda pair: (-pair[1].total(), pair[0]))
        return [
            {"name": name, "listed": listed, "values": [value for value, _ in seen.most_common(_VALUES)]}
            for (name, listed), seen in by_use
        ]

    def has_thumbnail(self, item: Item) -> bool:
        """Return whether an item has a small picture to show."""
        return item.content is not None and self.collection.store.facts["thumbnail"] > 0


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str | float, bool]]:
    """Yield the fields that a filter can name, their values, and whether those are elements of a list."""
    for key, each in value.items():
        name = f"{above}.{key}" if above else key
        if not key.isidentifier():
            continue
        if isinstance(each, Mapping):
            yield from _leaves(each, name)
            continue
        for one in each if isinstance(each, list) else [each]:
            if isinstance(one, str | int | float) and not isinstance(one, bool):
                yield name, one, isinstance(each, list)


@final
class ServedCollections:
    """All collections that are served, by name."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._by_name: dict[str, ServedCollection] = {}
        for collection in collections:
            name = _free(slug(collection.folder), self._by_name)
            self._by_name[name] = ServedCollection(name, collection)

    def __iter__(self) -> Iterator[ServedCollection]:
        """Yield the collections in the order in which they were given."""
        yield from self._by_name.values()

    def __getitem__(self, name: str) -> ServedCollection:
        """Return a collection by its name; an unknown one is refused."""
        if name not in self._by_name:
            there = ", ".join(self._by_name)
            raise RefusedError(404, "no-collection", f"no collection {name[:60]!r} is served; there are {there}")
        return self._by_name[name]

    @property
    def folders(self) -> list[Path]:
        """The places that no message may name."""
        return [shelf.collection.folder for shelf in self]


def slug(folder: Path) -> str:
    """Return the name of a folder as an address holds it.

    >>> slug(Path("My photos (2020)"))
    'My-photos-2020'
    """
    return re.sub(r"[^\w.]+", "-", folder.resolve().name, flags=re.ASCII).strip("-.") or "collection"


def _free(name: str, taken: Mapping[str, object]) -> str:
    names = [name, *(f"{name}-{count}" for count in range(2, len(taken) + 3))]
    return next(each for each in names if each not in taken)


def refuse_places(where: str) -> None:
    """Refuse a filter that would find out where pictures lie on the server, a comparison at a time.

    What the library's own reader does not understand is left to it, which says why.
    """
    try:
        tree = ast.parse(where.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    pairs = [pair for node in compared for pair in pairwise([node.left, *node.comparators])]
    if any(_is_place(side) for pair in pairs if not any(map(_is_none, pair)) for side in pair):
        raise InputError("a filter here may ask whether there is a picture, as in picture != None, but not where it is")


def _is_place(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "picture"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
