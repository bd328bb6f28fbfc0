"""Standard figures of retrieval, drawn from plain arrays without global state.

Lines differ in colour, dash and marker, and are labelled at their right-hand ends, highest first, so that they can be
read without a legend and without colour. `save` writes figures to files; `svg` returns them for pages.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import matplotlib as mpl
import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from ..errors import InputError

#: The points of each line by label: x, then y.
Curves: TypeAlias = Mapping[str, tuple[Shaped[ndarray, "points"], Shaped[ndarray, "points"]]]
#: Mean and standard deviation by method and number of bits.
ScoresByBits: TypeAlias = Mapping[str, Mapping[int, tuple[float, float]]]

#: Okabe and Ito's colours for all kinds of colour vision, without their yellow and black, which vanish on a page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ((), (5, 1.5), (1.5, 1.2), (5, 1.5, 1.2, 1.5))
_MARKERS = "osD^vPX*"
_INK = "#1f2328"
_POINTS = 10  # the size of all text
_SIZE = (4.8, 3.2)  # inches
_LONGEST = 23  # characters of a label
_LEADING = 1.35 * _POINTS / (0.8 * 72 * _SIZE[1])  # a line of text, as a share of the height of the axes


def topn_curves(curves: Curves, title: str = "") -> Figure:
    """Return precision against the number of items retrieved: `(n, precision)` by label."""
    return _lines(curves, ("items retrieved", "precision"), title)


def pr_curves(curves: Curves, title: str = "") -> Figure:
    """Return precision against recall: `(recall, precision)` by label, the labels in the order of the areas."""
    return _lines(curves, ("recall", "precision"), title, rank=_area)


def radius_curves(curves: Curves, measure: str = "precision", title: str = "") -> Figure:
    """Return a measure against the Hamming radius: `(radius, value)` by label."""
    return _lines(curves, ("Hamming radius", measure), title)


def loss_curves(curves: Curves, step: str = "epoch", title: str = "") -> Figure:
    """Return the terms of an objective over a training: `(step, value)` by label."""
    return _lines(curves, (step, "loss"), title)


def epoch_curves(curves: Curves, measure: str = "MAP", title: str = "") -> Figure:
    """Return a measure over trainings of different lengths: `(share of the epochs, value)` by label."""
    return _lines(curves, ("share of the epochs", measure), title)


def score_curves(scores: ScoresByBits, measure: str = "MAP", chance: float | None = None, title: str = "") -> Figure:
    """Return a measure against the bits, a line per method with its deviations as error bars; chance is a level."""
    if not scores or not all(scores.values()):
        raise InputError("there are no scores to plot; give at least one per method")
    lengths = sorted({bits for by_bits in scores.values() for bits in by_bits})
    points = {method: np.array([(b, *by_bits[b]) for b in sorted(by_bits)]).T for method, by_bits in scores.items()}
    curves = {method: (bits, means) for method, (bits, means, _) in points.items()}
    if chance is not None:
        curves["chance"] = np.array(lengths), np.full(len(lengths), chance)
    figure = _lines(curves, ("bits", measure), title)
    (axes,) = figure.axes
    for line, (bits, means, deviations) in zip(axes.lines, points.values(), strict=False):
        axes.errorbar(bits, means, deviations, fmt="none", ecolor=line.get_color(), elinewidth=1, capsize=2)
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(bits) for bits in lengths])
    return figure


def dimmed(picture: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "rows columns"]) -> UInt8[ndarray, "h w 3"]:
    """Return a picture that is dimmed where a coarse mask is not set, with an outline around the rest."""
    h, w = picture.shape[:2]
    inside = mask[np.arange(h) * mask.shape[0] // h][:, np.arange(w) * mask.shape[1] // w]
    drawn = np.where(inside[..., None], picture, 0.2 * picture + 0.15 * picture.mean(2, keepdims=True))
    reach = max(1, h // 128)
    shifts = range(0, 2 * reach + 1, reach)
    padded = np.pad(inside, reach, mode="edge")
    within = np.logical_and.reduce([padded[down : down + h, right : right + w] for down in shifts for right in shifts])
    drawn[inside & ~within] = mpl.colors.to_rgba_array(COLOURS[4])[0, :3] * 255
    return np.asarray(drawn.round(), np.uint8)


class PictureRow(NamedTuple):
    """A row of pictures with a title, a label above each, and sentences below."""

    title: str
    pictures: Sequence[tuple[str, UInt8[ndarray, "h w 3"]]]
    sentences: Sequence[str]


def picture_rows(rows: Sequence[PictureRow]) -> Figure:
    """Return a figure of rows of pictures."""
    most = max(len(row.pictures) for row in rows)
    figure = Figure(figsize=(1.25 * most + 0.2, 2.3 * len(rows)), layout="constrained")
    parts = figure.subfigures(len(rows), squeeze=False)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        part.suptitle(row.title, x=0.01, ha="left", fontweight="bold", **_text())
        part.supxlabel(_paragraph(row.sentences, 20 * most), x=0.01, ha="left", **_text(8))
        places = part.subplots(1, most, squeeze=False)[0]
        for axes in places:
            axes.set_axis_off()
        for axes, (name, picture) in zip(places, row.pictures, strict=False):
            axes.imshow(picture)
            axes.set_title(name, pad=3, **_text(8))
    return figure


def _paragraph(sentences: Sequence[str], width: int) -> str:
    return "\n".join(textwrap.shorten(each, width, placeholder=" …") for each in sentences)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the suffix of the path; equal figures give equal files."""
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    if path.suffix not in undated:
        raise InputError(f"a figure is saved as {', '.join(undated)}, not as {path.name!r}")
    with mpl.rc_context({"svg.hashsalt": "crossbit"}):
        figure.savefig(path, dpi=200, metadata=undated[path.suffix])


def svg(figure: Figure) -> str:
    """Return a figure as an `<svg>` element for an HTML page, whose text colour and width it takes.

    Its text stays text, and its ids are its own, so that several figures can stand in one page.
    """
    sheet = StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crossbit"}):
        figure.savefig(sheet, format="svg", transparent=True, metadata={"Date": None})
    drawing = sheet.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for unwanted in (r"<metadata>.*?</metadata>\s*", r"<style.*?</style>\s*", r"<defs>\s*</defs>\s*"):
        drawing = re.sub(unwanted, "", drawing, flags=re.DOTALL)
    prefix = f"f{hashlib.sha256(drawing.encode()).hexdigest()[:8]}-"
    root, _, rest = re.sub(r"<[^>]+>", lambda tag: _as_inline(tag[0], prefix), drawing).partition(">")
    return re.sub(r' (width|height)="[^"]*"', "", root) + ' style="stroke-linejoin: round">' + rest


def _as_inline(tag: str, prefix: str) -> str:
    tag = re.sub(r'( id="| xlink:href="#|url\(#)', rf"\g<1>{prefix}", tag)
    return tag.replace(_INK, "currentColor")


def _final(x: ndarray, y: ndarray) -> float:
    return float(y[-1])


def _area(x: ndarray, y: ndarray) -> float:
    return float(np.trapezoid(y, x))


def _lines(
    curves: Curves, names: tuple[str, str], title: str, rank: Callable[[ndarray, ndarray], float] = _final
) -> Figure:
    if not curves:
        raise InputError("there are no curves to plot; give at least one")
    figure, axes = _canvas(names, title)
    ends = []
    for i, (label, (x, y)) in enumerate(curves.items()):
        if x.ndim != 1 or x.shape != y.shape or not len(x):
            raise InputError(
                f"curve {label!r} needs a value at each place, but has {y.shape} values at {x.shape} places"
            )
        colour, dashes, marker = COLOURS[i % len(COLOURS)], _DASHES[i % len(_DASHES)], _MARKERS[i % len(_MARKERS)]
        every = max(1, len(x) // 8)
        axes.plot(x, y, color=colour, dashes=dashes, marker=marker, markersize=4.5, markevery=every, linewidth=1.8)
        known = np.isfinite(y)  # a diverged loss ends in no number
        if known.any():
            ends.append(_End(rank(x[known], y[known]), label, colour, float(x[known][-1]), float(y[known][-1])))
    axes.margins(x=0.02)
    _name_ends(axes, sorted(ends, key=lambda end: -end.rank))
    return figure


class _End(NamedTuple):
    """The end of a line, and its label."""

    rank: float
    label: str
    colour: str
    x: float
    y: float


def _name_ends(axes: Axes, ends: Sequence[_End]) -> None:
    """Label each line at its end, or as near to it as the other labels allow, with a connecting stroke."""
    low, high = axes.get_ylim()
    heights = spread([(end.y - low) / (high - low) for end in ends], gap=_LEADING)
    for end, height in zip(ends, heights, strict=True):
        axes.annotate(
            shorten(end.label),
            (end.x, end.y),
            (1.05, height),
            textcoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": end.colour, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)},
            annotation_clip=False,
            **_text(),
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return heights near the wanted ones, in the given order downwards, at least a gap apart and above zero."""
    heights: list[float] = []
    for height in wanted:
        heights.append(min(height, heights[-1] - gap) if heights else height)
    floor = 0.0
    for i in reversed(range(len(heights))):
        heights[i] = max(heights[i], floor)
        floor = heights[i] + gap
    return heights


def shorten(label: str) -> str:
    """Return a label, shortened with an ellipsis if it is long.

    >>> shorten("clip(vit-b-32)|pca256|l2+itq")
    'clip(vit-b-32)|pca256|…'
    """
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"


def _canvas(names: tuple[str, str], title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(names[0], **_text())
    axes.set_ylabel(names[1], **_text())
    axes.set_title(title, loc="left", fontweight="bold", pad=10, **_text())
    axes.tick_params(colors=_INK, labelsize=_POINTS, length=3, width=0.8)
    axes.grid(visible=True, color=_INK, alpha=0.14, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    return figure, axes


def _text(points: int = _POINTS) -> dict[str, Any]:
    return {"color": _INK, "fontsize": points, "parse_math": False}
