"""The MATLAB files in which the authors of DCMH (Jiang and Li, CVPR 2017) and others after them publish benchmarks.

The arrays lie in a file each, in which UCCH and DGCPN also hand out VGG features, or in one file of version 7.3, as
DCMH's reimplementations in PyTorch take it. Names of files and arrays: read in the code of UCCH and of such
reimplementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..errors import InputError
from ..io.arrays import Stored, contents, listing, read_named
from .base import DatasetFolder
from .image_features import ImageFeatures, image_features
from .matlab import finite, read_flag_matrix, read_matrix, read_names, stacked_images


class ReleaseParts(NamedTuple):
    """The place of each array of a release, as a file and the name of the array in it."""

    labels: tuple[Path, str]
    tags: tuple[Path, str]
    pictures: tuple[Path, str] | None = None
    names: tuple[Path, str] | None = None
    matrix: tuple[Path, str] | None = None
    """The image features, where the file of the labels holds them too."""


def release_layout(stem: str, *, tags: int, classes: int, merged: str) -> str:
    """Return the description of the files whose names start with `stem`."""
    return f"""{stem}-yall.mat  YAll, pairs x {tags} tags
{stem}-lall.mat  LAll, pairs x {classes} labels
{stem}-iall.mat  optional: IAll, height x width x 3 x pairs, version 7.3
{stem}-fall.mat  optional: FAll, the pictures' names
{stem}-iall-vgg.mat, or any other file of features  optional: XAll, pairs x 4096

or, in one file of version 7.3:
{merged}  YAll, LAll, and images, as pixels or as features"""


def find_release(folder: DatasetFolder, stem: str, merged: Sequence[str]) -> ReleaseParts | None:
    """Return the arrays of such a release that the folder holds, if it does."""
    for ending in ("", "-rand"):  # UCCH's authors shuffle the rows of some files
        files = {letter: folder.path / f"{stem}-{letter}all{ending}.mat" for letter in "lyif"}
        if files["l"].exists() or files["y"].exists():
            return ReleaseParts(
                (folder.find(files["l"].name), "LAll"),
                (folder.find(files["y"].name), "YAll"),
                (files["i"], "IAll") if files["i"].exists() else None,
                (files["f"], "FAll") if files["f"].exists() else None,
            )
    there = {path.name.lower(): path for path in folder.path.iterdir()} if folder.path.is_dir() else {}
    one = next((there[name.lower()] for name in merged if name.lower() in there), None)
    return None if one is None else _in_one(one)


def read_release(
    folder: DatasetFolder, parts: ReleaseParts, *, tags: int, classes: int, features: str | None = ""
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the ids, which are the pictures' names without ending or else row numbers, and columns for a `Corpus`.

    `features` is the file of image features, empty for the one that is found, or None for none.
    """
    labels = read_flag_matrix(*parts.labels, classes)
    bag = read_matrix(*parts.tags, tags)
    names = read_names(*parts.names) if parts.names else [f"{row:06d}" for row in range(len(labels))]
    if len(names) != len(labels) or bag.shape[0] != len(labels):
        raise InputError(f"{folder.path}: {len(labels)} rows of LAll, {bag.shape[0]} of YAll, {len(names)} names")
    columns = {"text": csr_array(bag, dtype=np.float32)}
    if features is not None:
        columns |= _image_columns(folder, parts, features, len(labels))
    return tuple(PureWindowsPath(name).stem for name in names), {
        "labels": labels,
        "features": columns,
        "images": stacked_images(*parts.pictures) if parts.pictures else None,
    }


def _image_columns(folder: DatasetFolder, parts: ReleaseParts, features: str, n: int) -> dict[str, Any]:
    if parts.matrix and not features:
        held = ImageFeatures(f"{parts.matrix[0]}: {parts.matrix[1]}", read_named(*parts.matrix), None)
        return {"image": finite(held.of(n), held.place)}
    found = image_features(folder, features)
    return {"image": found.of(n)} if found else {}


def _in_one(path: Path) -> ReleaseParts:
    """Return the places of the arrays in one file."""
    held = {each.name.lower(): each for each in contents(path)}
    labels, tags = (_named(path, held, names) for names in (("lall", "labels", "label"), ("yall", "tags", "text")))
    images = next((held[name] for name in ("images", "image", "iall", "xall") if name in held), None)
    pixels = images is not None and len(images.shape) == 4
    return ReleaseParts(
        (path, labels.name),
        (path, tags.name),
        pictures=(path, images.name) if images is not None and pixels else None,
        matrix=(path, images.name) if images is not None and not pixels else None,
    )


def _named(path: Path, held: dict[str, Stored], names: Sequence[str]) -> Stored:
    found = [held[name] for name in names if name in held]
    if not found:
        raise InputError(f"{path} has none of {', '.join(names)}; it holds {listing([*held.values()])}")
    return found[0]
