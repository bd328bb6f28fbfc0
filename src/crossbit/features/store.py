"""Extracted rows on disk, found again by the content they came from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray


class Shard(NamedTuple):
    """Some rows and the keys of the content they came from."""

    keys: list[bytes]
    rows: Shaped[ndarray, "m *row"]


@final
@dataclass(frozen=True)
class Store:
    """A folder of shards, all of one extractor.

    A shard's name is the sha256 of its bytes, so that damage shows without a manifest and writers cannot collide.
    It appears under that name only when it is complete.
    """

    folder: Path

    def read(self) -> Iterator[Shard]:
        """Yield every sound shard, one at a time; a damaged one is removed, so that its rows are extracted again."""
        for path in sorted(self.folder.glob("*.npz")):
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != path.stem:
                path.unlink(missing_ok=True)
                continue
            with np.load(BytesIO(data), allow_pickle=False) as arrays:
                yield Shard([key.tobytes() for key in arrays["keys"]], arrays["rows"])

    def write(self, shard: Shard) -> None:
        """Write a shard so that a crash at any moment leaves it complete or absent."""
        buffer = BytesIO()
        np.savez(buffer, keys=np.stack([np.frombuffer(key, np.uint8) for key in shard.keys]), rows=shard.rows)
        data = buffer.getvalue()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{hashlib.sha256(data).hexdigest()}.npz"
        partial = path.with_suffix(f".{os.getpid()}.part")
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
