"""The main job in one call: codes learned from pairs, search in both directions, scores and a report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

import numpy as np
from numpy import ndarray

from ..codes import Codes
from ..collection import Collection
from ..collection.ingest.sources import dataset_of
from ..collection.storage.batch import EncodedBatch
from ..data.corpus import Corpus
from ..data.pairs import CROSSINGS, MODALITIES, Dataset, Modality
from ..errors import InputError
from ..evaluation.comparison import chance_levels
from ..evaluation.scoring import score
from ..evaluation.setup import Setup
from ..features import Featurised
from ..io.atomic import atomic_folder, atomic_write, refuse_unwritable
from ..methods.recipe import Recipe
from ..metrics.evaluation import Scores
from ..metrics.measure import Measure
from ..models.bundle import Bundle, Origin, versions
from ..models.encoder import DualEncoder
from ..progress import Log
from ..training.run import Training
from . import page, plots

BITS = 64
TABLES = (Measure("MAP"), Measure("precision", 10))
TOPN = tuple(Measure("precision", n) for n in (1, 10, 25, 50, 100, 200, 300, 400, 500, 750, 1000))
RADII = range(BITS + 1)
PR = {r: (Measure("lookup-recall", r=r), Measure("lookup-precision", r=r)) for r in RADII}
#: The file that marks a folder as made by the demo, which may replace it.
MARK = "demo.txt"
QUERIES = 3
HITS = 10

#: CFRH's 20 epochs are 3,125 steps on the 5,000 pairs they were set for; fewer pairs need more epochs.
CFRH_PAIRS = 20 * 5000

#: Opens a progress bar under a title.
Progress: TypeAlias = Callable[[str], AbstractContextManager[Log]]


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """The encoder of a recipe with its scores in both directions."""

    recipe: Recipe
    encoder: DualEncoder
    scores: Mapping[str, Scores]
    seconds: float


@final
@dataclass(frozen=True, eq=False)
class Demo:
    """A featurised dataset on which methods are compared and one of them answers queries."""

    setup: Setup
    corpus: Corpus
    features: Featurised
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse a dataset without labels, which decide what is relevant, and items with several rows."""
        if self.corpus.labels is None:
            raise InputError(
                f"the demo needs labels to mark hits as right or wrong, but {self.corpus.name} has no labels"
            )
        if self.setup.captions == "each":
            raise InputError("the demo searches one text per item: use captions join or first, not each")

    @property
    def data(self) -> Dataset:
        """The features of each part of the split."""
        return self.features.dataset

    @property
    def recipes(self) -> list[Recipe]:
        """A small CFRH and the baselines."""
        epochs = max(20, CFRH_PAIRS // len(self.data.train))
        small = Recipe.parse("cfrh", {"hidden": 256, "decoder_hidden": 256, "epochs": epochs})
        return [small, *map(Recipe.parse, ("cca+itq", "cca+sign", "scm"))]

    def run(self, folder: Path, progress: Progress) -> Path:
        """Fit, score and search; write the model, the collection, the scores and `report.html` into a folder.

        They replace those of an older demo once they are complete; a folder that is not of a demo is refused.
        """
        refuse_others(folder)
        first, *others = self.recipes
        fitted, notes = [self.fit(first, progress)], self.notes()
        for recipe in others:
            try:
                fitted.append(self.fit(recipe, progress))
            except InputError as error:
                notes.append(f"{recipe.name} is left out: {error}")
        shown = fitted[0]
        origin = Origin(shown.recipe.name, shown.recipe.parameters, 0, self.setup.dataset, self.setup.captions)
        bundle = Bundle(shown.encoder, self.features.pipelines, self.data.split, origin, self.features.trained_on())
        with atomic_folder(folder / "model") as model, atomic_folder(folder / "collection") as home:
            bundle.save(model)
            with Collection.create(home, model) as collection:
                collection.put(self.database(bundle))
                queries: list[page.TextQuery | page.ImageQuery] = [*self.text_queries(collection, bundle)]
                queries += self.image_queries(collection, bundle)
            for made in (model, home):
                (made / MARK).write_text("`crossbit demo` made this folder, and replaces it when it runs again.\n")
        rows = {f.recipe.name: {task: scores.means() for task, scores in f.scores.items()} for f in fitted}
        atomic_write(folder / "scores.json", json.dumps(rows, indent=1) + "\n")
        page.save(self.page(fitted, queries, notes), folder / "report.html")
        return folder / "report.html"

    def database(self, bundle: Bundle) -> EncodedBatch:
        """Return the items of the database, encoded from their features."""
        pairs, sides = self.data.database, dict.fromkeys(MODALITIES, np.ones(len(self.data.database), bool))
        rows = self.corpus.rows(self.data.split.database).tolist()
        items = [raw.item() for raw in map(dataset_of(self.corpus).__getitem__, rows)]
        return EncodedBatch.encoded(items, {m: bundle.encoder.embed(pairs.of(m), m) for m in MODALITIES}, sides)

    def notes(self) -> list[str]:
        """Return caveats for readers of the report."""
        texts = self.corpus.texts
        if texts is None or self.corpus.images is None:
            return [f"{self.corpus.name} has features only: there are no pictures and texts to show for a query."]
        if self.setup.captions == "join" and max(map(len, texts)) > 1:
            return ["Each text query is a single caption, but training and scores use all captions of an item joined."]
        return []

    def fit(self, recipe: Recipe, progress: Progress) -> Fitted:
        """Return a recipe, fitted on the training part and scored on the queries."""
        started = time.perf_counter()
        with progress(f"fit {recipe.name}") as log:
            encoder = recipe.fit(self.data.train, BITS, training=Training(log=log, device=self.device))
        seconds = time.perf_counter() - started
        measures = [*TABLES, *TOPN, *(measure for pair in PR.values() for measure in pair)]
        return Fitted(recipe, encoder, score(encoder, self.data, measures), seconds)

    def text_queries(self, collection: Collection, bundle: Bundle) -> list[page.TextQuery]:
        """Return the pictures found for the first query items' texts."""
        if self.corpus.texts is None or self.corpus.images is None:
            return []
        rows = self.query_rows()
        if self.features.text.extractor.precomputed:
            codes = bundle.encoder.encode(self.data.query.text[:QUERIES], "text")
        else:
            codes = bundle.encode([self.corpus.texts[row][0] for row in rows], "text")
        found = self.hits(collection, codes, "image", rows)
        return [page.TextQuery(self.corpus.texts[row][0], hits) for row, hits in zip(rows, found, strict=True)]

    def image_queries(self, collection: Collection, bundle: Bundle) -> list[page.ImageQuery]:
        """Return the texts found for the first query items' pictures."""
        if self.corpus.texts is None or self.corpus.images is None:
            return []
        rows = self.query_rows()
        codes = bundle.encoder.encode(self.data.query.image[:QUERIES], "image")
        found = self.hits(collection, codes, "text", rows)
        pairs = zip(rows, found, strict=True)
        return [page.ImageQuery(self.corpus.images[row], hits, self.corpus.texts[row][0]) for row, hits in pairs]

    def query_rows(self) -> list[int]:
        """Return the corpus rows of the first query items."""
        rows: list[int] = self.corpus.rows(self.data.split.query[:QUERIES]).tolist()
        return rows

    def hits(
        self, collection: Collection, codes: Codes, target: Modality, rows: list[int]
    ) -> list[list[page.ShownHit]]:
        """Return the hits for each query, marked right if they share a label with the query's item."""
        return [
            [self.hit(row, self.corpus.rows([hit.item.id])[0], hit.distance, target) for hit in hits]
            for row, hits in zip(rows, collection.search_codes(codes, target, HITS), strict=True)
        ]

    def hit(self, query: int, found: int, distance: int, target: Modality) -> page.ShownHit:
        """Return one item of the corpus as a hit of the report."""
        labels, texts, images = self.corpus.labels, self.corpus.texts, self.corpus.images
        right = labels is not None and bool((labels[query] & labels[found]).any())
        text = "" if texts is None else texts[found][0]
        return page.ShownHit(right, distance, text, images[found] if images is not None and target == "image" else None)

    def page(
        self, fitted: list[Fitted], queries: list[page.TextQuery | page.ImageQuery], notes: list[str]
    ) -> page.Report:
        """Return the report of the run."""
        data, shown = self.data, fitted[0]
        tasks = [f"{source} → {target}" for source, target in CROSSINGS]
        levels = chance_levels(data, TABLES)
        names = {f"{source}->{target}": name for (source, target), name in zip(CROSSINGS, tasks, strict=True)}
        tables = [
            page.ScoreTable(
                f"{measure} at {BITS} bits",
                [(name, str(measure)) for name in tasks],
                {f.recipe.name: [f.scores[task].mean(measure) for task in names] for f in fitted},
                [levels[task][str(measure)] for task in names],
                f"{measure.full}; {len(data.query):,} queries, {len(data.database):,} in the database;"
                " relevant items share a label; every method after its last epoch.",
            )
            for measure in TABLES
        ]
        figures = [figure for task, name in names.items() for figure in curves(fitted, task, name)]
        features = f"{self.features.image.spec} for images, {self.features.text.spec} for texts"
        facts = {
            "Dataset": f"{data.name}: {len(data.train):,} pairs to train, {len(data.query):,} queries",
            "Split": f"{data.split.name}, sha256 {data.split.sha256}",
            "Features": features,
            **{f"Parameters of {f.recipe.name}": ", ".join(parameters(f.recipe)) or "none" for f in fitted},
            "Seed": 0,
            "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        }
        cost = {"Bytes per item": BITS // 8, "Database": f"{len(data.database) * BITS // 8:,} bytes of codes"}
        cost |= {f"Fitting {f.recipe.name}": f"{f.seconds:.1f} s" for f in fitted}
        summary = (
            f"{shown.recipe.name} learned {BITS}-bit codes from {len(data.train):,} pairs of {data.name};"
            f" its codes, {BITS // 8} bytes per item, answer the queries below."
        )
        title, right = f"crossbit on {data.name}", "it shares a label with the query's item"
        return page.Report(title, summary, facts, tables, figures, queries, right, cost, notes)


def refuse_others(folder: Path) -> None:
    """Refuse a folder that cannot be written, or one whose model or collection is not of a demo."""
    refuse_unwritable(folder)
    for place in (folder / "model", folder / "collection"):
        if place.exists() and not (place / MARK).is_file():
            raise InputError(
                f"{place} was not made by `crossbit demo`, which would replace it; choose another --out or move it away"
            )


def curves(fitted: list[Fitted], task: str, name: str) -> list[page.Plot]:
    """Return the topN-precision and the precision-recall curve of one direction."""
    limit = min(f.scores[task].database for f in fitted)
    cuts = [measure for measure in TOPN if measure.cut <= limit]
    topn = {f.recipe.name: (np.array([m.cut for m in cuts]), _means(f, task, cuts)) for f in fitted}
    recall, precision = ([pair[i] for pair in PR.values()] for i in range(2))
    pr = {f.recipe.name: (_means(f, task, recall), _means(f, task, precision)) for f in fitted}
    return [
        page.Plot(f"topN precision, {name}", plots.svg(plots.topn_curves(topn)), "Expected value over ties."),
        page.Plot(
            f"Precision and recall over the Hamming radius, {name}",
            plots.svg(plots.pr_curves(pr)),
            f"Radius 0 to {BITS}, averaged over queries; an empty Hamming ball has precision 0.",
        ),
    ]


def parameters(recipe: Recipe) -> list[str]:
    """Return a recipe's parameters as `name=value`."""
    return [f"{name}={value}" for name, value in recipe.parameters.items()]


def _means(fitted: Fitted, task: str, measures: list[Measure]) -> ndarray:
    return np.array([fitted.scores[task].mean(measure) for measure in measures])
