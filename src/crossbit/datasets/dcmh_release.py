"""The MATLAB files in which the authors of DCMH (Jiang and Li, CVPR 2017) publish their benchmarks."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..errors import InputError
from .base import DatasetFolder
from .matlab import read_flag_matrix, read_matrix, read_names, stacked_images


def release_layout(stem: str, *, tags: int, classes: int) -> str:
    """Return the description of the files whose names start with `stem`."""
    return f"""{stem}-yall.mat  YAll, pairs x {tags} tags
{stem}-lall.mat  LAll, pairs x {classes} labels
{stem}-iall.mat  optional: IAll, height x width x 3 x pairs, version 7.3
{stem}-fall.mat  optional: FAll, the pictures' names"""


def has_release(folder: DatasetFolder, stem: str) -> bool:
    """Return whether the folder holds such files."""
    return folder.has(f"{stem}-lall.mat") or folder.has(f"{stem}-yall.mat")


def read_release(
    folder: DatasetFolder, stem: str, *, tags: int, classes: int
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the ids, which are the pictures' names without ending or else row numbers, and columns for a `Corpus`."""
    labels = read_flag_matrix(folder.find(f"{stem}-lall.mat"), "LAll", classes)
    bag = read_matrix(folder.find(f"{stem}-yall.mat"), "YAll", tags)
    fall, iall = (folder.path / f"{stem}-{letter}all.mat" for letter in "fi")
    names = read_names(fall, "FAll") if fall.exists() else [f"{row:06d}" for row in range(len(labels))]
    if len(names) != len(labels) or bag.shape[0] != len(labels):
        raise InputError(f"{folder.path}: {len(labels)} rows of LAll, {bag.shape[0]} of YAll, {len(names)} names")
    return tuple(PureWindowsPath(name).stem for name in names), {
        "labels": labels,
        "features": {"text": csr_array(bag, dtype=np.float32)},
        "images": stacked_images(iall, "IAll") if iall.exists() else None,
    }
