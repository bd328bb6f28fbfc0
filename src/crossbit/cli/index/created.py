"""New collections on the command line, of which nothing is left where no item can be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from ...errors import InputError

if TYPE_CHECKING:
    from ...collection import Collection, Raw
    from ...collection.ingest.add import AddResult
    from ...collection.model import Model


@contextmanager
def new_collection(folder: Path, model: Path, **options: Any) -> Iterator[Collection]:
    """Create a collection, which is gone again where bad input leaves it empty."""
    from ...collection import Collection

    left_empty = False
    try:
        with Collection.create(folder, model, **options) as created:
            try:
                yield created
            except InputError:
                left_empty = not len(created)
                raise
    except InputError:
        if left_empty:
            rmtree(folder)
        raise


def refuse_widths(model: Model, raws: Iterable[Raw], dataset: str) -> None:
    """Refuse features of a dataset that are not as wide as those that the model was fitted on."""
    for modality, row in (raws[0].features if isinstance(raws, Sequence) and raws else {}).items():
        extractor = model.pipelines[modality].extractor
        wanted = getattr(extractor, "columns", 0)
        if extractor.precomputed and wanted and row.shape[-1] != wanted:
            raise InputError(
                f"{dataset}: its {modality} features have {row.shape[-1]} columns, and the model was fitted on"
                f" {wanted}; give such features as it was fitted on, or fit a model on these"
            )


def refuse_none(created: Collection, result: AddResult, dataset: str) -> None:
    """Refuse a dataset of which no item could be used."""
    if result.failures and not len(created):
        first = result.failures[0]
        raise InputError(f"{dataset}: no item can be used; the first, {first.id}: {first.reason}")
