"""Files of image features beside a dataset: the one that an option names, or the one that is there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from ..data.pairs import Array
from ..errors import InputError
from ..io.arrays import Stored, contents, listing, parted
from .base import DatasetFolder
from .matlab import finite

logger = logging.getLogger("crossbit.records")

#: Patterns of the names under which features are handed out, after what the dataset's own files are called.
USUAL = ("*feature*.*", "*feat*.*", "*-iall-*.mat", "*-xall*.mat", "*vgg*.*", "*clip*.*", "*resnet*.*")
_ENDINGS = (".npy", ".npz", ".mat", ".h5", ".hdf5", ".pt")


class ImageFeatures(NamedTuple):
    """Image features, and the number of the picture of each row where the file gives them as `ids`."""

    place: str
    matrix: Array
    ids: Any | None

    def of(self, n: int) -> Array:
        """Return a row for each of `n` pairs; a matrix with a column for each is turned."""
        if self.matrix.shape[0] == n:
            return self.matrix
        if self.matrix.shape[1] == n:
            logger.info("%s: one column per pair, turned to rows", self.place)
            return self.matrix.T
        raise InputError(f"{self.place} has shape {self.matrix.shape}, but there are {n} pairs: a row is a pair")


def image_features(folder: DatasetFolder, chosen: str) -> ImageFeatures | None:
    """Return the image features of `FILE` or `FILE:NAME` below the folder, or of the one file that looks like them."""
    if chosen:
        path, name = parted(str(folder.path / chosen))
        if not path.is_file():
            raise InputError(f"{folder.info.name}: features={chosen}: {path} does not exist")
        return _read(path, name)
    names = sorted(path.name for path in folder.path.iterdir() if path.suffix.lower() in _ENDINGS)
    found = [name for name in names if any(fnmatch(name.lower(), pattern) for pattern in USUAL)]
    if len(found) > 1:
        raise InputError(
            f"{folder.info.name}: {folder.path} holds several files of features; choose features="
            + " or features=".join(found)
        )
    return _read(folder.path / found[0], None) if found else None


def _read(path: Path, name: str | None) -> ImageFeatures:
    held = contents(path)
    matrix = _chosen(path, [each for each in held if name is None or each.name == name], name)
    ids = next((each.read() for each in held if each.name == "ids"), None)
    place = f"{path}: {matrix.name}" if matrix.name else str(path)
    logger.info("image features are those of %s, %s", place, " x ".join(map(str, matrix.shape)))
    return ImageFeatures(place, finite(matrix.read(), place), ids)


def _chosen(path: Path, held: Sequence[Stored], name: str | None) -> Stored:
    """Return the one matrix of numbers, or the one whose name says that it is of images."""
    matrices = [each for each in held if len(each.shape) == 2 and each.kind not in ("cell", "text")]
    named = [each for each in matrices if each.name.lower() in ("image_feature", "image_features", "image", "xall")]
    for few in (matrices, named):
        if len(few) == 1:
            return few[0]
    raise InputError(
        f"{path} holds {listing(held)}, and image features are one matrix of numbers; choose features={path.name}:NAME"
    )
