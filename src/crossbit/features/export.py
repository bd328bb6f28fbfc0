"""Export of features to files that any tool reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.pairs import Array, Dataset, Paired
from ..io.atomic import atomic_folder, refuse_other
from .featurise import Featurised
from .matrix import stacked

#: What every folder of extracted features holds, and what it may hold besides.
_ALWAYS = {"ids.json", "split.json", "pipelines"}
_FILES = {f"{name}{suffix}" for name in ("image", "text", "labels") for suffix in (".npy", ".npz")}


def export(features: Featurised, corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Write features, labels, ids, split and pipelines into a folder and return what was written.

    `image` and `text` become .npy, or SciPy's .npz where they are CSR, one row per pair in the order of the corpus;
    `ids.json` gives the item of each row. The folder is written whole or not at all, and replaces an earlier extract.
    """
    refuse_other_than_extract(folder)
    with atomic_folder(folder) as partial:
        return _write(features, corpus, partial)


def refuse_other_than_extract(folder: Path) -> None:
    """Refuse a folder that holds something other than extracted features, or cannot be written."""
    names = {place.name for place in folder.iterdir()} if folder.is_dir() else set()
    refuse_other(folder, "a folder of extracted features", replaceable=_ALWAYS <= names <= _ALWAYS | _FILES)


def _write(features: Featurised, corpus: Corpus, folder: Path) -> dict[str, Any]:
    pairs = every_pair(features.dataset)
    ids = [corpus.ids[item] for item in pairs.item]
    (folder / "ids.json").write_text(json.dumps(ids, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    features.dataset.split.save(folder / "split.json")
    if pairs.labels is not None:
        _save(pairs.labels, folder, "labels")
    written = {}
    for pipeline in (features.image, features.text):
        pipeline.save(folder / "pipelines" / pipeline.modality)
        name = _save(pairs.of(pipeline.modality), folder, pipeline.modality)
        written[pipeline.modality] = {"file": name, "width": pipeline.width, "spec": pipeline.spec}
    split = features.dataset.split
    counts = {"rows": len(pairs), "items": len(set(ids)), "split": split.name, "sha256": split.sha256}
    return counts | written | {"failures": [failure._asdict() for failure in features.failures]}


def every_pair(data: Dataset) -> Paired:
    """Return the pairs of all parts of a dataset, each once, by item."""
    parts = [part for part in (data.database, data.query, data.train, data.validation) if part is not None]
    seen: set[int] = set()
    chosen = []
    for part in parts:
        new = part[np.array([row for row, item in enumerate(part.item.tolist()) if item not in seen], np.int64)]
        seen |= set(new.item.tolist())
        chosen.append(new)
    item = np.concatenate([part.item for part in chosen])
    order = np.argsort(item, kind="stable")
    image, text = (stacked([part.of(modality) for part in chosen]) for modality in ("image", "text"))
    labels = None if data.train.labels is None else np.concatenate([part.known_labels for part in chosen])
    return Paired(image, text, labels, item)[order]


def _save(rows: Array, folder: Path, name: str) -> str:
    if isinstance(rows, ndarray):
        np.save(folder / f"{name}.npy", rows)
        return f"{name}.npy"
    from scipy.sparse import save_npz

    save_npz(folder / f"{name}.npz", rows)
    return f"{name}.npz"
