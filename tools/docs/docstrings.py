"""An extension of Griffe: docstrings as Markdown, with their examples and literal blocks as fenced code."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Markdown(griffe.Extension):
    """Turns the few marks of plain docstrings into Markdown."""

    def on_instance(self, *, obj: griffe.Object | griffe.Alias, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if not obj.is_alias and obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    r"""Return a docstring in which examples (`>>>`) and blocks after `::` are fenced.

    >>> markdown("Adds.\n\n>>> 1 + 1\n2").splitlines()
    ['Adds.', '', '```python', '>>> 1 + 1', '2', '```']
    >>> markdown("So::\n\n    a = 1").splitlines()
    ['So:', '', '```python', 'a = 1', '```']
    """
    docstring = re.sub(r"^>>>.*(?:\n.+)*", lambda found: f"```python\n{found[0]}\n```", docstring, flags=re.MULTILINE)
    return re.sub(r"::\n\n((?:    .*(?:\n|$)|\n(?=    ))+)", _literal, docstring)


def _literal(found: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in found[1].rstrip("\n").split("\n")]
    return ":\n\n```python\n" + "\n".join(lines) + "\n```" + ("\n" if found[1].endswith("\n") else "")
