"""Feature separation: vectors split into modality, semantic and specific parts, and networks that rebuild items."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ..data.pairs import BEGIN, END, PADDING
from ..errors import InputError

#: The parts of a vector, in order.
PARTS = ("modality", "semantic", "specific")


@final
class Parts(nn.Module):
    """Maps vectors `(n, width)` to three parts of unit length, `(n, 3, part)`, in the order of `PARTS`."""

    def __init__(self, width: int, part: int, layers: int = 1) -> None:
        super().__init__()
        hidden = [each for _ in range(layers - 1) for each in (nn.Linear(width, width), nn.ReLU())]
        self.map, self.part = nn.Sequential(*hidden, nn.Linear(width, len(PARTS) * part)), part

    def forward(self, x: Float[Tensor, "n width"]) -> Float[Tensor, "n 3 part"]:
        """Return the parts."""
        return normalize(self.map(x).unflatten(1, (len(PARTS), self.part)), dim=2)


@final
class Separated(nn.Module):
    """Maps vectors to their semantic part; it holds the other parts and the networks that rebuild items from all three.

    `picture` and `sentence` are the sizes of the generator and of the decoder, if there is one.
    """

    def __init__(
        self,
        width: int,
        part: int,
        layers: int = 1,
        picture: Mapping[str, int] | None = None,
        sentence: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.sizes = {"width": width, "part": part, "layers": layers, "picture": picture, "sentence": sentence}
        self.parts = Parts(width, part, layers)
        self.picture = Generator(len(PARTS) * part, **picture) if picture else None
        self.sentence = Decoder(len(PARTS) * part, **sentence) if sentence else None

    def forward(self, x: Float[Tensor, "n width"]) -> Float[Tensor, "n part"]:
        """Return the semantic part."""
        parts: Tensor = self.parts(x)
        return parts[:, PARTS.index("semantic")]


def separated(tower: nn.Module) -> Separated:
    """Return the `Separated` layer of a tower; a tower without one is refused."""
    found = [part for part in tower.modules() if isinstance(part, Separated)]
    if len(found) != 1:
        raise InputError("this model has no separated parts; fit one that has, as in `crossbit fit mfsr`")
    return found[0]


def doublings(side: int) -> int:
    """Return how many times the generator doubles a map of 4 x 4.

    >>> doublings(64)
    4
    """
    count = round(log2(max(side, 1) / 4))
    if count < 1 or 4 * 2**count != side:
        raise InputError(f"a rebuilt picture has a side of 8, 16, 32, 64 or so on pixels, not {side}")
    return count


@final
class Generator(nn.Module):
    """DCGAN's generator: vectors `(n, width)` to pictures `(n, 3, side, side)` of -1 to 1, without noise."""

    def __init__(self, width: int, side: int, channels: int) -> None:
        super().__init__()
        widths = [channels * 2**i for i in reversed(range(doublings(side)))]
        layers: list[nn.Module] = [nn.ConvTranspose2d(width, widths[0], 4, 1, 0, bias=False)]
        for before, after in zip(widths, [*widths[1:], 3], strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.Tanh()).apply(dcgan_init)

    def forward(self, z: Float[Tensor, "n width"]) -> Float[Tensor, "n 3 side side"]:
        """Return a picture for each vector."""
        pictures: Tensor = self.layers(z[:, :, None, None])
        return pictures


def dcgan_init(module: nn.Module) -> None:
    """Draw a layer's initial weights as DCGAN does: kernels from N(0, 0.02), scales from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


@final
class Decoder(nn.Module):
    """Decodes sentences word by word: a stack of GRUs that starts from a linear map of a vector `(n, width)`."""

    def __init__(self, width: int, words: int, vector: int, hidden: int, layers: int = 1) -> None:
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.first = nn.Linear(width, layers * hidden)
        self.vectors = nn.Embedding(words, vector, padding_idx=PADDING)
        nn.init.uniform_(self.vectors.weight.data[PADDING + 1 :], -0.1, 0.1)
        self.cells = nn.GRU(vector, hidden, layers, batch_first=True)
        self.choice = nn.Linear(hidden, words)

    def forward(self, z: Float[Tensor, "n width"], inputs: Int[Tensor, "n length"]) -> Float[Tensor, "n length words"]:
        """Return the logits of the word after each input word."""
        states, _ = self.cells(self.vectors(inputs), self._first_states(z))
        scores: Tensor = self.choice(states)
        return scores

    @torch.no_grad()
    def greedy(self, z: Float[Tensor, "n width"], longest: int) -> Int[Tensor, "n longest"]:
        """Return the ids of greedy decoding up to the end mark; padding follows it."""
        state, word = self._first_states(z), torch.full((len(z), 1), BEGIN, device=z.device)
        words, over = [], torch.zeros(len(z), dtype=torch.bool, device=z.device)
        for _ in range(longest):
            states, state = self.cells(self.vectors(word), state)
            scores: Tensor = self.choice(states[:, 0])
            scores[:, [PADDING, BEGIN]] = -torch.inf
            word = scores.argmax(1, keepdim=True)
            words.append(word[:, 0].masked_fill(over, PADDING))
            over = over | (word[:, 0] == END)
        return torch.stack(words, 1)

    def _first_states(self, z: Float[Tensor, "n width"]) -> Float[Tensor, "layers n hidden"]:
        first: Tensor = self.first(z)
        return torch.stack(first.chunk(self.layers, 1))


def teacher_forcing(ids: Int[Tensor, "n length"]) -> tuple[Int[Tensor, "n inputs"], Int[Tensor, "n inputs"]]:
    """Return input words and the target word after each; the begin mark is prepended where it is missing."""
    begun = len(ids) > 0 and bool((ids[:, 0] == BEGIN).all())
    ids = ids if begun else torch.cat([torch.full_like(ids[:, :1], BEGIN), ids], 1)
    places = (ids != PADDING).any(0).nonzero()
    longest = int(places.max()) + 1 if len(places) else 1
    return ids[:, : max(longest - 1, 1)], ids[:, 1 : max(longest, 2)]


def caption_nll(R: nn.Module, z: Float[Tensor, "n width"], ids: Int[Tensor, "n length"]) -> Float[Tensor, ""]:
    """Return the negative log-likelihood of captions under a decoder: the mean of -log p over all words."""
    inputs, targets = teacher_forcing(ids)
    nll = cross_entropy(R(z, inputs).flatten(0, 1), targets.flatten(), ignore_index=PADDING, reduction="sum")
    return nll / (targets != PADDING).sum().clamp(min=1)
