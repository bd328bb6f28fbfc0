"""Columns of a dataset from arrays: where each lies, its blocks of rows, and whether its rows or columns are items."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy import ndarray

from ..data.pairs import Array
from ..errors import InputError
from ..io.arrays import ENDINGS, contents, dotted, read_named, spooled, unfit
from ..io.text import path_below
from ..spec import split_plus

logger = logging.getLogger("crossbit.records")

#: Rows that are copied at a time when blocks are joined.
_ROWS = 4096


class Block(NamedTuple):
    """Some rows of a column: what an option calls them, and the array."""

    name: str
    array: Any


class Column(NamedTuple):
    """The blocks of a column, one below the other."""

    option: str
    blocks: tuple[Block, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of rows of each block."""
        return tuple(block.array.shape[0] for block in self.blocks)

    @property
    def shapes(self) -> str:
        """The shapes of the blocks as text."""
        return f"{self.option} " + " + ".join(" x ".join(map(str, block.array.shape)) for block in self.blocks)

    def turned(self) -> Column:
        """Return the column with the items of its blocks in rows instead of columns."""
        blocks = [block._replace(array=block.array.T) for block in self.blocks]
        return self._replace(
            blocks=tuple(b if isinstance(b.array, ndarray) else b._replace(array=b.array.tocsr()) for b in blocks)
        )

    def read(self, *, by_columns: bool) -> tuple[int, ...] | None:
        """Return the number of items of each block, in rows or in columns; nothing where their widths differ."""
        if by_columns and any(block.array.ndim != 2 for block in self.blocks):
            return None
        widths = {block.array.shape[:1] if by_columns else block.array.shape[1:] for block in self.blocks}
        return tuple(block.array.shape[int(by_columns)] for block in self.blocks) if len(widths) == 1 else None


@final
@dataclass(frozen=True)
class Places:
    """Where options look for arrays: a folder, and the file in which a bare name lies."""

    folder: Path
    file: str = ""
    confined: bool = False
    """Whether files must lie below the folder, because someone else wrote their names."""

    def column(self, option: str, value: str) -> Column:
        """Return the blocks that an option names, between plus signs."""
        tokens = split_plus(value)
        blocks = (_blocks(option, token, self.read(option, token), self.place(option, token)) for token in tokens)
        return Column(option, tuple(chain.from_iterable(blocks)))

    def read(self, option: str, token: str) -> Any:
        """Return the array that `NAME`, `FILE` or `FILE:NAME` stands for."""
        path, name = self.place(option, token)
        if not path.is_file():
            raise InputError(f"arrays: {option}={token}: there is no file {path}")
        value = read_named(path, name)
        if isinstance(value, ndarray) and value.dtype.kind == "S":
            return np.char.decode(value, "utf-8", "replace").astype(object)
        return value

    def place(self, option: str, token: str) -> tuple[Path, str | None]:
        """Return the file and the name in it that a token stands for; `file` may hold names that end as files do."""
        stem, colon, name = token.rpartition(":")
        if colon and Path(stem).suffix.lower() in ENDINGS:
            return self.path(stem), name
        if self.file and "." in token and self._holds(token):
            return self.path(self.file), token
        if Path(token).suffix.lower() in ENDINGS or Path(token).suffix.lower() in (".pkl", ".pickle"):
            return self.path(token), None
        if not self.file:
            raise InputError(
                f"arrays: {option}={token} is no file of arrays ({', '.join(ENDINGS)}), and no file= says where it lies"
            )
        return self.path(self.file), token

    def path(self, name: str) -> Path:
        """Return the place of a file."""
        return path_below(self.folder, name) if self.confined else placed(self.folder, name)

    def _holds(self, name: str) -> bool:
        path = self.path(self.file)
        return path.is_file() and dotted(name) in {dotted(each.name) for each in contents(path)}


def placed(folder: Path, name: str | Path) -> Path:
    """Return the place of a file: below the folder, or from here where only that is there."""
    below, here = folder / name, Path(name)
    return here if here.is_file() and not below.is_file() else below


def _blocks(option: str, token: str, value: Any, place: tuple[Path, str | None]) -> Iterator[Block]:
    """Yield the array, or those in a cell array; vectors of labels and ids lose their second axis."""
    if isinstance(value, str):
        value = np.array([value], object)
    if isinstance(value, ndarray) and value.dtype.kind in "OU":
        cells = list(value.ravel())
        matrices = [isinstance(cell, ndarray) and cell.ndim == 2 and min(cell.shape) > 1 for cell in cells]
        if cells and all(matrices):
            yield from (Block(f"{token}{{{at}}}", cell) for at, cell in enumerate(cells, 1))
            return
        value = _rows_of_cells(option, token, cells)
    if not hasattr(value, "shape"):
        raise InputError(f"arrays: {option}={token} is a {type(value).__name__} and no array")
    if value.ndim == 0:
        raise InputError(f"arrays: {option}={token} is a single value, and no array with a row per item")
    numbers = option in ("image", "text")
    if value.dtype.kind not in ("biuf" if numbers else "biufO"):
        why = unfit(*place, value)
        hint = "; captions= takes texts" if option == "text" and why.startswith("holds texts") else ""
        raise InputError(f"arrays: {option}={token} {why}{hint}")
    if not numbers and value.ndim == 2 and min(value.shape) == 1:  # of MATLAB; the axis tells flags from numbers
        value = (value if isinstance(value, ndarray) else value.toarray()).reshape(
            (-1, 1) if option == "labels" else -1
        )
    yield Block(token, value)


def _rows_of_cells(option: str, token: str, cells: Sequence[Any]) -> Array:
    """Return one row per cell: texts, or vectors of one length."""
    if all(isinstance(cell, str) for cell in cells):
        return np.array(cells, object)
    vectors = [np.ravel(cell) for cell in cells]
    if all(vector.dtype.kind in "biuf" for vector in vectors) and len({vector.size for vector in vectors}) == 1:
        return np.stack(vectors)
    if all(vector.size == 1 and isinstance(vector[0], str) for vector in vectors):
        return np.array([vector[0] for vector in vectors], object)
    raise InputError(f"arrays: {option}={token} is a cell array of neither texts nor vectors of one length")


def upright(columns: Mapping[str, Column], captions: int = 0) -> dict[str, Column]:
    """Return columns whose rows are items; those with an item per column are turned, if only that fits the others.

    There are as many `captions`, if any, for each item.

    Raises:
        InputError: where no reading gives all columns the same items, or several do.

    """
    found = [
        turns
        for turns in product((False, True), repeat=len(columns))
        if _aligned([c.read(by_columns=turn) for c, turn in zip(columns.values(), turns, strict=True)], captions)
    ]
    shapes = ", ".join(column.shapes for column in columns.values())
    if not found:
        raise InputError(f"arrays: no reading gives these a row per item each: {shapes}{_several(columns)}")
    if len(found) > 1 and any(found[0]):  # as they stand, with an item per row, they do not fit
        first = next(iter(columns.values()))
        counts = " or ".join(f"{sum(first.read(by_columns=turns[0]) or ()):,} items" for turns in found)
        raise InputError(f"arrays: {shapes} can be read as {counts}; turn the arrays whose columns are items")
    for column, turn in zip(columns.values(), found[0], strict=True):
        if turn:
            logger.info("%s: one column per item, turned to rows, for only so it fits the others", column.shapes)
    turned = zip(columns.items(), found[0], strict=True)
    return {name: column.turned() if turn else column for (name, column), turn in turned}


def _aligned(counts: Sequence[tuple[int, ...] | None], captions: int) -> bool:
    """Return whether columns have the same items, block by block where they have as many blocks."""
    known = [each for each in counts if each is not None]
    if len(known) < len(counts):
        return False
    most = max(map(len, known))
    totals = {sum(each) for each in known}
    return len({each for each in known if len(each) == most}) == len(totals) == 1 and captions % max(*totals, 1) == 0


def _several(columns: Mapping[str, Column]) -> str:
    """Return what is wrong where an image has several rows of text features."""
    if not {"image", "text"} <= {*columns}:
        return ""
    images, texts = sum(columns["image"].counts), sum(columns["text"].counts)
    if images and texts > images and texts % images == 0:
        return (
            f"; there are {texts // images} rows of text for each of image, and text features have one row per item:"
            " give the sentences as captions= and an extractor for them, as in --features image=precomputed,text=bow"
        )
    return ""


def joined(column: Column, regions: str = "") -> Array:
    """Return the blocks one below the other; a single one as it is, mapped or not; large ones in a mapped file."""
    arrays = [_pooled(block, regions) for block in column.blocks]
    if len(arrays) == 1:
        return arrays[0]
    if not all(isinstance(array, ndarray) for array in arrays):
        from scipy.sparse import csr_array, vstack

        return vstack([csr_array(array) for array in arrays], format="csr")
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    rows = (array[at : at + _ROWS] for array in arrays for at in range(0, len(array), _ROWS))
    return spooled(shape, np.result_type(*arrays), rows)


def _pooled(block: Block, regions: str) -> Array:
    """Return features with one vector per item; several, as of regions of a picture, are averaged if that is wanted."""
    array = block.array
    if array.ndim == 2:
        return array
    if array.ndim != 3:
        raise InputError(f"arrays: {block.name} has shape {array.shape}, and features are a matrix with a row per item")
    if regions != "mean":
        raise InputError(
            f"arrays: {block.name} has shape {array.shape}: {array.shape[1]} vectors for each item; methods take one:"
            " regions=mean averages them"
        )
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)
    step = max(_ROWS // max(array.shape[1], 1), 1)
    means = (array[at : at + step].mean(axis=1, dtype=np.float64) for at in range(0, len(array), step))
    return spooled((len(array), array.shape[2]), kind, means)
