"""Trains the methods of the curves in results.toml and scores them during training.

python tools/docs/curves.py mirflickr25k --data-dir DATA    finished curves are kept; tools/docs/results.py draws them
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from crossbit.cli.setup import featurised, read_setup
from crossbit.data.pairs import Dataset
from crossbit.evaluation.comparison import chance_levels, setting
from crossbit.evaluation.scoring import score
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure
from crossbit.models.encoder import DualEncoder
from crossbit.progress import bar
from crossbit.reporting import plots
from crossbit.spec import parse_call, split_list
from crossbit.training.early_stopping import hold_out
from crossbit.training.run import Precision, Training
from generate import table as markdown

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
CURVES: dict[str, Any] = tomllib.loads((HERE / "results.toml").read_text(encoding="utf-8"))["curves"]
MAP = Measure.parse("MAP")
#: Epochs without a better agreement that end a run, as in `crossbit fit --patience 5`.
PATIENCE = 5


def kept(name: str) -> Path:
    """Return the file of a study's curves."""
    return HERE / "results" / f"curves-{name}.json"


def run(name: str, data_dir: Path | None) -> None:
    """Train the methods without a stored curve, and store theirs."""
    study, path = CURVES[name], kept(name)
    setup = read_setup(study["dataset"], study["features"], "join")
    corpus = setup.corpus(data_dir)
    data = featurised(setup, corpus, None, "fail").dataset
    where = setting(setup.features(corpus), setup.captions, data)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.get("setting") != where:
        found = {"setting": where, "chance": fmean(v["MAP"] for v in chance_levels(data, [MAP]).values()), "curves": {}}
    for text in recipes(study["methods"]):
        if text not in found["curves"]:
            found["curves"][text] = curve(Recipe.parse(text), data, study)
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found["curves"] = {text: found["curves"][text] for text in recipes(study["methods"])}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def recipes(listed: str) -> list[str]:
    """Return the recipes written between commas."""
    return [text.strip("' \n") for text in split_list(listed)]


def curve(recipe: Recipe, data: Dataset, study: dict[str, Any]) -> list[dict[str, float]]:
    """Return an entry for each scored epoch: MAP of both directions, and how well held-out training pairs agree.

    A tenth of the training pairs is held out, as when a run is to stop early; the run itself goes to its end.
    """
    epochs = recipe.parameters["epochs"]
    scored = {round(e) for e in np.linspace(1, epochs, min(epochs, study["points"]))}
    train, held = hold_out(data.train, study["seed"])
    entries: dict[int, dict[str, float]] = {}

    def watch(epoch: int, encoder: DualEncoder) -> None:
        entries[epoch] = {"epoch": epoch}
        if epoch in scored:
            entries[epoch] |= {task: float(each.mean(MAP)) for task, each in score(encoder, data, [MAP]).items()}

    with bar(str(recipe.name)) as log:

        def told(done: int, total: int, values: Any) -> None:
            entries[done]["agreement"] = values["held_out_recall"]
            log(done, total, {"agreement": values["held_out_recall"]})

        precision: Precision = "bfloat16" if recipe.name in recipes(study.get("bfloat16", "")) else "float32"
        how = Training(told, precision=precision, held=held, patience=epochs, watch=watch)
        recipe.fit(train, study["bits"], seed=study["seed"], training=how)
    return list(entries.values())


def mean_map(entry: dict[str, float]) -> float:
    """Return MAP averaged over both directions."""
    return fmean((entry["image->text"], entry["text->image"]))


def stopped(entries: list[dict[str, float]], patience: int = PATIENCE) -> int:
    """Return the epoch whose encoder early stopping would have returned."""
    best = entries[0]
    for entry in entries:
        if entry["agreement"] > best["agreement"]:
            best = entry
        elif entry["epoch"] - best["epoch"] >= patience:
            break
    return int(best["epoch"])


def rows(curves: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Return a table row for each method: MAP at its best, stopped and last epoch; only the last two are honest."""
    made = []
    for text, entries in curves.items():
        scored = {int(entry["epoch"]): mean_map(entry) for entry in entries if "image->text" in entry}
        at = stopped(entries)
        near = min(scored, key=lambda epoch: abs(epoch - at))
        best = max(scored, key=scored.__getitem__)
        made.append(
            {
                "method": f"`{text}`",
                "last epoch": f"{scored[max(scored)]:.4f}",
                "stopped early": f"{scored[near]:.4f} (epoch {at})",
                "best seen": f"{scored[best]:.4f} (epoch {best})",
            }
        )
    return made


def section(name: str) -> list[str]:
    """Return the part of the results page that shows the curves of a study."""
    study, found = CURVES[name], json.loads(kept(name).read_text(encoding="utf-8"))
    command = f"python tools/docs/curves.py {name} --data-dir DATA && python tools/docs/results.py"
    return [
        f"## {study['title']}",
        study["about"].strip(),
        markdown(rows(found["curves"])),
        f"![MAP over the epochs](images/curves-{name}.svg)",
        f"```console\n$ {command}\n```",
        f"Run on {found['setting']}; {study['bits']} bits, seed {study['seed']}, chance {found['chance']:.4f}.",
    ]


def draw(name: str) -> None:
    """Write a study's figure: MAP over the share of the epochs that is trained."""
    found = json.loads(kept(name).read_text(encoding="utf-8"))["curves"]
    lines = {}
    for text, entries in found.items():
        scored = [entry for entry in entries if "image->text" in entry]
        x = np.array([entry["epoch"] / entries[-1]["epoch"] for entry in scored])
        method, options = parse_call(text)
        others = [f"{key} {value}" for key, value in options.items() if key != "epochs"]
        lines[", ".join([method, *others])] = x, np.array([mean_map(entry) for entry in scored])
    figure = plots.epoch_curves(lines, title=CURVES[name]["title"])
    plots.save(figure, DOCS / "images" / f"curves-{name}.svg")


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=CURVES)
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    run(given.study, given.data_dir)


if __name__ == "__main__":
    main()
