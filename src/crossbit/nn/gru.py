"""Sentence encoders: word vectors and a stack of gated recurrent units."""

from __future__ import annotations

from typing import cast, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..data.pairs import PADDING, Paired, Vocabulary
from ..errors import InputError


@final
class GRUEncoder(nn.Module):
    """Maps word ids to the last state of a stack of GRUs; with two directions, a second GRU reads backwards.

    Padding changes no state, and each step takes one word of every row, so that the bytes of a sentence depend neither
    on its neighbours in a batch nor on the length of the padding. A sentence without words is all 0.
    """

    def __init__(self, words: int, width: int, hidden: int, layers: int = 1, directions: int = 1) -> None:
        super().__init__()
        self.hidden, self.layers, self.directions = hidden, layers, directions
        self.sizes = {"words": words, "width": width, "hidden": hidden, "layers": layers, "directions": directions}
        self.vectors = nn.Embedding(words, width, padding_idx=PADDING)
        nn.init.uniform_(self.vectors.weight.data[PADDING + 1 :], -0.1, 0.1)  # VSE++
        widths = [width, *[hidden * directions] * (layers - 1)]
        self.cells = nn.ModuleList(nn.GRUCell(w, hidden) for w in widths for _ in range(directions))

    @property
    def width(self) -> int:
        """The number of dimensions of a sentence's vector."""
        return self.hidden * self.directions

    def forward(self, ids: Int[Tensor, "n length"]) -> Float[Tensor, "n width"]:
        """Return a vector for each sentence."""
        real = ids != PADDING
        longest = int(real.any(0).nonzero().max()) + 1 if real.any() else 0
        real, x = real[:, :longest], self.vectors(ids[:, :longest])
        last: list[Tensor] = []
        for layer in range(self.layers):
            cells = cast("list[nn.GRUCell]", [*self.cells][layer * self.directions :][: self.directions])
            passes = [unroll(cell, x, real, backwards=d == 1) for d, cell in enumerate(cells)]
            x, last = torch.cat([states for states, _ in passes], 2), [state for _, state in passes]
        return torch.cat(last, 1)


def unroll(
    cell: nn.GRUCell, x: Float[Tensor, "n length width"], real: Bool[Tensor, "n length"], *, backwards: bool
) -> tuple[Float[Tensor, "n length hidden"], Float[Tensor, "n hidden"]]:
    """Return the state of a cell after each position and after the last; padding leaves it unchanged."""
    state = x.new_zeros(len(x), cell.hidden_size)
    states = [state] * x.shape[1]
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        states[t] = state = torch.where(real[:, t, None], cell(x[:, t], state), state)
    return torch.stack(states, 1) if states else x.new_zeros(len(x), 0, cell.hidden_size), state


def gru_encoder(train: Paired, width: int, hidden: int, layers: int = 1, directions: int = 1) -> GRUEncoder:
    """Return a sentence encoder for the texts of these pairs, which are word ids.

    Pretrained vectors of the vocabulary initialise the word vectors and determine their width; a word without one
    starts at random.
    """
    vocabulary = train.vocabulary
    if vocabulary is None:
        raise InputError("the texts are not word ids; take word ids, as in --features text=words")
    if vocabulary.vectors is not None:
        width = vocabulary.vectors.shape[1]
    encoder = GRUEncoder(len(vocabulary), width, hidden, layers, directions)
    _initialise(encoder.vectors, vocabulary)
    return encoder


@torch.no_grad()
def _initialise(vectors: nn.Embedding, vocabulary: Vocabulary) -> None:
    if vocabulary.vectors is not None:
        pretrained = torch.from_numpy(vocabulary.vectors).to(vectors.weight)
        vectors.weight.copy_(torch.where(pretrained.isnan(), vectors.weight, pretrained))
