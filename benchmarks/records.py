"""Lists of pictures: crossbit, and the bare loop that looks for each file by itself.

A folder has half of the pictures that its captions.csv names, in folders of a thousand. crossbit walks the folder,
reads the list, finds each picture in the listings of its folder, and looks for the spelling of those that are missing;
the loop asks the file system about each row, and does nothing else. The ratio of the sizes says whether time grows with
the rows: ten times the rows should take about ten times as long.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from _bench import Tables, in_turns, main, times_faster
from crossbit.records.read import read

OURS, LOOP = "crossbit", "bare loop"


def measure(quick: bool) -> Tables:
    """Return one table: both contestants on a small list and on one ten times as long."""
    small, large = (2_000, 20_000) if quick else (10_000, 100_000)
    contestants: dict[str, Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as name:
        for rows in (small, large):
            folder = made(Path(name) / str(rows), rows)
            assert len(read(folder)) == len(bare(folder)) == rows // 2
            contestants |= {f"{OURS} {rows}": partial(read, folder), f"{LOOP} {rows}": partial(bare, folder)}
        seconds = in_turns(contestants, 3 if quick else 5)
    table = [
        {
            "what": what,
            f"{small:,} rows, ms": 1000 * median(seconds[f"{what} {small}"]),
            f"{large:,} rows, ms": 1000 * median(seconds[f"{what} {large}"]),
            "ratio of the times": times_faster(seconds, f"{what} {small}", f"{what} {large}"),
        }
        for what in (OURS, LOOP)
    ]
    return {"A captions.csv, half of whose pictures are missing": table}


def made(folder: Path, rows: int) -> Path:
    """Return a folder with a list of so many pictures, every second of which is there."""
    names = [f"{row // 1000:03}/{row:06}.jpg" for row in range(rows)]
    for name in names[::2]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    lines = (f"{name},a thing of number {row},{row}\n" for row, name in enumerate(names))
    (folder / "captions.csv").write_text("image,text,number\n" + "".join(lines), encoding="utf-8")
    return folder


def bare(folder: Path) -> list[dict[str, str]]:
    """Return the rows whose picture is there."""
    with (folder / "captions.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if (folder / row["image"]).is_file()]


if __name__ == "__main__":
    main(measure, __doc__)
