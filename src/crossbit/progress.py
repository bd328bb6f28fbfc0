"""Progress of long tasks on stderr, so that stdout carries data alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

#: A callback for progress: `done` of `total` steps, and named values such as losses.
Log: TypeAlias = Callable[[int, int, Mapping[str, float]], None]


def silent(done: int, total: int, values: Mapping[str, float]) -> None:
    """Ignore a report."""


@contextmanager
def bar(title: str) -> Iterator[Log]:
    """Yield a log that draws a progress bar on stderr, or prints a line per tenth if stderr is no terminal."""
    if not sys.stderr.isatty():
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[values]}"), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, values="")

        def show(done: int, total: int, values: Mapping[str, float]) -> None:
            progress.update(task, completed=done, total=total, values=_named(values))

        yield show


def _lines(title: str) -> Log:
    shown = -1

    def show(done: int, total: int, values: Mapping[str, float]) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            print(f"{title}: {done}/{total} {_named(values)}".rstrip(), file=sys.stderr, flush=True)

    return show


def _named(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
