"""The feature cache: extracted rows on disk, keyed by the content of their items."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, KeysView, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from ..errors import InputError
from ..io.atomic import atomic_write

#: Shards held in memory, 256 rows each.
_HELD = 16


class Shard(NamedTuple):
    """Some rows and the keys of their items' content."""

    keys: list[bytes]
    rows: Shaped[ndarray, "m *row"]


@final
@dataclass(frozen=True)
class ShardStore:
    """A folder of shards, all of one extractor.

    A shard is named by the sha256 of its bytes, so that damage shows without a manifest and writers cannot collide.
    """

    folder: Path

    def read(self) -> Iterator[Shard]:
        """Yield every sound shard, one at a time; a damaged one is removed, so that its rows are extracted again."""
        for path in self.paths():
            shard = self.shard(path)
            if shard is not None:
                yield shard

    def paths(self) -> list[Path]:
        """Return the files of the shards."""
        return sorted(self.folder.glob("*.npz"))

    def shard(self, path: Path) -> Shard | None:
        """Return the shard in a file; a damaged one is removed."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            path.unlink(missing_ok=True)
            return None
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return Shard([key.tobytes() for key in arrays["keys"]], arrays["rows"])

    def write(self, shard: Shard) -> Path:
        """Write a shard so that a crash at any moment leaves it complete or absent; return its file."""
        buffer = BytesIO()
        np.savez(buffer, keys=np.stack([np.frombuffer(key, np.uint8) for key in shard.keys]), rows=shard.rows)
        data = buffer.getvalue()
        path = self.folder / f"{hashlib.sha256(data).hexdigest()}.npz"
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data)
        return path


@final
class FeatureCache:
    """The rows of a store by the key of their content; memory holds the keys and a few shards.

    New rows are on disk after `flush`.
    """

    def __init__(self, store: ShardStore) -> None:
        """Read the keys of every sound shard."""
        self._store = store
        self._at: dict[bytes, tuple[Path, int] | None] = {}
        self._fresh: dict[bytes, Shaped[ndarray, "*row"]] = {}
        self._read: dict[Path, Shaped[ndarray, "m *row"]] = {}
        for path in store.paths():
            shard = store.shard(path)
            self._at |= {key: (path, at) for at, key in enumerate(shard.keys)} if shard else {}

    def __contains__(self, key: bytes) -> bool:
        """Return whether the row of a key is stored."""
        return key in self._at

    def keys(self) -> KeysView[bytes]:
        """Return the keys of all rows, as a view that follows `add`."""
        return self._at.keys()

    def __getitem__(self, key: bytes) -> Shaped[ndarray, "*row"]:
        """Return a row; one whose shard was removed meanwhile is refused."""
        place = self._at[key]
        if place is None:
            return self._fresh[key]
        path, at = place
        if path not in self._read:
            shard = self._store.shard(path) if path.is_file() else None
            if shard is None:
                raise InputError(f"the cache {self._store.folder} changed while it was used; run again")
            if len(self._read) >= _HELD:
                self._read.pop(next(iter(self._read)))
            self._read[path] = shard.rows
        row: ndarray = self._read[path][at]
        return row

    def add(self, keys: Sequence[bytes], rows: Shaped[ndarray, "m *row"]) -> None:
        """Add new rows."""
        self._fresh |= dict(zip(keys, rows, strict=True))
        self._at |= dict.fromkeys(keys)

    def flush(self) -> None:
        """Write the new rows as one shard."""
        if self._fresh:
            path = self._store.write(Shard([*self._fresh], np.stack([*self._fresh.values()])))
            self._at |= {key: (path, at) for at, key in enumerate(self._fresh)}
            self._fresh.clear()


def default_cache() -> Path:
    """Return the folder that caches extracted features between runs: `crossbit/features` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crossbit" / "features"
