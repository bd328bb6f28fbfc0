"""Which column of a list is the picture, the texts, the labels, the id; every other one is metadata."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple, final

from ..data.label_cells import FORMS
from ..errors import InputError, suggestion
from ..spec import split_plus
from .record import ReadOptions

#: Documented names, in the order in which they are looked for; case, blanks and hyphens make no difference.
IMAGE = ("image", "image_path", "file_name", "filename", "image_name", "filepath", "file", "path", "picture")
#: Singular and plural are taken together.
TEXT = (("text", "texts"), ("caption", "captions"), ("sentence", "sentences"), ("description",), ("comment",))
LABELS = ("labels", "label")
#: Names of columns that often hold labels; they are taken only if an option names them.
PERHAPS_LABELS = ("tags", "tag", "class", "classes", "category", "categories", "target")
#: In place of a column's name: none of them.
NONE = "-"


@final
class Columns(NamedTuple):
    """The columns of a list by what they hold; a column of labels may come with the form that a user chose."""

    image: str | None
    texts: tuple[str, ...]
    labels: dict[str, str]
    id: str | None
    metadata: tuple[str, ...]

    def words(self) -> set[str]:
        """Return the columns whose cells are read as texts, labels or ids."""
        return {*self.texts, *self.labels, *([self.id] if self.id else [])}

    def statement(self, labels: str) -> str:
        """Return what was taken for what; `labels` is the form of the labels."""
        taken = [f"image from {self.image!r}"] if self.image else []
        taken += [f"text from {_listed(self.texts)}"] if self.texts else []
        taken += [f"labels from {_listed(self.labels)} ({labels})"] if self.labels else []
        taken += [f"ids from {self.id!r}"] if self.id else []
        shown = ", ".join(self.metadata[:12]) + (", ..." if len(self.metadata) > 12 else "")
        return ", ".join(taken) + (f"; metadata: {shown}" if self.metadata else "")

    def advice(self) -> list[str]:
        """Return what a user may want to know of columns that were not taken."""
        perhaps = [] if self.labels else [name for name in self.metadata if _normal(name) in PERHAPS_LABELS]
        texts = [name for name in self.metadata if any(_normal(name) in group for group in TEXT)]
        advice = [f"{name!r} can be read as labels with labels={name}" for name in perhaps[:1]]
        if texts and self.texts:
            every = "+".join([*self.texts, *texts])
            advice.append(f"{_listed(texts)} can be read as text too with text={every}")
        return advice


def choose(columns: Sequence[str], options: ReadOptions, name: str, pictures: Collection[str] = ()) -> Columns:
    """Return what the columns of a list hold: what the options name, or else the first of the documented names.

    `pictures` are the columns that hold pictures themselves; where there is one, and no column of a documented name,
    it is the image.

    >>> choose(["File Name", "caption", "year"], ReadOptions(), "a.csv")
    Columns(image='File Name', texts=('caption',), labels={}, id=None, metadata=('year',))
    """
    choice = _Choice(columns, name)
    image = choice.one("image", options.image, IMAGE)
    groups = [choice.documented(group) for group in TEXT]
    texts = choice.several("text", options.text) if options.text else next(filter(None, groups), [])
    labels = choice.labels(options.labels) if options.labels else dict.fromkeys(choice.documented(LABELS)[:1], "")
    id_ = choice.one("id", options.id, ("id",))
    if image is None and not options.image:
        image = choice.only([each for each in pictures if each not in {*texts, *labels, id_}])
    if image is None and not texts:
        shown = ", ".join(columns[:30]) + (", ..." if len(columns) > 30 else "")
        hint = "; its first line should name the columns" if any(map(_like_a_file, columns)) else ""
        raise InputError(
            f"{name} has no column of pictures or texts that is known; it has {shown or 'none'}{hint};"
            " image=NAME and text=NAME say which they are"
        )
    taken = {image, id_, *texts, *labels}
    rest = tuple(each for each in columns if each not in taken and each not in pictures)
    return Columns(image, tuple(texts), labels, id_, rest)


@final
class _Choice(NamedTuple):
    columns: Sequence[str]
    name: str

    def one(self, option: str, named: str, documented: Sequence[str]) -> str | None:
        if named:
            return None if named == NONE else self.column(option, named)
        return next(iter(self.documented(documented)), None)

    def only(self, pictures: Sequence[str]) -> str | None:
        """Return the one column that holds pictures; several are refused."""
        if len(pictures) > 1:
            ways = " or ".join(f"image={name}" for name in pictures[:6])
            raise InputError(
                f"{self.name} holds pictures in {_listed(pictures)}; choose {ways}, or image={NONE} for none"
            )
        return pictures[0] if pictures else None

    def several(self, option: str, named: str) -> list[str]:
        if named == NONE:
            return []
        parts = [named] if named in self.columns else split_plus(named)
        return list(dict.fromkeys(self.column(option, part) for part in parts))

    def labels(self, named: str) -> dict[str, str]:
        """Return the columns of labels, with the form that follows a column's name after a colon."""
        found: dict[str, str] = {}
        for part in [] if named == NONE else split_plus(named):
            column, colon, form = part.rpartition(":")
            if part in self.columns or not colon or form not in FORMS:
                column, form = part, ""
            found[self.column("labels", column)] = form
        return found

    def column(self, option: str, named: str) -> str:
        """Return the column that an option names, with or without its case and blanks."""
        if named in self.columns:
            return named
        alike = [column for column in self.columns if _normal(column) == _normal(named)]
        if len(alike) != 1:
            raise InputError(f"{self.name} has no column {named!r} for {option}; {suggestion(named, self.columns)}")
        return alike[0]

    def documented(self, names: Sequence[str]) -> list[str]:
        """Return the columns of documented names, in their order."""
        found = []
        for name in names:
            alike = [column for column in self.columns if _normal(column) == name]
            if len(alike) > 1:
                raise InputError(
                    f"{self.name} has the columns {_listed(alike)}, which differ in case alone; rename one"
                )
            found += alike
        return found


def _normal(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def _like_a_file(name: str) -> bool:
    return re.search(r"\.(jpe?g|png|webp|gif|bmp|tiff?)$", name.strip(), re.IGNORECASE) is not None


def _listed(names: Collection[str]) -> str:
    shown = [repr(name) for name in names][:6]
    return " + ".join(shown) + (f" + {len(names) - 6} more" if len(names) > 6 else "")
