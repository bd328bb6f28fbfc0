"""Verification: every checksum of a collection is recomputed, and everything damaged is named."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ...errors import CrossbitError, DamagedError, InputError, MissingError
from ..model import bundle_sha256, fingerprint, load_whole
from ..storage import checksums
from ..storage.schema import Head
from ..storage.store import CLOSED, DATABASE, HEAD, MODEL, translated
from .salvage import Damage, Salvage, reading

logger = logging.getLogger(__name__)
#: Lines of SQLite's own check that are shown.
LINES = 20


@final
@dataclass(frozen=True)
class IntegrityReport:
    """The number of intact items, and everything that is damaged."""

    items: int
    damage: tuple[Damage, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def verify(folder: Path, *, model: bool = True) -> IntegrityReport:
    """Return what is damaged in a collection; one that cannot be opened is refused, for it may well be sound.

    Without `model` its model is identified, but not loaded.
    """
    if not (folder / DATABASE).is_file():
        raise InputError(f"{folder} is not a collection: it has no {DATABASE}")
    damage: list[Damage] = []
    items = 0
    try:
        with reading(folder) as connection:
            facts = read_facts(connection, damage)
            damage += _own_check(connection)
            salvage = Salvage(connection, facts.get("bits", 8))
            items = _items(salvage, facts)
            head = _head(connection, salvage, items)
            damage += [*salvage.damage, *_acknowledged(folder, head)]
    except sqlite3.Error as fault:
        if getattr(fault, "sqlite_errorname", "").startswith(CLOSED):
            raise translated(folder, fault) from None
        damage.append(Damage(DATABASE, f"it cannot be read: {fault}"))
        facts = {}
    damage += _model(folder, facts, load_it=model)
    return IntegrityReport(items, tuple(damage))


def read_facts(connection: sqlite3.Connection, damage: list[Damage]) -> dict[str, Any]:
    """Return the facts of a collection that are intact; the others are added to the damage."""
    facts: dict[str, Any] = {}
    for name, value, digest in connection.execute("SELECT name, value, digest FROM facts"):
        try:
            if checksums.of_parts(name.encode(), value.encode()) != digest:
                raise ValueError
            facts[name] = json.loads(value)
        except (ValueError, AttributeError):
            damage.append(Damage(f"fact {name!r}", "it has changed"))
    absent = {"format", "model", "bits", "thumbnail", "vectors"} - facts.keys()
    damage += [Damage(f"fact {name!r}", "it is missing") for name in sorted(absent)]
    return facts


def read_acknowledged(folder: Path) -> Head | None:
    """Return the last acknowledged change, or none where it cannot be read."""
    try:
        head = Head(**json.loads((folder / HEAD).read_text(encoding="utf-8")))
        return head if all(isinstance(value, int) for value in head) else None
    except (OSError, ValueError, TypeError):
        return None


def _own_check(connection: sqlite3.Connection) -> list[Damage]:
    lines = [line for (line,) in connection.execute(f"PRAGMA integrity_check({LINES})")]
    return [Damage(DATABASE, f"SQLite finds: {line}") for line in lines if line != "ok"]


def _items(salvage: Salvage, facts: Mapping[str, Any]) -> int:
    """Check items against their codes, thumbnails and vectors; return how many are intact."""
    salvage.read_codes()
    removed = {number for (number, *_) in salvage.rows("removed", "number")}
    digests = {number: digest for number, _, digest in salvage.read_items()}
    for number in sorted(removed & digests.keys()):
        salvage.note(f"number {number}", "it is an item, and removed")
    noted = len(salvage.damage)
    for number in sorted(salvage.codes.keys() - removed - digests.keys()):
        if not noted:  # else it may be one of those that are named already
            salvage.note(f"number {number}", "it has a code, but no item")
    salvage.set_digest = checksums.of_set(digests.values())
    for table in ("thumbnails", "vectors"):
        rows = dict(salvage.read_beside(table))
        for number in sorted(rows.keys() - digests.keys()) if not noted else ():
            salvage.note(f"{table} of number {number}", "it belongs to no item")
        for number in sorted(digests.keys() - rows.keys()) if table == "vectors" and facts.get("vectors") else ():
            salvage.note(f"vectors of number {number}", "they are missing")
    return len(digests)


def _head(connection: sqlite3.Connection, salvage: Salvage, items: int) -> Head | None:
    try:
        head = Head.read(connection)
    except (DamagedError, sqlite3.Error) as fault:
        salvage.note("head", str(fault))
        return None
    if not salvage.damage and (head.items != items or head.digest != salvage.set_digest):
        salvage.note("head", f"it counts {head.items} items, but {items} are there, or others")
    if max(salvage.codes, default=-1) >= head.next:
        salvage.note("head", f"it allows numbers below {head.next}, but there are higher ones")
    return head


def _acknowledged(folder: Path, head: Head | None) -> list[Damage]:
    acknowledged = read_acknowledged(folder)
    if not (folder / HEAD).exists() and head is not None and head.sequence == 0:
        return []
    if acknowledged is None:
        return [Damage(HEAD, "it is missing or cannot be read")]
    if head is None:
        return []
    if acknowledged.sequence > head.sequence:
        return [Damage(DATABASE, f"the last {acknowledged.sequence - head.sequence} acknowledged changes are lost")]
    if acknowledged.sequence == head.sequence and acknowledged != head:
        return [Damage(HEAD, f"it records {acknowledged}, but the collection {head}")]
    return []


def _model(folder: Path, facts: Mapping[str, Any], *, load_it: bool) -> list[Damage]:
    try:
        found = fingerprint(folder / MODEL)
        if "model" in facts and found != facts["model"]:
            return [Damage(MODEL, "it is not the model that encoded the items: put that one back")]
        if "bundle" in facts and bundle_sha256(folder / MODEL) != facts["bundle"]:
            return [Damage(f"{MODEL}/bundle.json", "it has changed: put that one back")]
        if load_it:
            load_whole(folder / MODEL)
    except MissingError as error:
        logger.warning("the model is not loaded: %s", error)
    except (CrossbitError, OSError) as fault:
        return [Damage(MODEL, str(fault))]
    except Exception as fault:  # a damaged file can raise nearly anything in a reader of weights
        return [Damage(MODEL, f"it cannot be read: {fault!r}")]
    return []
