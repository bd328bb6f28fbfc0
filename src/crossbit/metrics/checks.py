"""Checks of what is evaluated: both sides of a search and their labels."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ..codes import Codes
from ..errors import InputError

#: One side of a search: codes, ranked by Hamming distance, or vectors, ranked by similarity.
Searched: TypeAlias = Codes | Float[ndarray, "_ _"]
Labels: TypeAlias = Bool[ndarray, "_ _"]


def check_sides(query: Searched, database: Searched) -> None:
    """Refuse two sides that cannot be compared: empty ones, NaN, different lengths or kinds."""
    for side, part in (("query", query), ("database", database)):
        if len(part) == 0:
            raise InputError(f"the {side} is empty; give at least one item")
    if isinstance(query, Codes) and isinstance(database, Codes):
        if query.bits != database.bits:
            raise InputError(f"query codes have {query.bits} bits but the database's have {database.bits}")
    elif isinstance(query, Codes) or isinstance(database, Codes):
        raise InputError("query and database must both be codes, or both be vectors")
    else:
        _check_vectors("query", query)
        _check_vectors("database", database)
        if query.shape[1] != database.shape[1]:
            sizes = f"{query.shape[1]} dimensions but the database's have {database.shape[1]}"
            raise InputError(f"query vectors have {sizes}")


def _check_vectors(side: str, vectors: Float[ndarray, "n dim"]) -> None:
    finite: ndarray = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{(~finite).sum()} of {len(finite)} {side} vectors hold NaN or infinity, the first is row"
            f" {finite.argmin()}: they cannot be ranked; the model has diverged or its features are damaged"
        )


def checked_labels(
    query: Searched, database: Searched, query_labels: Labels | None, database_labels: Labels | None
) -> tuple[Labels, Labels]:
    """Return the labels of both sides; labels that do not fit them are refused."""
    labels = _labels_of("query", query, query_labels), _labels_of("database", database, database_labels)
    classes = [part.shape[1] for part in labels]
    if classes[0] != classes[1]:
        raise InputError(f"query labels have {classes[0]} classes but the database's have {classes[1]}")
    return labels


def _labels_of(side: str, searched: Searched, labels: Labels | None) -> Labels:
    if labels is None:
        raise InputError(
            f"the {side} has no labels, and relevance is a shared label; captions are scored by evaluate_instances"
        )
    if len(labels) != len(searched):
        raise InputError(f"the {side} has {len(searched)} items but {len(labels)} rows of labels")
    return labels
