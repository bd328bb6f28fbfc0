"""Results of many runs: a ledger that survives interruption, and the table made from it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from .. import __version__
from ..codes import Codes
from ..data.pairs import Array, Dataset, Modality, Paired
from ..errors import InputError
from ..io.atomic import append_line
from ..methods.base import Method
from ..methods.recipe import Recipe
from ..metrics import Measure
from ..metrics.cost import scan_cost
from ..models.encoder import DualEncoder
from ..progress import Log, silent
from ..training.run import Precision, Training
from .scoring import mean_scores, score_searches, searches


@final
@dataclass(frozen=True)
class Result:
    """One score of one run, and the bytes of an item that is searched; 0 where an old ledger does not know them."""

    method: str
    bits: int
    seed: int
    task: str
    measure: str
    value: float
    bytes_per_item: int = 0


class Run(NamedTuple):
    """What is fitted and scored once."""

    recipe: Recipe
    bits: int
    seed: int
    precision: Precision = "float32"


@final
class Ledger:
    """The finished runs of a comparison, one JSON line each, so that an interrupted comparison goes on.

    `setting` names everything else that decides a score (dataset, split, features); lines of another setting
    are kept and left alone. A last line torn by a crash is ignored.
    """

    def __init__(self, path: Path | None, setting: str) -> None:
        self.path, self.setting = path, setting
        self._known: dict[str, list[Result]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            if entry["setting"] == self.setting:
                self._known[entry["run"]] = [Result(**result) for result in entry["results"]]
        except (json.JSONDecodeError, KeyError, TypeError):
            return

    def find(self, run: Run, measures: Sequence[Measure]) -> list[Result] | None:
        """Return the results of a run if it is finished and has every measure."""
        found = self._known.get(_key(run), [])
        wanted = [str(measure) for measure in measures]
        chosen = [result for result in found if result.measure in wanted]
        return chosen if {result.measure for result in chosen} == set(wanted) else None

    def add(self, run: Run, results: list[Result]) -> None:
        """Record a finished run on disk before it counts as done."""
        self._known[_key(run)] = results
        if self.path is None:
            return
        entry = {"setting": self.setting, "run": _key(run), "results": [asdict(result) for result in results]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, json.dumps(entry))


def _key(run: Run) -> str:
    parameters = json.dumps(run.recipe.parameters, sort_keys=True)
    rounded = "" if run.precision == "float32" else f" {run.precision}"
    return f"{run.recipe.name} {parameters} bits={run.bits} seed={run.seed}{rounded}"


def compare(
    runs: Sequence[Run],
    data: Dataset,
    measures: Sequence[Measure],
    ledger: Ledger,
    log: Log = silent,
    *,
    fold: int | None = None,
    device: str = "auto",
) -> Iterator[Result | InputError]:
    """Yield the results of every run, from the ledger where they are known, or why a run is impossible.

    In instance retrieval, scores may be means over galleries of `fold` images. A space whose dimensions are given is
    fitted once for all the codes that are made of it.
    """
    spaces: dict[tuple[Method, int, int], DualEncoder] = {}
    for done, run in enumerate(runs):
        log(done, len(runs), {})
        results = ledger.find(run, measures)
        if results is None:
            try:
                results = _scored(run, _fitted(run, data.train, spaces, device), data, measures, fold)
            except InputError as fault:
                yield InputError(f"{run.recipe.name} at {run.bits} bits: {fault}")
                continue
            ledger.add(run, results)
        yield from results
    log(len(runs), len(runs), {})


def _fitted(run: Run, train: Paired, spaces: dict[tuple[Method, int, int], DualEncoder], device: str) -> DualEncoder:
    recipe, bits, seed, how = run.recipe, run.bits, run.seed, Training(precision=run.precision, device=device)
    if not recipe.dim:
        return recipe.fit(train, bits, seed=seed, training=how)
    key = recipe.method, recipe.dim, seed
    if key not in spaces:
        spaces[key] = recipe.space(train, bits, seed=seed, training=how)
    return recipe.coded(spaces[key], train, bits, seed=seed)


def _scored(
    run: Run, encoder: DualEncoder, data: Dataset, measures: Sequence[Measure], fold: int | None
) -> list[Result]:
    folds = searches(encoder.represent, data, fold)
    scores = mean_scores(score_searches(folds, data, measures))
    size = {task: scan_cost(search.database).bytes_per_item for task, search in folds[0].items()}
    return [
        Result(run.recipe.name, run.bits, run.seed, task, measure, value, size[task])
        for task, of_task in scores.items()
        for measure, value in of_task.items()
    ]


def setting(features: Mapping[Modality, str], captions: str, data: Dataset, fold: int | None = None) -> str:
    """Return in one line what decides a score beside the run: data, split, features and the version of crossbit."""
    what = f"{data.name} {data.sha256[:12]} split {data.split.name} {data.split.sha256[:12]}"
    specs = f"image={features['image']},text={features['text']},captions={captions}"
    return f"{what} {specs}" + (f" folds of {fold}" if fold else "") + f" crossbit {__version__}"


def chance_levels(data: Dataset, measures: Sequence[Measure], fold: int | None = None) -> dict[str, dict[str, float]]:
    """Return what a random ranking scores on average, by direction and measure.

    That is what a model scores which gives all items one code, its ties averaged. Hash lookup has no such level.
    """
    fair = {str(measure): replace(measure, ties="expected") for measure in measures if measure.kind.family != "lookup"}
    folds = score_searches(searches(_alike, data, fold), data, fair.values())
    levels = mean_scores(folds)
    return {task: {name: of_task[str(each)] for name, each in fair.items()} for task, of_task in levels.items()}


def _alike(rows: Array, modality: Modality) -> Codes:
    return Codes.from_bits(np.ones((rows.shape[0], 1), np.bool_))


def table(
    results: Sequence[Result], measure: str, levels: Mapping[str, Mapping[str, float]] | None = None
) -> list[dict[str, Any]]:
    """Return one row per method and task with a column per code length: mean ± deviation over seeds.

    Where chance `levels` are given, a row per task shows them.
    """
    chosen = [result for result in results if result.measure == measure]
    lengths = sorted({result.bits for result in chosen})
    rows = []
    for task in dict.fromkeys(result.task for result in chosen):
        for method in dict.fromkeys(result.method for result in chosen):
            cells = {
                str(bits): _cell([r.value for r in chosen if (r.task, r.method, r.bits) == (task, method, bits)])
                for bits in lengths
            }
            rows.append({"task": task, "method": method, **cells})
        if levels is not None and measure in levels[task]:
            level = f"{levels[task][measure]:.4f}"
            rows.append({"task": task, "method": "chance", **dict.fromkeys(map(str, lengths), level)})
    return rows


#: A score by task, measure and seed.
_Found: TypeAlias = dict[tuple[str, str, int], float]
#: What rsum is the sum of, in percent.
_SUMMED = ("R@1", "R@5", "R@10")


def page(
    results: Sequence[Result], measures: Sequence[str], levels: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return for each task a row per method and size of an item, with all measures: what compression costs.

    A row has the mean ± deviation over seeds; a space that is the same for several code lengths is one row. Recalls at
    1, 5 and 10 are in percent, and summed up over both tasks to rsum. The last row shows chance `levels`, if given.
    """
    groups: dict[tuple[str, str, int], _Found] = {}
    for r in results:
        groups.setdefault((r.method, _space(r), r.bytes_per_item), {})[r.task, r.measure, r.seed] = r.value
    tasks = dict.fromkeys(result.task for result in results)
    if levels is not None:
        groups["chance", "", 0] = {(t, m, 0): value for t in tasks for m, value in levels[t].items()}
    summed = {*_SUMMED} <= {*measures}
    return {
        task: [
            {"method": method, "space": space, "bytes": size or ""}
            | {measure: _of(found, task, measure) for measure in measures}
            | ({"rsum": _rsum(found)} if summed else {})
            for (method, space, size), found in groups.items()
        ]
        for task in tasks
    }


def _space(result: Result) -> str:
    """Return what an item is: bits, or as many floats as its bytes hold."""
    coded = result.bytes_per_item in (0, -(-result.bits // 8))
    return f"{result.bits} bits" if coded else f"{result.bytes_per_item // 4} floats"


def _of(found: _Found, task: str, measure: str) -> str:
    values = [value for (t, m, _), value in found.items() if (t, m) == (task, measure)]
    return _cell([100 * value for value in values], 1) if measure in _SUMMED else _cell(values)


def _rsum(found: _Found) -> str:
    sums: dict[int, float] = {}
    for (_, measure, seed), value in found.items():
        sums[seed] = sums.get(seed, 0.0) + (100 * value if measure in _SUMMED else 0.0)
    return _cell([*sums.values()], 1)


def _cell(values: Sequence[float], digits: int = 4) -> str:
    if not values:
        return "–"
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ±{statistics.stdev(values):.{digits}f}"
