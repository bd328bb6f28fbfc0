"""Explanation of a pair by a model that separates features: both halves rebuilt, and the nearest items by each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from ..data.corpus import Corpus
from ..data.pairs import END, MODALITIES, Array, Modality
from ..errors import InputError
from ..features.raw import Picture, centre_square, open_picture
from ..models.bundle import Bundle
from ..models.encoder import DualEncoder
from ..nn.separation import PARTS, separated

#: The most items that are searched, and the number of nearest ones that are shown.
GALLERY, NEAREST = 500, 5
#: The side of drawn pictures, in pixels.
SHOWN = 128


class Near(NamedTuple):
    """A near item by one part, and its cosine."""

    id: str
    cosine: float


@final
@dataclass(frozen=True, eq=False)
class Explanation:
    """A pair, its reconstruction if the model has generators, and the nearest items by part and modality."""

    picture: UInt8[ndarray, "h w 3"]
    caption: str
    rebuilt_picture: UInt8[ndarray, "side side 3"] | None
    rebuilt_caption: str | None
    nearest: Mapping[str, Mapping[Modality, Sequence[Near]]]

    def facts(self) -> dict[str, Any]:
        """Return the captions and the nearest items as JSON."""
        near = {
            part: {m: [each._asdict() for each in found] for m, found in of_part.items()}
            for part, of_part in self.nearest.items()
        }
        return {"caption": self.caption, "rebuilt caption": self.rebuilt_caption, "nearest": near}


@final
@dataclass(frozen=True, eq=False)
class Gallery:
    """Items outside the training part, among which the nearest to a pair are found."""

    corpus: Corpus
    ids: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle, corpus: Corpus) -> Gallery:
        """Return the first queries of the model's split, which must have pictures and texts."""
        if corpus.images is None or corpus.texts is None:
            raise InputError(
                f"{corpus.name} has no pictures with texts, which the nearest items need; use a dataset with both"
            )
        return cls(corpus, bundle.split.query[:GALLERY])

    def raw(self, name: str) -> tuple[Picture, str]:
        """Return the picture and the first caption of an item."""
        assert self.corpus.images is not None
        assert self.corpus.texts is not None
        (row,) = self.corpus.rows([name]).tolist()
        return self.corpus.images[row], self.corpus.texts[row][0]

    def without(self, name: str) -> Gallery:
        """Return the gallery without an item."""
        return Gallery(self.corpus, tuple(each for each in self.ids if each != name))


def explain_pair(bundle: Bundle, pair: tuple[Picture, str], gallery: Gallery) -> Explanation:
    """Return the explanation of a picture and its caption, with the nearest items of a gallery."""
    raws = [pair, *map(gallery.raw, gallery.ids)]
    separate = {
        m: parts(bundle.encoder, bundle.pipelines[m]([raw[i] for raw in raws]), m) for i, m in enumerate(MODALITIES)
    }
    nearest = {part: {m: _nearest(separate[m][:, i], gallery.ids) for m in MODALITIES} for i, part in enumerate(PARTS)}
    rebuilt = rebuilt_pictures(bundle.encoder, separate["image"][:1])
    return Explanation(
        shown(pair[0]),
        pair[1],
        None if rebuilt is None else rebuilt[0],
        _rebuilt_caption(bundle, separate["text"][:1]),
        nearest,
    )


def shown(picture: Picture) -> UInt8[ndarray, "h w 3"]:
    """Return the central square of a picture, which is all that a model sees."""
    opened = open_picture(picture)
    side = min(*opened.size, SHOWN)
    return centre_square(opened, side, side)


def _rebuilt_caption(bundle: Bundle, separate: Float32[ndarray, "1 3 part"]) -> str | None:
    reader = bundle.pipelines["text"]
    vocabulary = reader.extractor.token_vocabulary
    if vocabulary is None:
        return None
    ids = rebuilt_captions(bundle.encoder, separate, reader.width)
    return None if ids is None else vocabulary.sentence(np.append(ids[0], END))


def _nearest(part: Float32[ndarray, "n d"], ids: Sequence[str]) -> list[Near]:
    cosines = part[1:] @ part[0]
    order = np.argsort(-cosines, kind="stable")[:NEAREST]
    return [Near(ids[i], float(cosines[i])) for i in order.tolist()]


def parts(encoder: DualEncoder, x: Array, modality: Modality) -> Float32[ndarray, "n 3 part"]:
    """Return the parts of each item in the order of `PARTS`: exactly those that its embedding was made of."""
    within = separated(encoder.image if modality == "image" else encoder.text)
    found: list[ndarray] = []
    with within.parts.register_forward_hook(lambda part, given, out: found.append(out.cpu().numpy())):
        encoder.embed(x, modality)
    every: ndarray = np.concatenate([np.empty((0, len(PARTS), within.parts.part), np.float32), *found])[: x.shape[0]]
    return every


@torch.inference_mode()
def rebuilt_pictures(
    encoder: DualEncoder, separate: Float32[ndarray, "n 3 part"]
) -> UInt8[ndarray, "n side side 3"] | None:
    """Return the pictures rebuilt from parts, or none if the model has no generator."""
    G = separated(encoder.image).picture
    if G is None:
        return None
    x = G(torch.from_numpy(separate).flatten(1).to(next(G.parameters()).device))
    pictures: ndarray = ((x.movedim(1, 3) + 1) * 127.5).round().byte().cpu().numpy()
    return pictures


def rebuilt_captions(
    encoder: DualEncoder, separate: Float32[ndarray, "n 3 part"], longest: int
) -> Int[ndarray, "n l"] | None:
    """Return the word ids rebuilt from parts by greedy decoding, or none if the model has no decoder."""
    R = separated(encoder.text).sentence
    if R is None:
        return None
    z = torch.from_numpy(separate).flatten(1).to(next(R.parameters()).device)
    words: ndarray = R.greedy(z, longest).cpu().numpy()
    return words
