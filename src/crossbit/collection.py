"""A collection: items, their codes in both modalities, and the model that made them, in one folder.

::

    COLLECTION/items.jsonl    one item a line: id, texts, where its picture lies
    COLLECTION/image.npy      packed codes of the pictures    COLLECTION/text.npy   and of the texts
    COLLECTION/model/         the bundle, so that queries are always encoded by the model that encoded the items

It is written once; to change it, create it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from .bundle import Bundle, refuse_unwritable, written_whole
from .codes import Codes
from .data import MODALITIES, Corpus, Dataset, Modality
from .errors import InputError
from .indexes import build


@final
@dataclass(frozen=True)
class Item:
    """What a search shows of an item."""

    id: str
    texts: tuple[str, ...] = ()
    picture: str | None = None


class Hit(NamedTuple):
    """An item that a search found."""

    item: Item
    distance: int


@final
@dataclass(frozen=True, eq=False)
class Collection:
    """Items made searchable by one model; rows of `codes` are items."""

    items: tuple[Item, ...]
    codes: Mapping[Modality, Codes]
    bundle: Bundle

    def __post_init__(self) -> None:
        """Refuse codes that are not the items' or not the model's."""
        for modality, codes in self.codes.items():
            if len(codes) != len(self.items):
                raise InputError(f"{len(self.items)} items have {len(codes)} {modality} codes; create it again")
            if codes.bits != self.bundle.encoder.dim:
                raise InputError(
                    f"the {modality} codes have {codes.bits} bits, but the model makes {self.bundle.encoder.dim};"
                    " create the collection again with this model"
                )

    @classmethod
    def of(cls, corpus: Corpus, data: Dataset, bundle: Bundle, *, everything: bool = False) -> Collection:
        """Return the database part of a dataset, or everything in it, encoded by the bundle's towers."""
        ids: list[str] = []
        codes: dict[Modality, list[Codes]] = {modality: [] for modality in MODALITIES}
        for part in ("database", "query", "train", "validation") if everything else ("database",):
            pairs, named, known = getattr(data, part), getattr(data.split, part), set(ids)
            if pairs is None:
                continue
            if len(pairs) != len(named):
                raise InputError(
                    "a collection has one text an item: extract its features with captions 'join' or 'first'"
                )
            fresh = np.array([row for row, id_ in enumerate(named) if id_ not in known], np.int64)
            ids += [named[row] for row in fresh]
            for modality, parts in codes.items():
                parts.append(bundle.encoder.encode(pairs.of(modality)[fresh], modality))
        items = tuple(_shown(corpus, id_, row) for id_, row in zip(ids, corpus.rows(ids).tolist(), strict=True))
        return cls(items, {modality: Codes.concatenate(parts) for modality, parts in codes.items()}, bundle)

    def search(self, query: Any, modality: Modality, target: Modality, k: int = 10, engine: str = "faiss") -> list[Hit]:
        """Return the `k` items whose `target` side is nearest to a raw query: a text, or a picture's path or pixels."""
        return self.search_codes(self.bundle.encode([query], modality), target, k, engine)[0]

    def search_codes(self, queries: Codes, target: Modality, k: int = 10, engine: str = "faiss") -> list[list[Hit]]:
        """Return the `k` items whose `target` side is nearest to each query's code, ties in order of the items."""
        rows, distances = build(engine, self.codes[target]).search(queries, k)
        return [
            [Hit(self.items[row], int(distance)) for row, distance in zip(*found, strict=True)]
            for found in zip(rows.tolist(), distances.tolist(), strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write the collection into an empty or new folder, whole or not at all."""
        refuse_full(folder)
        with written_whole(folder) as made:
            self.bundle.save(made / "model")
            for modality, codes in self.codes.items():
                np.save(made / f"{modality}.npy", codes.packed)
            lines = [json.dumps(asdict(item)) + "\n" for item in self.items]
            (made / "items.jsonl").write_text("".join(lines), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Collection:
        """Return the collection written by `save`; one that is damaged or incomplete is refused."""
        listing = folder / "items.jsonl"
        if not listing.is_file():
            raise InputError(f"{folder} is no collection: it has no items.jsonl; `crossbit index create` writes one")
        bundle = Bundle.load(folder / "model")
        try:
            items = tuple(_item(json.loads(line)) for line in listing.read_text(encoding="utf-8").splitlines())
            codes = {m: _codes(folder / f"{m}.npy", bundle.encoder.dim) for m in MODALITIES}
        except (ValueError, TypeError, KeyError, OSError, RecursionError) as fault:
            raise InputError(f"{folder} is damaged: {fault}; create the collection again") from None
        return cls(items, codes, bundle)


def refuse_full(folder: Path) -> None:
    """Refuse a place for a collection that is not empty, or where nothing can be written."""
    refuse_unwritable(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another place for the collection or empty it")


def _codes(path: Path, bits: int) -> Codes:
    packed = np.array(np.lib.format.open_memmap(path, mode="r"))  # checks the size before any memory is taken
    if packed.dtype != np.uint8 or packed.ndim != 2:
        raise InputError(f"{path.name} holds {packed.dtype} of shape {packed.shape} instead of packed codes")
    return Codes(packed, bits)


def _shown(corpus: Corpus, id_: str, row: int) -> Item:
    texts = () if corpus.texts is None else corpus.texts[row]
    picture = None if corpus.images is None else corpus.images[row]
    return Item(id_, tuple(texts), str(picture.resolve()) if isinstance(picture, Path) else None)


def _item(values: Mapping[str, Any]) -> Item:
    texts: Sequence[str] = values["texts"]
    return Item(values["id"], tuple(texts), values["picture"])
