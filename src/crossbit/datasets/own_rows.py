"""A corpus from rows of your own: a picture, one or more texts, and optional labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias, final

import numpy as np

from ..data.corpus import Corpus
from ..data.splits import Split, instance_split, random_split
from ..errors import InputError
from ..io.text import leave_out, path_below
from .captioned import OnMissing

#: What is searched: items that share a label, or a picture's own texts; `auto` is by label where there are labels.
Retrieval: TypeAlias = Literal["auto", "label", "instance"]


@final
@dataclass
class OwnPicture:
    """The texts and labels of one picture; further rows of the same picture add to them."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def split_labels(text: str) -> list[str]:
    """Return the labels of a cell, which stand between semicolons.

    >>> split_labels("sea; night sky;")
    ['sea', 'night sky']
    """
    return [label.strip() for label in text.split(";") if label.strip()]


@final
@dataclass(frozen=True)
class RowOptions:
    """The options of a dataset of your own."""

    retrieval: Retrieval
    query: int | None
    missing: OnMissing
    seed: int

    def corpus(self, name: str, rows: dict[str, OwnPicture], folder: Path) -> Corpus:
        """Return the corpus of the rows whose picture is below `folder`; an id is the picture's path without ending."""
        if not rows:
            raise InputError(f"{name}: {folder} lists no pictures")
        absent = [image for image in rows if not os.path.isfile(path_below(folder, image))]
        leave_out(f"pictures are not in {folder}", absent, len(rows), refuse=self.missing == "fail")
        kept = {image: row for image, row in rows.items() if image not in {*absent}}
        classes = tuple(sorted({label for row in kept.values() for label in row.labels}))
        labels = np.array([[label in row.labels for label in classes] for row in kept.values()], bool)
        ids = _ids(list(kept))
        return Corpus(
            name,
            ids,
            self._split(ids, labelled=bool(classes)),
            images=[path_below(folder, image) for image in kept],
            texts=[tuple(row.texts) for row in kept.values()],
            labels=labels if classes else None,
            classes=classes,
        )

    def _split(self, ids: Sequence[str], *, labelled: bool) -> Split:
        query = max(len(ids) // 10, 1) if self.query is None else self.query
        if self.retrieval == "label" and not labelled:
            raise InputError("retrieval by label needs labels, and there are none; use retrieval='instance'")
        if self.retrieval == "label" or (self.retrieval == "auto" and labelled):
            return random_split("drawn", ids, query=query, train=len(ids) - query, seed=self.seed)
        return instance_split("drawn", ids, query=query, seed=self.seed)


def _ids(images: Sequence[str]) -> tuple[str, ...]:
    """Return the paths without their endings, or with them where two would be alike."""
    stems = tuple(str(PurePosixPath(image).with_suffix("")) for image in images)
    return stems if len({*stems}) == len(stems) else tuple(images)
