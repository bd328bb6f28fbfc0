"""Served collections: each under a unique name, warmed up, with the queries that requests need."""

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
from ..collection.storage.filter_syntax import condition_of
from ..collection.storage.reads import items_of
from ..collection.storage.store import MODEL
from ..errors import InputError
from .errors import ApiError

#: Items in the sample that shows which fields there are, and values listed per field.
_SAMPLE, _VALUES = 200, 12


@final
@dataclass(frozen=True, eq=False)
class ServedCollection:
    """A collection with its name in URLs."""

    name: str
    collection: Collection

    def warm_up(self) -> None:
        """Load codes and model and search once by each modality, so that no request waits for loading."""
        self.collection.snapshot()
        self.collection.model  # noqa: B018
        for part in (text("a"), image(np.full((64, 64, 3), 128, np.uint8))):
            with suppress(InputError):  # the model may read one modality alone, or no raw items
                self.collection.search(part, k=1)

    @cached_property
    def method(self) -> str:
        """The method that made its codes, such as `cca+itq`."""
        spec = json.loads((self.collection.folder / MODEL / "bundle.json").read_text(encoding="utf-8"))
        return str(spec.get("method", "unknown"))

    def facts(self) -> dict[str, Any]:
        """Return its public facts: sizes, and the model that made its codes."""
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
        """Return a random sample of items, drawn with a seed from those with pictures if there are any."""
        with self.collection.view() as (connection, snapshot):
            sides = snapshot.sides
            numbers = sides["image"].numbers if len(sides["image"]) else sides["text"].numbers
            rng = np.random.default_rng(seed)
            wanted: list[int] = rng.choice(numbers, min(count, len(numbers)), replace=False, shuffle=False).tolist()
            found = items_of(connection, wanted)
        return [found[number] for number in wanted]

    def fields(self) -> list[dict[str, Any]]:
        """Return the metadata fields of a sample, the most frequent first, with values to filter by."""
        values: dict[tuple[str, bool], Counter[str | float]] = {}
        for item in self.sample(_SAMPLE, seed=0):
            for name, value, listed in _fields(item.metadata):
                values.setdefault((name, listed), Counter())[value] += 1
        by_use = sorted(values.items(), key=lambda pair: (-pair[1].total(), pair[0]))
        return [
            {"name": name, "listed": listed, "values": [value for value, _ in seen.most_common(_VALUES)]}
            for (name, listed), seen in by_use
        ]

    def has_thumbnail(self, item: Item) -> bool:
        """Return whether an item has a thumbnail."""
        return item.content is not None and self.collection.store.facts["thumbnail"] > 0


def _fields(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str | float, bool]]:
    """Yield the fields that a filter can name, their values, and whether these are elements of a list."""
    for key, each in value.items():
        name = f"{above}.{key}" if above else key
        if not key.isidentifier():
            continue
        if isinstance(each, Mapping):
            yield from _fields(each, name)
            continue
        for one in each if isinstance(each, list) else [each]:
            if isinstance(one, str | int | float) and not isinstance(one, bool):
                yield name, one, isinstance(each, list)


@final
class ServedCollections:
    """All served collections, by name."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._by_name: dict[str, ServedCollection] = {}
        for collection in collections:
            name = _free(slug(collection.folder), self._by_name)
            self._by_name[name] = ServedCollection(name, collection)

    def __iter__(self) -> Iterator[ServedCollection]:
        """Yield the collections in the given order."""
        yield from self._by_name.values()

    def __getitem__(self, name: str) -> ServedCollection:
        """Return a collection by name; an unknown one is an error 404."""
        if name not in self._by_name:
            names = ", ".join(self._by_name)
            raise ApiError(404, "no-collection", f"no collection {name[:60]!r} is served; there are {names}")
        return self._by_name[name]

    @property
    def folders(self) -> list[Path]:
        """The folders that no message may reveal."""
        return [served.collection.folder for served in self]


def slug(folder: Path) -> str:
    """Return the name of a folder for a URL.

    >>> slug(Path("My photos (2020)"))
    'My-photos-2020'
    """
    return re.sub(r"[^\w.]+", "-", folder.resolve().name, flags=re.ASCII).strip("-.") or "collection"


def _free(name: str, taken: Mapping[str, object]) -> str:
    names = [name, *(f"{name}-{count}" for count in range(2, len(taken) + 3))]
    return next(each for each in names if each not in taken)


def refuse_paths(where: str) -> None:
    """Refuse a filter that could reveal the paths of pictures, one comparison at a time.

    Invalid filters are left to the parser of the library, which reports the error.
    """
    try:
        nodes = list(ast.walk(condition_of(where)))
    except InputError:
        return
    pairs = [(node.left, node.right) for node in nodes if isinstance(node, ast.BinOp)]
    for node in nodes:
        if isinstance(node, ast.Compare):
            pairs += pairwise([node.left, *node.comparators])
    if any(_is_path(side) for pair in pairs if not any(map(_is_none, pair)) for side in pair):
        raise InputError("a filter may test whether there is a picture, as in picture != None, but not its path")


def _is_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "picture"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
