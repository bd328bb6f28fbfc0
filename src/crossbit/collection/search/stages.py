"""Results of a search, and its stages: a Hamming shortlist, the query's real values against codes, stored vectors.

::

    1  shortlist   the nearest codes, exactly, or through an inverted file in a large collection
    2  asymmetric  sum_i q_i b_i, the query's real values q against the signs b of the shortlist
    3  rescore     cos(q, x) with the stored vectors x of what is left
"""

from __future__ import annotations

import sqlite3
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from numbers import Integral
from typing import Any, NamedTuple, final, overload

import numpy as np
from jaxtyping import Float, Int64, Shaped
from numpy import ndarray

from ...codes import Codes
from ...data.pairs import Modality
from ...errors import CrossbitError, InputError
from ...io.tables import cell, text_table, to_pandas
from ..item import Item, described
from ..storage.reads import vectors_of
from ..storage.snapshot import Side
from .planner import Planner
from .settings import Settings

#: Hits that a notebook shows.
SHOWN = 50


class Stage(NamedTuple):
    """The work of a stage: how many items it looked at, how many it kept, and how long it took."""

    name: str
    looked_at: int
    kept: int
    seconds: float
    how: str


class Hit(NamedTuple):
    """A found item: its Hamming distance, its score from -1 to 1, and the probability that it is relevant."""

    item: Item
    distance: int
    score: float
    probability: float | None = None


@final
@dataclass(frozen=True, repr=False)
class SearchResults(Sequence[Hit]):
    """The hits of a search, best first, shown as a table; a notebook shows their thumbnails.

    `doubtful` says that there is no good match: the best hit is more probably irrelevant. It is None where the
    collection is not calibrated for such queries. `warning` names the texts of the query without a word in the model's
    vocabulary.
    """

    hits: tuple[Hit, ...]
    target: Modality
    searched: int
    doubtful: bool | None = None
    stages: tuple[Stage, ...] = ()
    thumbnail: Callable[[str], bytes | None] = field(default=lambda id_: None, compare=False)
    warning: str | None = None

    def __len__(self) -> int:
        """Return the number of hits."""
        return len(self.hits)

    @overload
    def __getitem__(self, at: int) -> Hit: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, at: int | slice) -> Hit | tuple[Hit, ...]:
        """Return a hit by its place, or several."""
        return self.hits[at]

    def __repr__(self) -> str:
        """Return the hits as lines of text."""
        return f"{text_table([self._row(rank, hit) for rank, hit in enumerate(self, 1)])}\n{self._summary()}"

    def _repr_html_(self) -> str:
        """Return the first hits as an HTML table with their thumbnails; all text is escaped."""
        rows = [{"": None, **self._row(rank, hit)} for rank, hit in enumerate(self.hits[:SHOWN], 1)]
        head = "".join(f"<th>{escape(name)}</th>" for name in (rows[0] if rows else ()))
        body = "".join(
            f"<tr><td>{self._image(hit)}</td>"
            + "".join(f"<td>{escape(cell(value))}</td>" for name, value in row.items() if name)
            + "</tr>"
            for row, hit in zip(rows, self, strict=False)
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{escape(self._summary())}</p>"

    def to_pandas(self) -> Any:
        """Return the hits as a `pandas.DataFrame`, a column for each field of the metadata."""
        return to_pandas(
            [
                {
                    **self._row(rank, hit),
                    "probability": hit.probability,
                    "picture": hit.item.picture,
                    **{f"metadata.{name}": value for name, value in hit.item.metadata.items()},
                }
                for rank, hit in enumerate(self, 1)
            ]
        )

    def _row(self, rank: int, hit: Hit) -> dict[str, Any]:
        row = {"rank": rank, "id": hit.item.id, "distance": hit.distance, "score": hit.score}
        relevance = {} if hit.probability is None else {"probability": hit.probability}
        return {**row, **relevance, "text": " / ".join(hit.item.texts)}

    def _image(self, hit: Hit) -> str:
        jpeg = None
        with suppress(CrossbitError, OSError):  # the item, or the whole collection, may be gone by now
            jpeg = self.thumbnail(hit.item.id)
        if jpeg is None:
            return ""
        return f'<img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" alt="{escape(hit.item.id)}" height="96">'

    def _summary(self) -> str:
        doubt = "; no good match" if self.doubtful else ""
        return f"{len(self):,} of {self.searched:,} items{doubt}" + (f"; {self.warning}" if self.warning else "")


class Ranking(NamedTuple):
    """Rows of a side with their Hamming distances and scores from -1 to 1, best first."""

    rows: Int64[ndarray, "k"]
    distances: Int64[ndarray, "k"]
    scores: Float[ndarray, "k"]


@final
@dataclass(eq=False)
class StagedSearch:
    """One search of one side, which leaves out the items in the query; `stages` records its work."""

    side: Side
    modality: Modality
    planner: Planner
    settings: Settings
    asking: tuple[int, ...] = ()
    stages: list[Stage] = field(default_factory=list)

    @property
    def rescores(self) -> bool:
        """Whether scores are those of stored vectors."""
        return bool(self.settings.shortlist) and self.settings.rescore

    def run(
        self,
        values: Float[ndarray, "dim"],
        k: int,
        radius: int | None,
        allowed: Int64[ndarray, "m"] | None,
        connection: sqlite3.Connection,
    ) -> Ranking:
        """Return the `k` best, or with a radius the `k` best of all within it."""
        if not isinstance(k, Integral):
            raise InputError(f"k is a whole number, not {described(k)}")
        code = Codes.from_signs(values[None])
        rows, distances = self._within(code, radius, allowed) if radius is not None else self._near(code, k, allowed)
        if self.asking:
            others = ~np.isin(self.side.numbers[rows], self.asking)
            rows, distances = rows[others], distances[others]
        scores = 1 - 2 * distances / self.side.codes.bits
        if self.settings.shortlist:
            scores = self._asymmetric(values, rows)
        order = np.lexsort((self.side.numbers[rows], distances, -scores))
        if self.rescores:
            order = order[: max(k, self.settings.shortlist)]
            scores = self._rescored(values, rows, scores, order, connection)
            order = order[np.lexsort((self.side.numbers[rows[order]], distances[order], -scores[order]))]
        best = order[:k]
        return Ranking(rows[best], distances[best], scores[best])

    def _near(self, code: Codes, k: int, allowed: Int64[ndarray, "m"] | None) -> tuple[ndarray, ndarray]:
        if k < 1:
            raise InputError(f"a search returns at least one hit, but k is {k}")
        wanted = max(k, self.settings.shortlist) + len(self.asking)
        with self._stage("shortlist", len(self.side) if allowed is None else len(allowed)) as done:
            found, how = self.planner.nearest(self.side, self.modality, code, wanted, allowed, self.settings)
            done(found.ids.shape[1], how)
        return found.ids[0], found.distances[0].astype(np.int64)

    def _within(self, code: Codes, radius: int, allowed: Int64[ndarray, "m"] | None) -> tuple[ndarray, ndarray]:
        with self._stage("ball", len(self.side) if allowed is None else len(allowed)) as done:
            found, how = self.planner.within(self.side, self.modality, code, radius, allowed)
            done(len(found.ids), f"{how}, radius {radius}")
        return found.ids, found.distances.astype(np.int64)

    def _asymmetric(self, values: Float[ndarray, "dim"], rows: Int64[ndarray, "m"]) -> Float[ndarray, "m"]:
        with self._stage("asymmetric", len(rows)) as done:
            scores = asymmetric(values, self.side.codes[rows])
            done(len(rows), "real values of the query against codes")
        return scores

    def _rescored(
        self,
        values: Float[ndarray, "dim"],
        rows: Int64[ndarray, "m"],
        scores: Float[ndarray, "m"],
        order: Int64[ndarray, "s"],
        connection: sqlite3.Connection,
    ) -> Float[ndarray, "m"]:
        with self._stage("rescore", len(order)) as done:
            numbers = self.side.numbers[rows[order]].tolist()
            stored = vectors_of(connection, numbers, self.modality, self.side.codes.bits)
            cosines = np.clip(stored @ (values / (np.linalg.norm(values) or 1.0)), -1, 1)  # float16 rounds past 1
            known = np.isfinite(cosines)
            scores = scores.copy()
            scores[order[known]] = cosines[known]
            done(int(known.sum()), "stored vectors, float16")
        return scores

    @contextmanager
    def _stage(self, name: str, looked_at: int) -> Iterator[Any]:
        outcome: list[Any] = [0, ""]

        def done(kept: int, how: str) -> None:
            outcome[:] = kept, how

        start = time.perf_counter()
        yield done
        self.stages.append(Stage(name, looked_at, outcome[0], time.perf_counter() - start, outcome[1]))


def asymmetric(values: Float[ndarray, "dim"], codes: Codes) -> Float[ndarray, "m"]:
    """Return the cosine between a query's real values and the signs of codes."""
    length = float(np.linalg.norm(values)) * np.sqrt(codes.bits)
    products: Shaped[ndarray, "m"] = codes.signs().astype(np.float32) @ values.astype(np.float32)
    return products / (length or 1.0)
