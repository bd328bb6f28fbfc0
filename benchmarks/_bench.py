"""Shared by all benchmarks: timing in turns, one table format, `--json` and `--quick`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

#: One line of a table; all rows of a table share their keys, which are its columns.
Row: TypeAlias = Mapping[str, Any]
#: The rows of each table, by its title.
Tables: TypeAlias = Mapping[str, Sequence[Row]]


def in_turns(contestants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of every repeat, contestants taking turns, after one untimed call of each.

    Whatever else the machine does then hits all of them alike, so that their ratios hold where seconds do not.
    """
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def times_faster(seconds: Mapping[str, Sequence[float]], name: str, reference: str) -> float:
    """Return how many times faster than the reference one contestant is: the median of the ratios round by round."""
    return median(theirs / ours for theirs, ours in zip(seconds[reference], seconds[name], strict=True))


def against(seconds: Mapping[str, Sequence[float]], reference: str) -> list[dict[str, Any]]:
    """Return a row per contestant: median milliseconds, their range, and the ratio to the reference."""
    return [
        {
            "what": name,
            "median ms": 1000 * median(values),
            "fastest ms": 1000 * min(values),
            "slowest ms": 1000 * max(values),
            f"times as fast as {reference}": times_faster(seconds, name, reference),
        }
        for name, values in seconds.items()
    ]


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, padded so that a terminal shows it well; floats with three digits."""
    columns = list(rows[0])
    cells = [columns, *([_shown(row[name]) for name in columns] for row in rows)]
    widths = [max(3, *(len(line[i]) for line in cells)) for i in range(len(columns))]
    sides = [">" if isinstance(rows[0][name], int | float) else "<" for name in columns]
    rule = ["-" * (width - 1) + (":" if side == ">" else "-") for width, side in zip(widths, sides, strict=True)]
    lines = [
        " | ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True))
        for line in [cells[0], rule, *cells[1:]]
    ]
    return "\n".join(f"| {line} |" for line in lines)


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def machine() -> dict[str, str]:
    """Return what the figures depend on: cores, processor, Python and the versions of the libraries."""
    names = ("numpy", "numba", "faiss-cpu", "scipy", "scikit-learn", "torch", "torchmetrics", "onnxruntime", "pillow")
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "processor": _processor(),
        "Python": platform.python_version(),
        **{name: found for name in names if (found := _version(name))},
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def main(measure: Callable[[bool], Tables], about: str) -> None:
    """Run `measure(quick)` as a script; print its tables, or with `--json` one document for machines."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer repeats: under a minute")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    tables = measure(options.quick)
    if options.json:
        document = {"about": about.strip(), "quick": options.quick, "machine": machine(), "tables": tables}
        json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
        print()
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()), file=sys.stderr)
    for title, rows in tables.items():
        print(f"\n{title}\n\n{markdown(rows)}")
