"""Load on the server: searches by 1, 8 and 32 clients while another client adds and removes items.

The collection holds clustered random codes of 64 bits (1,000 centres, each bit flipped with probability 0.12) beside
the model of a few scenes, which encodes every query; server and clients are processes of one machine and share its
cores. A client sends its next request when the last one is answered, half of them texts and half items. Meanwhile a
writer adds ten notes and removes five of them, over and over. Allowed are 200 and the documented 429 and 503; anything
else ends the benchmark with an error. At the end every acknowledged note must be there and every removed one gone, in
the server and in the file.
After a change the next search copies the codes in memory; one client waits for it, and the others share the copy.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from _bench import Tables, main
from crossbit.codes import Codes
from crossbit.collection import Collection, Item
from crossbit.collection.storage.batch import EncodedBatch
from crossbit.datasets import load
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin

BITS, KEY, CHUNK = 64, "benchmark-of-this-machine", 50_000
WORDS = ("a red circle", "two green stars", "a big blue square", "yellow triangle above a purple cross")
ALLOWED = {200, 429, 503}


def measure(quick: bool) -> Tables:
    """Return one table: searches by so many clients, without and with a writer."""
    size, seconds = (50_000, 4.0) if quick else (1_000_000, 12.0)
    with tempfile.TemporaryDirectory() as folder:
        shelf = Path(folder) / "shelf"
        fill(shelf, model(Path(folder) / "model"), size)
        with served(shelf) as port:
            plan = [(clients, writing) for writing in (False, True) for clients in (1, 8, 32)]
            rows = [load_of(port, size, clients, seconds, writing) for clients, writing in plan]
            written = sum((row.pop("notes") for row in rows), Notes())
            refuse_lost(port, written)
        with Collection(shelf) as opened:
            assert len(opened) == size + len(written.there), "the file holds another number of items"
            assert all(opened.item(name).texts for name in written.there)
    return {f"{size:,} codes of {BITS} bits, {seconds:g} s each": rows}


@dataclass
class Notes:
    """What the writer was told: notes that must be there, and notes that must be gone."""

    there: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def __add__(self, other: Notes) -> Notes:
        """Return both together."""
        return Notes(self.there | other.there, self.gone | other.gone)


def model(folder: Path) -> Path:
    """Fit and save a small model of the scenes."""
    made = featurise(load("scenes", train=300, database=300, query=10), "hog", "bow")
    recipe = Recipe.parse("cca+itq")
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    Bundle(recipe.fit(made.dataset.train, BITS), made.pipelines, made.dataset.split, origin).save(folder)
    return folder


def fill(shelf: Path, model: Path, size: int) -> None:
    """Make the collection."""
    rng = np.random.default_rng(0)
    centres = rng.random((1000, BITS)) < 0.5
    with Collection.create(shelf, model) as made:
        for start in range(0, size, CHUNK):
            n = min(CHUNK, size - start)
            drawn = Codes.from_bits(centres[rng.integers(1000, size=n)] ^ (rng.random((n, BITS)) < 0.12))
            items = [
                Item(f"item{row}", (f"item {row}",), None, {"year": 1990 + row % 35}) for row in range(start, start + n)
            ]
            made.put(EncodedBatch(items, np.full(n, 3, np.uint8), {"image": drawn, "text": drawn}))
            print(f"filled {start + n:,}", file=sys.stderr)


@contextmanager
def served(shelf: Path) -> Iterator[int]:
    """Serve the collection from a process of its own; yield the port."""
    command = [sys.executable, "-m", "crossbit", "serve", str(shelf), "--port", "0"]
    environment = os.environ | {"CROSSBIT_API_KEY": KEY}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        match = re.search(r":(\d+)\s*$", process.stdout.readline())
        assert match, "the server did not start"
        try:
            yield int(match[1])
        finally:
            process.terminate()


def load_of(port: int, size: int, clients: int, seconds: float, writing: bool) -> dict[str, Any]:
    """Return the row of one load: what so many clients were answered, and how fast."""
    until, answers, notes = time.perf_counter() + seconds, list[tuple[int, float]](), Notes()
    threads = [threading.Thread(target=search, args=(port, size, seed, until, answers)) for seed in range(clients)]
    told: Counter[int] = Counter()
    if writing:
        threads.append(threading.Thread(target=write, args=(port, f"note{clients}", until, notes, told)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = Counter(status for status, _ in answers) + told
    unexpected = {status: count for status, count in statuses.items() if status not in ALLOWED}
    assert not unexpected, f"answers that are not documented: {unexpected}"
    times = np.array([took for status, took in answers if status == 200])
    return {
        "clients": clients,
        "writer": "yes" if writing else "no",
        "searches/s": len(times) / seconds,
        "p50 ms": 1000 * float(np.median(times)),
        "p99 ms": 1000 * float(np.quantile(times, 0.99)),
        "429 or 503": statuses[429] + statuses[503],
        "added": len(notes.there) + len(notes.gone),
        "removed": len(notes.gone),
        "notes": notes,
    }


def search(port: int, size: int, seed: int, until: float, answers: list[tuple[int, float]]) -> None:
    """Search until the time is over."""
    rng = np.random.default_rng(seed)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    while (start := time.perf_counter()) < until:
        words = bool(rng.random() < 0.5)
        part = {"text": str(rng.choice(WORDS))} if words else {"like": f"item{rng.integers(size)}"}
        status, answer = ask(connection, "POST", "search", {"parts": [part], "k": 10})
        answers.append((status, time.perf_counter() - start))
        assert status != 200 or len(answer["hits"]) == 10, "a search found fewer than there are"
    connection.close()


def write(port: int, name: str, until: float, notes: Notes, told: Counter[int]) -> None:
    """Add notes and remove half of them until the time is over; remember what was acknowledged."""
    connection, count = HTTPConnection("127.0.0.1", port, timeout=60), 0
    while time.perf_counter() < until:
        ids = [f"{name}-{count + row}" for row in range(10)]
        count += 10
        status, _ = ask(connection, "POST", "items", {"items": [{"id": each, "texts": ["a note"]} for each in ids]})
        told[status] += 1
        if status != 200:
            continue
        notes.there |= {*ids}
        status, _ = ask(connection, "DELETE", "items?" + "&".join(f"id={each}" for each in ids[:5]))
        told[status] += 1
        if status == 200:
            notes.there -= {*ids[:5]}
            notes.gone |= {*ids[:5]}
        time.sleep(0.05)
    connection.close()


def refuse_lost(port: int, notes: Notes) -> None:
    """Fail if an acknowledged note is not there, or a removed one is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for name in sorted(notes.there | notes.gone):
        status, _ = ask(connection, "GET", f"item?id={name}")
        assert status == (200 if name in notes.there else 404), f"{name} is answered {status}"
    connection.close()


def ask(connection: HTTPConnection, method: str, what: str, body: object = None) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    address = f"/api/collections/shelf/{what}"
    connection.request(method, address, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


if __name__ == "__main__":
    main(measure, __doc__)
