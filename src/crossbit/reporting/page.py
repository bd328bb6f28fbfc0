"""The report of a run as one self-contained HTML file: facts, tables, figures and query results.

The page has no script and loads nothing; it follows the reader's light or dark mode and fits a phone. Whatever comes
from outside, such as captions and names, is escaped; pictures are re-encoded, so that no byte of a file is passed on.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import groupby
from math import inf
from pathlib import Path
from typing import TypeAlias, final

from ..errors import InputError
from ..features.raw import Picture, open_picture
from ..io.atomic import atomic_write

#: A mean, a mean with its standard deviation, or no score.
Score: TypeAlias = float | tuple[float, float] | None
#: Names and values, one per line.
Facts: TypeAlias = Mapping[str, object]

_STYLE = Path(__file__).with_name("page.css")
_SIDE = 256  # pixels of a picture's longer side; smaller pictures keep their size


@final
@dataclass(frozen=True)
class ScoreTable:
    """A table of one measure: a row per method, a column per task and number of bits.

    The best of each column is bold; `chance`, if known, is the last row.
    """

    title: str
    columns: Sequence[tuple[str, str]]
    rows: Mapping[str, Sequence[Score]]
    chance: Sequence[float] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows of the wrong length."""
        lines = {**self.rows, **({} if self.chance is None else {"chance": self.chance})}
        for name, values in lines.items():
            if len(values) != len(self.columns):
                raise InputError(f"row {name!r} has {len(values)} scores for {len(self.columns)} columns")


@final
@dataclass(frozen=True)
class Plot:
    """A figure: an `<svg>` element from `plots.svg`, with a title and a note."""

    title: str
    svg: str
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse anything but an inline figure."""
        if not self.svg.startswith("<svg"):
            raise InputError(f"plot {self.title!r} needs an <svg> element, but got {self.svg[:20]!r}")


@final
@dataclass(frozen=True, eq=False)
class ShownHit:
    """One hit: whether it is right, its Hamming distance, and its picture, its text or both."""

    right: bool
    distance: int
    text: str = ""
    picture: Picture | None = None


@final
@dataclass(frozen=True, eq=False)
class TextQuery:
    """A text and the pictures found for it, nearest first."""

    text: str
    hits: Sequence[ShownHit]


@final
@dataclass(frozen=True, eq=False)
class ImageQuery:
    """A picture and the texts found for it, nearest first."""

    picture: Picture
    hits: Sequence[ShownHit]
    text: str = ""


@final
@dataclass(frozen=True, eq=False)
class Report:
    """The contents of a report, in order; empty parts are left out.

    `facts` describe the run (dataset, split and its sha256, method, bits, seed, versions, protocol, tie rule), `right`
    is the criterion for right hits, `cost` has bytes per item and seconds, and `notes` are caveats.
    """

    title: str
    summary: str = ""
    facts: Facts | None = None
    tables: Sequence[ScoreTable] = ()
    plots: Sequence[Plot] = ()
    queries: Sequence[TextQuery | ImageQuery] = ()
    right: str = "it shares a label with the query"
    cost: Facts | None = None
    notes: Sequence[str] = ()


def save(report: Report, path: Path) -> None:
    """Write the report as one HTML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, render(report))


def render(report: Report) -> str:
    """Return the report as one HTML document."""
    texts = [_text_query(query) for query in report.queries if isinstance(query, TextQuery)]
    images = [_image_query(query) for query in report.queries if isinstance(query, ImageQuery)]
    body = [
        f"<header><h1>{escape(report.title)}</h1>{_paragraph(report.summary, 'lead')}</header>",
        _notes(report.notes),
        _section("Text to image", *([_key(report.right), *texts] if texts else [])),
        _section("Image to text", *([_key(report.right), *images] if images else [])),
        _section("Scores", *(_scores(table) for table in report.tables)),
        _section("Curves", *(['<div class="plots">', *map(_plot, report.plots), "</div>"] if report.plots else [])),
        _section("Cost", *([_facts(report.cost)] if report.cost else [])),
        _section("Setup", *([_facts(report.facts)] if report.facts else [])),
    ]
    head = f"{_HEAD}<title>{escape(report.title)}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n"
    main = "\n".join(part for part in body if part)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}</head>\n<body>\n<main>\n{main}\n</main>\n</body>\n</html>\n'
    )


# A second line of defence: if some text were not escaped, browsers would still run no script.
_HEAD = """<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
"""


def _section(title: str, *parts: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n" + "\n".join(parts) + "\n</section>" if parts else ""


def _paragraph(text: str, kind: str) -> str:
    return f'<p class="{kind}" dir="auto">{escape(text)}</p>' if text else ""


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<aside><h2>Notes</h2><ul>{items}</ul></aside>" if notes else ""


def _facts(facts: Facts) -> str:
    lines = (f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts.items())
    return f"<dl>{''.join(lines)}</dl>"


def _plot(plot: Plot) -> str:
    note = _paragraph(plot.note, "note")
    return f"<figure><figcaption>{escape(plot.title)}</figcaption>{plot.svg}{note}</figure>"


def _scores(table: ScoreTable) -> str:
    groups = [(task, len(list(columns))) for task, columns in groupby(table.columns, key=lambda column: column[0])]
    first = {sum(width for _, width in groups[:i]) for i in range(len(groups))}
    edges = [' class="edge"' if i in first else "" for i in range(len(table.columns))]
    spans = "".join(
        f'<th colspan="{width}" scope="colgroup" class="edge">{escape(task)}</th>' for task, width in groups
    )
    names = "".join(
        f'<th scope="col"{edge}>{escape(name)}</th>' for (_, name), edge in zip(table.columns, edges, strict=True)
    )
    best = [max((_rounded(row[i]) for row in table.rows.values()), default=-inf) for i in range(len(edges))]
    rows = [_row(name, list(zip(values, best, edges, strict=True))) for name, values in table.rows.items()]
    if table.chance is not None:
        rows.append(
            _row("chance", [(value, inf, edge) for value, edge in zip(table.chance, edges, strict=True)], "chance")
        )
    return (
        f'<figure><figcaption>{escape(table.title)}</figcaption><div class="scroll"><table>'
        f'<thead><tr><th rowspan="2" scope="col">method</th>{spans}</tr><tr>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_paragraph(table.note, 'note')}</figure>"
    )


def _row(name: str, cells: Sequence[tuple[Score, float, str]], kind: str = "method") -> str:
    shown = "".join(f"<td{edge}>{_cell(score, best)}</td>" for score, best, edge in cells)
    return f'<tr class="{kind}"><th scope="row">{escape(name)}</th>{shown}</tr>'


def _cell(score: Score, best: float) -> str:
    if score is None:
        return "–"
    mean = f"{_rounded(score):.4f}"
    deviation = f"<small>± {score[1]:.4f}</small>" if isinstance(score, tuple) else ""
    return (f"<strong>{mean}</strong>" if _rounded(score) == best else mean) + deviation


def _rounded(score: Score) -> float:
    """Return the mean as printed, so that equal digits count as equal."""
    if score is None:
        return -inf
    return round(score[0] if isinstance(score, tuple) else score, 4)


def _key(right: str) -> str:
    return (
        f'<p class="key"><span class="right">{_mark(True)}</span>right: {escape(right)}.'
        f' <span class="wrong">{_mark(False)}</span>wrong: it does not. The number is the Hamming distance in bits.</p>'
    )


def _verdict(right: bool) -> str:
    return "right" if right else "wrong"


def _mark(right: bool) -> str:
    return f'<b class="mark" title="{_verdict(right)}">{"✓" if right else "✗"}</b>'


def _count(hits: Sequence[ShownHit]) -> str:
    return f'<p class="count">{sum(hit.right for hit in hits)} of {len(hits)} right</p>'


def _text_query(query: TextQuery) -> str:
    hits = "".join(
        f'<li class="hit {_verdict(hit.right)}"><div class="frame">{_picture(hit.picture, hit.text)}</div>'
        f"<p>{_mark(hit.right)}{hit.distance}</p>{_paragraph(hit.text, 'text')}</li>"
        for hit in query.hits
    )
    head = f'<h3 dir="auto">“{escape(query.text)}”</h3>{_count(query.hits)}'
    return f'<article>{head}<ol class="pictures">{hits}</ol></article>'


def _image_query(query: ImageQuery) -> str:
    hits = "".join(
        f'<li class="hit {_verdict(hit.right)}">{_mark(hit.right)}<span class="bits">{hit.distance}</span>'
        f"{_paragraph(hit.text, 'text')}</li>"
        for hit in query.hits
    )
    head = f"<div>{_picture(query.picture, query.text)}{_paragraph(query.text, 'text')}</div>"
    return f'<article class="query">{head}<div>{_count(query.hits)}<ol class="texts">{hits}</ol></div></article>'


def _picture(picture: Picture | None, text: str) -> str:
    """Return the picture, re-encoded and downscaled, or the reason why there is none."""
    if picture is None:
        return '<div class="missing">no picture</div>'
    try:
        image = open_picture(picture)
    except InputError as error:
        return f'<div class="missing">no picture: {escape(str(error))}</div>'
    image.thumbnail((_SIDE, _SIDE))
    data = BytesIO()
    image.save(data, "WEBP", quality=85)
    return f'<img alt="{escape(text or "picture")}" src="data:image/webp;base64,{b64encode(data.getvalue()).decode()}">'
