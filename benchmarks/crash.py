"""State of a collection after kills, a full disk and damaged files, against the acknowledged writes.

A process adds, removes and compacts at random, and records each change before and after it; all data of an item follow
from its id. **Killed**: SIGKILL ends the process at a random moment, again and again on the same collection. *Lost*: an
acknowledged item that is missing, or one that was acknowledged as removed and is there. *Half*: an item whose data do
not follow from its id, or a change that was made in part. **Full**: no file may grow past a random size, so that
writing fails in the middle of a change. **Damaged**: in a copy, one bit is flipped at random, or a file is cut at
random. Either `verify` names the damage, or everything can still be read as it was written, the bit being in unused
space; *unnoticed* counts the trials where neither is so. `verify --repair` then keeps what is intact: *kept* is the
share of items.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from _bench import Tables, main
from _crash import Log, State, batch_of, fill_once, forged, found, kill_once
from crossbit.collection import Collection
from crossbit.collection.integrity.repair import repair
from crossbit.collection.integrity.verify import verify
from crossbit.datasets import load
from crossbit.errors import DamagedError
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin

#: Seconds that a process may work before it is killed, at most.
LONGEST = 0.15
BITS = 64


def measure(quick: bool) -> Tables:
    """Return a table of kills by what they interrupted, one of full disks, one of damaged files."""
    with tempfile.TemporaryDirectory() as name:
        model = made_model(Path(name))
        kills, fills, damages = (20, 6, 40) if quick else (400, 60, 400)
        with collection(Path(name) / "killed", model) as folder:
            killed = kill(folder, kills, seed=1)
        with collection(Path(name) / "full", model) as folder:
            filled = fill(folder, fills, seed=2)
        with collection(Path(name) / "damaged", model, items=600) as folder:
            damaged = damage(folder, damages, seed=3)
    return {
        "Killed by SIGKILL while it changed the collection": killed,
        "No room on the disk": filled,
        "Damaged files": damaged,
    }


def kill(folder: Path, trials: int, seed: int) -> list[dict[str, Any]]:
    """Kill a process again and again; return a row for each kind of change that was interrupted."""
    rng, log, state = random.Random(seed), Log(folder.parent / "log"), State()  # noqa: S311
    rows: dict[str, Counter[str]] = {name: Counter() for name in ("add", "remove", "compact", "nothing")}
    for trial in range(trials):
        kill_once(folder, log, seed * 1_000_000 + trial, rng.uniform(0, LONGEST))
        before = state.changes
        state.replay(log.read())
        row = rows[state.pending[0] if state.pending else "nothing"]
        row["trials"] += 1
        row["acknowledged changes"] += state.changes - before
        judge(folder, state, row)
    names = ("trials", "acknowledged changes", "made, not yet acknowledged", "items lost", "half items", "unsound")
    return [{"killed during": name, **{column: row[column] for column in names}} for name, row in rows.items()]


def fill(folder: Path, trials: int, seed: int) -> list[dict[str, Any]]:
    """Run out of room again and again; return one row."""
    rng, log, state, row = random.Random(seed), Log(folder.parent / "log"), State(), Counter[str]()  # noqa: S311
    for trial in range(trials):
        row["refused with the reason"] += fill_once(folder, log, seed * 1_000_000 + trial, rng.randint(0, 400_000))
        before = state.changes
        state.replay(log.read())
        row["trials"] += 1
        row["acknowledged changes"] += state.changes - before
        judge(folder, state, row)
    names = ("trials", "refused with the reason", "acknowledged changes", "items lost", "half items", "unsound")
    return [{column: row[column] for column in names}]


def judge(folder: Path, state: State, row: Counter[str]) -> None:
    """Compare what is there with what was acknowledged; then go on from what is there."""
    sounds, unreadable = found(folder)
    there, after = sounds.keys(), state.after()
    row["made, not yet acknowledged"] += bool(state.pending) and there == after != state.ids
    if there != after:
        row["items lost"] += len(there ^ state.ids)
    row["half items"] += unreadable + len(forged(sounds, BITS))
    row["unsound"] += not verify(folder, model=False).sound
    state.ids, state.pending = set(there), None


def damage(folder: Path, trials: int, seed: int) -> list[dict[str, Any]]:
    """Damage a copy again and again; return a row for each kind of damage."""
    rng, copy = random.Random(seed), folder.parent / "copy"  # noqa: S311
    shutil.copytree(folder, copy)
    whole, with_log = found(copy)[0], folder.with_name("with-log")
    rows: dict[str, list[dict[str, float]]] = {}
    for trial in range(trials):
        shutil.rmtree(copy)
        kind = ("a bit of the items", "a cut of the items", "a bit of the model", "a bit of the log")[trial % 4]
        shutil.copytree(with_log if kind.endswith("log") else folder, copy)
        if hurt(copy, kind, rng):
            rows.setdefault(kind, []).append(judge_damage(copy, whole))
    return [
        {
            "damage": kind,
            "trials": len(found_),
            "named": int(sum(each["named"] for each in found_)),
            "unnoticed": int(sum(each["unnoticed"] for each in found_)),
            "forged after repair": int(sum(each["forged"] for each in found_)),
            "not repaired": int(sum(each["hopeless"] for each in found_)),
            "kept, mean %": 100 * fmean(each["kept"] for each in found_),
            "kept, least %": 100 * min(each["kept"] for each in found_),
        }
        for kind, found_ in rows.items()
    ]


def hurt(folder: Path, kind: str, rng: random.Random) -> bool:
    """Damage one file; tell whether there was one."""
    if kind.endswith("model"):
        paths = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    else:
        paths = [folder / ("items.db" if kind.endswith("items") else "items.db-wal")]
    path = rng.choice(paths)
    data = bytearray(path.read_bytes()) if path.exists() else bytearray()
    if not data:
        return False
    if kind.startswith("a cut"):
        del data[rng.randrange(len(data)) :]
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return True


def judge_damage(folder: Path, whole: Mapping[str, Any]) -> dict[str, float]:
    """Return whether the damage was named, and what a repair kept."""
    report = verify(folder)
    unnoticed = report.sound and found(folder)[0] != whole
    fact = {"named": not report.sound, "unnoticed": unnoticed, "forged": 0, "hopeless": 0, "kept": 1.0}
    if not report.sound:
        try:
            repair(folder)
        except DamagedError:
            return fact | {"hopeless": 1, "kept": 0.0}
        sounds = found(folder)[0]
        fact["kept"] = len(sounds) / len(whole)
        fact["forged"] = sum(sound != whole.get(id_) for id_, sound in sounds.items())
    return fact


@contextmanager
def collection(folder: Path, model: Path, items: int = 0) -> Iterator[Path]:
    """Yield the folder of a closed collection, and beside it a copy whose last changes are in its log."""
    folder.mkdir()
    shelf = Collection.create(folder / "shelf", model, vectors=True)
    for start in range(0, items, 100):
        shelf.put(batch_of([f"{start}-{row}" for row in range(100)], BITS))
    shutil.copytree(folder / "shelf", folder / "with-log")  # while it is open, a log lies beside the file
    shelf.close()
    yield folder / "shelf"


def made_model(folder: Path) -> Path:
    """Return the folder of a small model."""
    scenes = load("scenes", query=20, train=100, database=100)
    made = featurise(scenes, "hog|pca16", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    Bundle(recipe.fit(made.dataset.train, BITS), made.pipelines, made.dataset.split, origin).save(folder / "model")
    return folder / "model"


if __name__ == "__main__":
    main(measure, __doc__)
