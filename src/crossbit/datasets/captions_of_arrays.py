"""Sentences beside image features: several to an image, which may itself be repeated for each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy import ndarray

from ..errors import InputError
from .array_columns import Block, Column

logger = logging.getLogger("crossbit.records")

#: The most rows in which an image may be repeated.
_MOST = 64


@final
@dataclass(frozen=True)
class Sentences:
    """The sentences of every item, and how many each has."""

    column: Column
    each: int
    texts: tuple[tuple[str, ...], ...]


def sentences_of(columns: Mapping[str, Column], sentences: Column | None) -> tuple[dict[str, Column], Sentences | None]:
    """Return the columns with each image once, and the sentences of each image."""
    if sentences is None:
        return dict(columns), None
    lines = [text for block in sentences.blocks for text in _lines(block)]
    images = columns["image"]
    times = _times(images) if sum(images.counts) == len(lines) and len(columns) == 1 else 1
    if times > 1:
        logger.info("image: every image stands %d times, and is taken once with its %d sentences", times, times)
        images = images._replace(blocks=tuple(block._replace(array=block.array[::times]) for block in images.blocks))
    n = sum(images.counts)
    each = len(lines) // n if n else 0
    if not each or each * n != len(lines):
        short = len(lines) % max(images.counts[0], 1) == 0 and len(sentences.blocks) < len(images.blocks)
        raise InputError(
            f"arrays: {len(lines)} sentences in captions do not go evenly into {n} images"
            + (
                f", but into those of {images.blocks[0].name}: add the other blocks, as in captions=A+B"
                if short
                else ""
            )
        )
    if len(images.blocks) == len(sentences.blocks) and [each * c for c in images.counts] != [*sentences.counts]:
        raise InputError(f"arrays: {images.shapes} and {sentences.shapes} do not go together block by block")
    logger.info("captions: %d per image", each)
    texts = tuple(tuple(lines[at : at + each]) for at in range(0, len(lines), each))
    return {**columns, "image": images}, Sentences(sentences, each, texts)


def _lines(block: Block) -> list[str]:
    cells: list[Any] = np.ravel(block.array).tolist()
    if not all(isinstance(cell, str) for cell in cells):
        raise InputError(f"arrays: captions={block.name} holds {block.array.dtype} and not texts; text= takes features")
    return [cell.strip() for cell in cells]


def _times(images: Column) -> int:
    """Return how many rows in a row are the same image, everywhere."""
    first = images.blocks[0].array
    if not isinstance(first, ndarray) or len(first) < 2:
        return 1
    differs = [at for at in range(1, min(len(first), _MOST)) if (first[at] != first[0]).any()]
    times = differs[0] if differs else 1
    return times if times > 1 and all(_repeats(block.array, times) for block in images.blocks) else 1


def _repeats(array: Any, times: int) -> bool:
    if len(array) % times:
        return False
    step = times * max(4096 // times, 1)
    return all(
        (array[at : at + step].reshape(-1, times, *array.shape[1:]) == array[at : at + step : times, None]).all()
        for at in range(0, len(array), step)
    )
