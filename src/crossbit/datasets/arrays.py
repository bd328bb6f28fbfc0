"""Arrays of your own: features of images and texts, labels and splits in .npy, .npz, .mat, HDF5, .pt or text files."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.label_arrays import decide_arrays
from ..data.labels import Labels, decide
from ..data.pairs import Array, Modality
from ..data.splits import Split, listed
from ..errors import InputError
from ..io.arrays import ENDINGS
from ..io.text import read_lines, read_text
from ..spec import build
from .array_columns import Column, Places, joined, upright
from .array_guess import suggested
from .array_ids import Items, item_ids
from .array_parts import PARTS, Parting
from .base import DatasetInfo, Loader
from .captions_of_arrays import Sentences, sentences_of
from .packs import recognise

logger = logging.getLogger("crossbit.records")

LISTED = "arrays.toml"
#: Files whose lines may be names of classes.
TABLES = (".txt", ".list", ".csv", ".tsv")
#: What `split=` says where items are drawn from all blocks.
DRAWN = "drawn"


@final
@dataclass(frozen=True)
class Arrays(Loader):
    """Loads matrices with a row per item.

    An array is named as `FILE:NAME`, as `FILE` where it holds one, or as `NAME` in `file`; `NAME` may be a path as in
    `result.B`, and in a table of text the number of a column. `A+B` is A above B. A matrix with a column per item is
    turned if only that fits the other arrays. Files are looked for in DATA_DIR/arrays or DATA_DIR, or else from here.
    """

    file: str = ""
    """The file in which bare names lie."""
    image: str = ""
    """The image features."""
    text: str = ""
    """The text features."""
    captions: str = ""
    """Sentences in place of text features or beside them: a text file with one per line, or a cell array; an image may
    have several in a row, and may itself be repeated for each."""
    labels: str = ""
    """Class numbers or names, or a matrix with a column per class."""
    form: Literal["", "numbers", "flags"] = ""
    """What a column of 0 and 1 alone is: the numbers of two classes, or the flags of one."""
    classes: str = ""
    """The name of each class, where labels are numbers or columns: a text file with one per line, or a cell array."""
    ids: str = ""
    """The name or number of each item; by default its row, from 000000."""
    train: int | str = ""
    """The training items: a block named in `image`, `text` or `labels`, a list of row numbers or ids, flags, or how
    many are drawn; of two blocks, from the first."""
    query: int | str = ""
    """The queries, likewise; by default the second of two blocks, from which a number of them is drawn, or a tenth."""
    database: int | str = ""
    """The items that are searched, likewise; by default all but queries and validation."""
    validation: int | str = ""
    """The items for model selection, likewise; by default none."""
    split: str = ""
    """In place of these four, a split file, or an array that says the part of each item; `drawn` draws from all
    blocks."""
    first: int | str | None = None
    """Where lists of numbers do not tell: 0 or 1, the number of the first item, or `ids` if the numbers are ids."""
    regions: Literal["", "mean"] = ""
    """What becomes of several vectors for each item: `mean` averages them."""
    seed: int = 0

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="arrays",
        title="Arrays of your own",
        citation="none; see the source of the features",
        terms="yours",
        sources=("your own feature matrices", "a pack of features that a paper hands out"),
        layout=f"""any files ending in {", ".join(ENDINGS)},
as the options name them, and optionally
{LISTED}   the options, one per line: image = "wiki.mat:I_tr + wiki.mat:I_te\"""",
        contents="one item per row; split: as the options name it, or of two blocks the first trains and is searched"
        " and the second queries, or else, drawn with seed 0, a tenth queries; without labels, the queries' images and"
        " texts search each other",
    )

    def load(self, data_dir: Path | None = None) -> Corpus:
        """Return the items in the order of their rows."""
        places, options, thinned = self._settled(data_folder(data_dir))
        matrices = {o: places.column(o, v) for o in ("image", "text", "labels", "ids") if (v := getattr(options, o))}
        sentences = places.column("captions", options.captions) if options.captions else None
        columns, said = sentences_of(_fitted(matrices, sentences), sentences)
        n = sum(columns["image"].counts)
        ids = item_ids(_entries(columns["ids"])) if "ids" in columns else tuple(f"{row:06d}" for row in range(n))
        features: dict[Modality, Array] = {
            modality: joined(columns[modality], options.regions)
            for modality in ("image", "text")
            if modality in columns
        }
        for modality, matrix in features.items():
            square = " (square: taken as it stands)" if len({*matrix.shape}) == 1 else ""
            logger.info("%s: %s, an item per row%s", modality, " x ".join(map(str, matrix.shape)), square)
        labels, classes = _labels(columns["labels"], places, options) if "labels" in columns else (None, ())
        parting = Parting(
            Items(ids, "ids" in columns, options.first),
            *_blocks(columns, said),
            read=places.read,
            labelled=labels is not None,
            seed=options.seed,
        )
        split = options._split(places, parting, thinned)
        texts = said.texts if said else None
        corpus = Corpus(self.info.name, ids, split, texts=texts, labels=labels, classes=classes, features=features)
        _tell_unlabelled(corpus)
        return corpus

    def _settled(self, folder: Path) -> tuple[Places, Arrays, dict[str, int]]:
        """Return where to look, and the options: those that are given, of `arrays.toml`, or of a pack.

        The last are how many items are drawn of each part whose array `arrays.toml` or the pack names.
        """
        written = folder / LISTED
        given = {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }
        if written.is_file() and not self.file and not self.image:
            stored, where = _read_options(written), str(written)
        elif self.image or self.text or self.captions:
            _refuse_halves(self, "arrays")
            return Places(folder, self.file), self, {}
        else:
            if self.file:
                _existing(Places(folder), "file", self.file)
            found = recognise(folder, self.file)
            if not found:
                raise InputError(f"arrays: image= and text= say which arrays to read; {suggested(folder, self.file)}")
            logger.info("recognised %s: %s", found.title, ", ".join(f"{o}={v}" for o, v in found.options.items()))
            stored, where = dict(found.options), "dataset arrays"
        thinned = {
            part: given.pop(part)
            for part in PARTS
            if isinstance(given.get(part), int) and isinstance(stored.get(part), str)
        }
        options = build(Arrays, {**stored, **given}, where)
        _refuse_halves(options, where)
        return Places(folder, options.file, confined=where == str(written)), options, thinned

    def _split(self, places: Places, parting: Parting, thinned: Mapping[str, int]) -> Split:
        values = {part: value for part in PARTS if (value := getattr(self, part)) != ""}
        if self.split and self.split != DRAWN and values:
            raise InputError(
                f"arrays: split={self.split} says all parts; leave train=, query=, database= and validation= out"
            )
        if self.split.endswith(".json"):
            return Split.load(_existing(places, "split", self.split))
        named = {part: value for part, value in values.items() if isinstance(value, str)}
        counts = {part: value for part, value in values.items() if isinstance(value, int)}
        if self.split == DRAWN:
            return replace(parting, order=()).split(named, {**counts, **thinned})
        return parting.split(named, {**counts, **thinned}, self.split)


def _refuse_halves(options: Arrays, where: str) -> None:
    """Refuse options without a pair."""
    if not options.image or not (options.text or options.captions):
        raise InputError(f"{where}: a pair needs image= and text=, or image= and captions=")
    if not options.labels and (options.classes or options.form):
        raise InputError(f"{where}: classes= and form= are about labels=, which are not given")


def _existing(places: Places, option: str, name: str) -> Path:
    """Return the place of a file that an option names."""
    path = places.path(name)
    if not path.is_file():
        raise InputError(f"arrays: {option}={name}: there is no file {path}")
    return path


def data_folder(data_dir: Path | None) -> Path:
    """Return the folder of the files: `data_dir/arrays`, `data_dir`, or the current one."""
    if data_dir is None:
        return Path()
    if not data_dir.is_dir():
        raise InputError(f"arrays: the data folder {data_dir} does not exist")
    below = data_dir / "arrays"
    return below if below.is_dir() else data_dir


def _read_options(path: Path) -> dict[str, Any]:
    """Return the options that a file lists; a list of names is what plus signs join."""
    try:
        values = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        raise InputError(f"{path} is not TOML: {fault}") from None
    texts = {o: v for o, v in values.items() if isinstance(v, list) and all(isinstance(each, str) for each in v)}
    return values | {option: "+".join(value) for option, value in texts.items()}


def _entries(column: Column) -> list[Any]:
    """Return the entries of all blocks, one after the other."""
    return [entry for block in column.blocks for entry in np.ravel(block.array).tolist()]


def _fitted(columns: Mapping[str, Column], sentences: Column | None) -> Mapping[str, Column]:
    """Return the columns with an item per row; where they do not fit, the error says which block may be missing."""
    try:
        return upright(columns, 0 if sentences is None else sum(sentences.counts))
    except InputError as fault:
        most = max(columns.values(), key=lambda column: len(column.blocks))
        short = [
            c.option for c in columns.values() if len(c.blocks) < len(most.blocks) and sum(c.counts) in most.counts
        ]
        if short:
            part = most.blocks[most.counts.index(sum(columns[short[0]].counts))].name
            raise InputError(
                f"{fault}; {short[0]} has the rows of {part} alone: add its other blocks, as A+B"
            ) from None
        if sentences is None:
            raise
    return upright(columns)  # so it is the sentences that do not fit, which `sentences_of` says


def _labels(column: Column, places: Places, options: Arrays) -> tuple[Bool[ndarray, "n classes"], tuple[str, ...]]:
    """Return labels and the names of their classes, decided over all blocks."""
    form = options.form
    if form and any(block.array.ndim == 2 and block.array.shape[1] > 1 for block in column.blocks):
        raise InputError(
            f"arrays: form={form} says what a single column is, but {column.shapes} has one per class; leave it out"
        )
    if all(block.array.dtype == object for block in column.blocks):
        parts = [decide(_entries(column), column.option, form, "form=")]
    else:
        arrays = {f"{at} {block.name}": block.array for at, block in enumerate(column.blocks, 1)}
        parts = decide_arrays(arrays, form, "form=")
    logger.info("labels: %s", parts[0].form)
    return np.concatenate([part.matrix for part in parts]), _classes(parts[0], places, options.classes)


def _classes(labels: Labels, places: Places, token: str) -> tuple[str, ...]:
    """Return the names of the classes, which a list of them gives where labels are numbers or columns."""
    if not token:
        return labels.classes
    if not labels.numbered:
        raise InputError(
            f"arrays: classes={token} names numbered classes, but labels are names already, such as"
            f" {listed(labels.classes, 2)}; leave it out"
        )
    names = _names(places, token)
    if len(names) != len(labels.classes):
        raise InputError(f"arrays: classes={token} has {len(names)} names, but there are {len(labels.classes)} classes")
    return names


def _names(places: Places, token: str) -> tuple[str, ...]:
    """Return the lines of a text file, or the texts of an array."""
    ending = Path(token).suffix.lower()
    if ending in TABLES or (ending not in ENDINGS and not places.file and ":" not in token):
        return tuple(line.strip() for line in read_lines(_existing(places, "classes", token)))
    values = np.ravel(places.read("classes", token)).tolist()
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"arrays: classes={token} holds no texts, and classes are a list of names")
    return tuple(value.strip() for value in values)


def _tell_unlabelled(corpus: Corpus) -> None:
    """Say how many queries have no label."""
    if corpus.labels is not None:
        bare = int((~corpus.labels[corpus.rows(corpus.split.query)].any(axis=1)).sum())
        if bare:
            logger.info("%d of %d queries have no label: nothing is relevant to them", bare, len(corpus.split.query))


def _blocks(columns: Mapping[str, Column], said: Sentences | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the rows of every named block, and the names of those of the column with the most."""
    rows: dict[str, Any] = {}
    for column in (*columns.values(), *((said.column,) if said else ())):
        each = said.each if said and column is said.column else 1
        start = 0
        for block in column.blocks:
            end = start + block.array.shape[0] // each
            rows.setdefault(block.name, np.arange(start, end))
            start = end
    most = max((c for o, c in columns.items() if o != "ids"), key=lambda column: len(column.blocks))
    return rows, tuple(block.name for block in most.blocks)
