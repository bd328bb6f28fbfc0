"""The contents that a model was trained on, as short hashes: so that what is called held-out never trained it.

::

    trained_on/image.npy  text.npy   the first eight bytes of the sha256 of each training picture or text, sorted

Ids do not say it: the same picture has another id in a folder, in a list and in a data set. A picture is the sha256 of
its file, as a collection records it, or of its pixels; a text is compared in NFC, without regard to white space.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Int, UInt64
from numpy import ndarray

from ..data.pairs import MODALITIES, Modality
from ..errors import InputError, ItemError
from ..io.arrays import read_named
from .base import file_sha256
from .extraction import content_key

#: The folder of the hashes in a model's folder, and what the model's description calls the checksums of its files.
NAME = "trained_on"
#: Bytes of a hash that are kept.
BYTES = 8


@final
@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The hashes of training pictures and texts, each sorted; a modality of which only features are known is absent."""

    hashes: Mapping[Modality, UInt64[ndarray, "n"]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        images: Sequence[Any] | None,
        texts: Sequence[Iterable[str]] | None,
        rows: Int[ndarray, "n"],
    ) -> TrainedOn:
        """Return the contents of some rows of a dataset; pictures that cannot be read have trained nothing."""
        found: dict[Modality, UInt64[ndarray, "n"]] = {}
        if images is not None:
            found["image"] = _joined(_pictures(images, rows))
        if texts is not None:
            found["text"] = _joined(text_key(text) for row in rows.tolist() for text in texts[row])
        return cls(found)

    def has(self, modality: Modality, keys: Sequence[bytes]) -> Bool[ndarray, "n"]:
        """Return for each sha256 of a picture or text whether the model was trained on it."""
        asked = np.frombuffer(b"".join(key[:BYTES] for key in keys), "<u8")
        return np.isin(asked, self.hashes.get(modality, np.empty(0, np.uint64)))

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the hashes, if there are any, into a model's folder; return what its description says of them."""
        if not self.hashes:
            return {}
        (folder / NAME).mkdir()
        for modality, hashes in self.hashes.items():
            np.save(_file(folder, modality), hashes.astype("<u8"))
        return {NAME: {modality: file_sha256(_file(folder, modality)) for modality in self.hashes}}

    @classmethod
    def load(cls, folder: Path, description: Mapping[str, Any]) -> TrainedOn:
        """Return the hashes in the folder of a described model, none where it has none; a changed file is refused."""
        stated = description.get(NAME, {})
        found: dict[Modality, UInt64[ndarray, "n"]] = {}
        for modality in MODALITIES:
            if not isinstance(stated, dict) or modality not in stated:
                continue
            path = _file(folder, modality)
            if not path.is_file() or file_sha256(path) != stated[modality]:
                raise InputError(f"{path} is missing or has changed; copy the model again or refit it")
            found[modality] = read_named(path)
            if found[modality].dtype != np.uint64 or found[modality].ndim != 1:
                raise InputError(f"{path} does not hold hashes; copy the model again or refit it")
        return cls(found)


def text_key(text: str) -> bytes:
    r"""Return the sha256 of a text, the same for all forms of its characters and of the white space between words.

    >>> text_key(" a  red\tcircle") == text_key("a red circle")
    True
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()


def _file(folder: Path, modality: Modality) -> Path:
    return folder / NAME / f"{modality}.npy"


def _pictures(images: Sequence[Any], rows: Int[ndarray, "n"]) -> Iterator[bytes]:
    for row in rows.tolist():
        with suppress(ItemError, OSError):
            yield content_key(images[row])


def _joined(keys: Iterable[bytes]) -> UInt64[ndarray, "n"]:
    return np.unique(np.frombuffer(b"".join(key[:BYTES] for key in keys), "<u8"))
