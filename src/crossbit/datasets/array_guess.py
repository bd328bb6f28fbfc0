"""Guesses at what each array of a file is for, by its name and shape: shown to people, never acted on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..io.arrays import ENDINGS, LINK, Stored, contents, listing
from .array_columns import placed

#: What names begin with or hold, by role.
_ROLES = {
    "index": r"^(ind|idx|index|split|perm|param)|(^|_)(ind|idx|index)(_|$|tr|te|q|d)|^(train|test|val|query|database)$",
    "ids": r"^(ids?|names?|fall|files?|filenames?|image_?ids?)$",
    "captions": r"cap(s|tions?)?$|sentences?$",
    "text": r"^(t|y|x2|view2|bow)($|_|all|tr|te|db)|(^|_)(txt|text|texts|tag|tags|word|words|bert)(_|$|tr|te|db|f)",
    "image": r"^(i|x|v|x1|view1|vis\w*)($|_|all|tr|te|db|\d)|(^|_)(im|ims|img|imgs|image|images)(_|$|tr|te|db|f)",
    "labels": r"^(l|y|lab|label|labels|gnd|cat|class|classes|targets?)($|_|all|tr|te|db|q|d)|lab(els?)?$|label",
}
_LATER = r"(^|_)(te|test|q|query|val|dev)($|_)|test|query|Test|Query"
_DATABASE = r"(^|_)(db|database|retrieval|gallery)($|_)|database|retrieval"
_MARK = r"(^|_)(tr|te|q|db|dev|val)(?=_|$)|_?(train(ing)?|test|query|val|database|retrieval|gallery)"


def guessed(array: Stored) -> str:
    """Return the role that an array probably has, or nothing.

    >>> guessed(Stored("I_tr", (200, 32), "float64", dict)), guessed(Stored("idx_test", (1, 40), "int64", dict))
    ('image', 'index')
    """
    leaf = re.split(r"[./]", array.name)[-1]
    for role, pattern in _ROLES.items():
        if re.search(pattern, leaf, re.IGNORECASE) and _possible(role, array):
            return role
    return ""


def _possible(role: str, array: Stored) -> bool:
    if array.kind == LINK:
        return False
    texts = array.kind in ("cell", "text", "list") or array.kind.startswith("<U")
    if role in ("image", "text"):
        return not texts and len(array.shape) in (2, 3) and min(array.shape) > 1
    if role == "captions":
        return texts
    if role == "index":
        return not texts and len(array.shape) in (1, 2) and (len(array.shape) == 1 or min(array.shape) == 1)
    return True


def described(held: Sequence[Stored]) -> list[dict[str, str]]:
    """Return a row for each array: its name, shape and type, and the guess."""
    return [
        {
            "array": each.name or "-",
            "shape": " x ".join(map(str, each.shape)),
            "type": each.kind,
            "guess": guessed(each),
        }
        for each in held
    ]


def suggestion(file: str | Path, held: Sequence[Stored]) -> str:
    """Return the line to try for a file, or nothing where no image and text features were made out."""
    roles: dict[str, list[str]] = {}
    for array in held:
        roles.setdefault(guessed(array), []).append(array.name)
    if not roles.get("image") or not (roles.get("text") or roles.get("captions")):
        return ""
    blocks = {role: _blocks(names) for role, names in roles.items()}
    wanted = ("image", "text" if roles.get("text") else "captions", "labels")
    options = {role: "+".join(blocks[role]) for role in wanted if blocks.get(role)}
    if len(blocks["image"]) > 2:
        options |= {_part(name): name for name in blocks["image"]}
    for name in roles.get("index", []):
        options.setdefault(_part(name.rpartition(".")[2]), name)
    return f"arrays(file={file}, {', '.join(f'{option}={name}' for option, name in options.items())})"


def _blocks(names: Sequence[str]) -> list[str]:
    """Return the arrays to join: those that differ in the part alone that they name, or else the first.

    >>> _blocks(["I_te", "I_tr"]), _blocks(["image", "image_norm"])
    (['I_tr', 'I_te'], ['image'])
    """
    alike: dict[str, dict[str, str]] = {}
    for name in names:
        stem, parts = re.subn(_MARK, "", name, flags=re.IGNORECASE)
        if parts:
            alike.setdefault(stem.lower(), {}).setdefault(_part(name), name)
    several = [parts for parts in alike.values() if len(parts) > 1]
    return _ordered([*several[0].values()]) if several else [*names[:1]]


def _part(name: str) -> str:
    if re.search(_DATABASE, name, re.IGNORECASE):
        return "database"
    return "query" if re.search(_LATER, name, re.IGNORECASE) else "train"


def _ordered(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: ("train", "query", "database").index(_part(name)))


def suggested(folder: Path, file: str) -> str:
    """Return what there is to read in a file or folder, and the line to try."""
    if file:
        held = contents(placed(folder, file))
        line = suggestion(file, held)
        return f"{file} holds {listing(held)}" + (f"; try '{line}'" if line else "")
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not names:
        raise InputError(
            f"arrays: a file of arrays is not in {folder}; get it from your own feature matrices, saved as"
            f" {', '.join(ENDINGS[:4])} and the like"
        )
    shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
    return f"{folder} holds {shown}; `crossbit datasets show arrays --file FILE` shows what is in one"
