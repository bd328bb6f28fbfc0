"""Training: as in the papers, with a dense text layer as in released code, and in a faster setting, with its MAP.

On MIRFLICKR-25K with precomputed features (`CROSSBIT_DATA` names the folder of datasets), 5,000 training pairs, 64
bits. The seconds of an epoch are processor time, the median over the epochs of short runs that take turns, on one
thread. MAP is over the whole ranking, as the mean of both directions, at the last epoch, with seed 0, after as many
epochs as the table names, so that speed never hides a loss of quality; finished runs are taken from runs/compare.jsonl.
*Faithful* has the paper's batch size, width and precision, with a sparse first layer; *faster* is bfloat16, half as
wide, with a larger batch for all methods but UCCH and a learning rate scaled to width and batch size; those of UCCH and
CFRH were chosen by the MAP on a held-out fifth of the training pairs.
With `--quick`, generated scenes and two epochs, to test the benchmark itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import torch

from _bench import Row, Tables, main
from crossbit.cli.setup import featurised, read_setup
from crossbit.data.pairs import Dataset, Paired
from crossbit.errors import InputError
from crossbit.evaluation.comparison import Ledger, Result, Run, compare, setting
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure
from crossbit.training.run import Precision, Training

BITS = 64
MAP = Measure.parse("MAP")


class Way(NamedTuple):
    """A way to train a method: its parameters beside the defaults, and its precision."""

    recipe: str
    precision: Precision = "float32"


#: By method: as the paper trains it, and faster.
WAYS: dict[str, tuple[Way, Way]] = {
    "jdsh": (Way("jdsh(epochs=60)"), Way("jdsh(epochs=60,hidden=2048,batch=128,lr=0.04)", "bfloat16")),
    "djsrh": (Way("djsrh"), Way("djsrh(hidden=2048,batch=128,lr_image=0.004,lr_text=0.04)", "bfloat16")),
    "dgcpn": (Way("dgcpn(epochs=12)"), Way("dgcpn(epochs=12,hidden=2048,batch=128,lr=0.02)", "bfloat16")),
    "ucch": (Way("ucch"), Way("ucch(hidden=4096,lr=0.0003)", "bfloat16")),
    "cfrh": (Way("cfrh"), Way("cfrh(hidden=2048,decoder_hidden=2048,batch=64,lr=0.02)", "bfloat16")),
}
_QUICK = {"cfrh": (Way("cfrh(hidden=32,epochs=2)"), Way("cfrh(hidden=32,epochs=2,batch=64)", "bfloat16"))}


def measure(quick: bool) -> Tables:
    """Return a table of seconds per epoch and one of the MAP that they lead to."""
    torch.set_num_threads(1)
    data, where = _data(quick)
    ways = _QUICK if quick else WAYS
    ledger = Ledger(None if quick else Path("runs/compare.jsonl"), where)
    return {
        "Seconds per epoch": [_speed(name, *pair, data, 1 if quick else 2) for name, pair in ways.items()],
        "MAP after all epochs": [_quality(name, *pair, data, ledger) for name, pair in ways.items()],
    }


def _data(quick: bool) -> tuple[Dataset, str]:
    folder = os.environ.get("CROSSBIT_DATA")
    if not quick and folder is None:
        raise InputError(
            "training is measured on MIRFLICKR-25K: set CROSSBIT_DATA to the folder of data sets, or --quick"
        )
    dataset = "scenes(train=200,query=20,database=200)" if quick else "mirflickr25k"
    setup = read_setup(dataset, "" if quick else "precomputed", "join")
    corpus = setup.corpus(Path(folder) if folder else None)
    data = featurised(setup, corpus, None, "fail").dataset
    return data, setting(setup.features(corpus), setup.captions, data)


def _speed(name: str, faithful: Way, faster: Way, data: Dataset, rounds: int) -> Row:
    dense = Paired(data.train.image, data.train.text.toarray(), None, data.train.item)
    runs = {"dense": (faithful, dense), "faithful": (faithful, data.train), "faster": (faster, data.train)}
    seconds: dict[str, list[float]] = {what: [] for what in runs}
    for _ in range(rounds):
        for what, (way, train) in runs.items():
            seconds[what] += _epochs(way, train, 3)
    middle = {what: median(values) for what, values in seconds.items()}
    return {
        "method": name,
        "dense text layer": middle["dense"],
        "faithful": middle["faithful"],
        "faster": middle["faster"],
        "faithful, times as fast as dense": middle["dense"] / middle["faithful"],
        "faster, times as fast as faithful": middle["faithful"] / middle["faster"],
        "and as dense": middle["dense"] / middle["faster"],
        "faster is": f"`{faster.recipe}`, {faster.precision}",
    }


def _epochs(way: Way, train: Paired, count: int) -> list[float]:
    """Return the seconds of some epochs; what comes before the first one is not among them."""
    ends = []

    def told(done: int, total: int, values: Mapping[str, Any]) -> None:
        ends.append(time.process_time())

    recipe = Recipe.parse(way.recipe, {"epochs": count + 1})
    recipe.fit(train, BITS, training=Training(told, precision=way.precision))
    return [after - before for before, after in pairwise(ends)]


def _quality(name: str, faithful: Way, faster: Way, data: Dataset, ledger: Ledger) -> Row:
    def score(way: Way) -> float:
        found = compare([Run(Recipe.parse(way.recipe), BITS, 0, way.precision)], data, [MAP], ledger)
        return fmean(result.value for result in found if isinstance(result, Result))

    first, second = score(faithful), score(faster)
    return {
        "method": name,
        "faithful is": f"`{faithful.recipe}`, {faithful.precision}",
        "faithful MAP": f"{first:.4f}",
        "faster MAP": f"{second:.4f}",
        "difference": f"{second - first:+.4f}",
    }


if __name__ == "__main__":
    main(measure, __doc__)
