"""The workers of the reliability benchmark: they change a collection until they are killed, or the disk is full.

Everything an item holds follows from its id, so that a half or forged item is told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from crossbit.collection import Collection, Item
from crossbit.collection.integrity.salvage import IntactItem, Salvage, reading
from crossbit.collection.storage.batch import EncodedBatch
from crossbit.data.pairs import MODALITIES, Modality
from crossbit.errors import DiskError

#: Items that a change adds at most, and from how many on items are removed.
MOST, ENOUGH = 60, 900


def batch_of(ids: list[str], bits: int) -> EncodedBatch:
    """Return the items of some ids, encoded: everything follows from the id."""
    hashes = [hashlib.sha256(id_.encode()).digest() for id_ in ids]
    seeds = [int.from_bytes(each[:4], "little") for each in hashes]
    facts = [{"seed": seed, "labels": ["x"] * (seed % 9)} for seed in seeds]
    items = [
        Item(id_, (f"text of {id_}",), f"/pictures/{id_}.jpg", fact, own.hex())
        for id_, fact, own in zip(ids, facts, hashes, strict=True)
    ]
    values: dict[Modality, ndarray] = {
        modality: np.stack([np.random.default_rng([seed, at]).normal(size=bits) for seed in seeds])
        for at, modality in enumerate(MODALITIES)
    }
    has: dict[Modality, ndarray] = {
        "image": np.ones(len(ids), bool),
        "text": np.array([seed % 5 > 0 for seed in seeds]),
    }
    small = [each * (40 + seed % 90) for each, seed in zip(hashes, seeds, strict=True)]
    return EncodedBatch.encoded(items, values, has, small)


@dataclass
class Log:
    """What a worker was about to do, and what it was told is done, in a file that outlives it."""

    path: Path

    def write(self, *entry: Any) -> None:
        """Add a line."""
        line = json.dumps(entry) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)

    def read(self) -> list[list[Any]]:
        """Return the lines."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


@dataclass
class State:
    """Which ids must be there, and which change may or may not have been made."""

    ids: set[str] = field(default_factory=set)
    changes: int = 0
    pending: list[Any] | None = None

    def replay(self, lines: list[list[Any]]) -> None:
        """Follow a log."""
        for kind, *entry in lines:
            if kind == "try":
                self.pending = entry
            elif kind == "done" and self.pending:
                self.ids = self.after()
                self.changes += 1
                self.pending = None

    def after(self) -> set[str]:
        """Return the ids after the pending change."""
        if self.pending is None:
            return self.ids
        name, ids = self.pending
        return self.ids | {*ids} if name == "add" else self.ids - {*ids}


def changes(shelf: Collection, log: Log, seed: int) -> None:
    """Change a collection at random for ever, saying before and after each change what it is."""
    rng = random.Random(seed)  # noqa: S311
    ids = shelf.ids()
    for count in range(1_000_000):
        name = rng.choices(["add", "remove", "compact"], [5, 4 if len(ids) > ENOUGH else 2, 2])[0]
        chosen = [f"{seed}-{count}-{row}" for row in range(rng.randint(1, MOST))]
        if name != "add":
            chosen = rng.sample(ids, min(len(ids), rng.randint(1, MOST))) if name == "remove" else []
        batch = batch_of(chosen, shelf.bits) if name == "add" else None
        log.write("try", name, chosen)
        if batch is not None:
            shelf.put(batch)
        elif name == "remove":
            shelf.remove(chosen)
        else:
            shelf.compact()
        log.write("done")
        ids = [*ids, *chosen] if name == "add" else [id_ for id_ in ids if id_ not in {*chosen}]


def in_child(work: Callable[[], None]) -> int:
    """Return the id of a process that does some work and ends."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def kill_once(folder: Path, log: Log, seed: int, delay: float) -> None:
    """Kill a process that changes the collection, some time after it has begun."""

    def work() -> None:
        with Collection(folder) as shelf:
            log.write("ready")
            changes(shelf, log, seed)

    log.path.unlink(missing_ok=True)
    child = in_child(work)
    while not log.path.exists():
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def fill_once(folder: Path, log: Log, seed: int, room: int) -> bool:
    """Change the collection until no file may grow further; tell whether the error said so."""

    def work() -> None:
        size = max(path.stat().st_size for path in folder.glob("items.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, size + room))
        try:
            with Collection(folder) as shelf:
                changes(shelf, log, seed)
        except DiskError:
            os._exit(0)

    log.path.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(os.waitpid(in_child(work), 0)[1]) == 0


def found(folder: Path) -> tuple[dict[str, IntactItem], int]:
    """Return every item that is as it was written, and how many rows are not."""
    with reading(folder) as connection:
        (bits,) = connection.execute("SELECT value FROM facts WHERE name = 'bits'").fetchone()
        salvage = Salvage(connection, int(bits))
        salvage.read_codes()
        return {sound.item.id: sound for _, sound, _ in salvage.read_items()}, len(salvage.damage)


def forged(sounds: dict[str, IntactItem], bits: int) -> list[str]:
    """Return the ids of items that do not hold what follows from their id."""
    ids = list(sounds)
    wrong = []
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        batch = batch_of(part, bits)
        for row, id_ in enumerate(part):
            codes = [sounds[id_].code.of(m) for m in MODALITIES]
            if sounds[id_].item != batch.items[row] or codes != [batch.code(row, m) for m in MODALITIES]:
                wrong.append(id_)
    return wrong
