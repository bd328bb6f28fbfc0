"""Reading sentences: word vectors and a stack of gated recurrent units, as a part of towers."""

from __future__ import annotations

from typing import cast, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..data.pairs import PADDING, Paired, Vocabulary
from ..errors import InputError


@final
class GRUEncoder(nn.Module):
    """Maps word ids to the state of a stack of GRUs after the last word; with two directions, also read backwards.

    Padding changes no state, and every word is a step of its own with the same number of rows: a sentence's bytes do
    not depend on its neighbours in a batch, nor on how far they are padded. A sentence without a word is all 0.
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
        """The number of dimensions of what a sentence is mapped to."""
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
    """Return the state of a cell after each place of rows, and after all; at a place that is not real it stays."""
    state = x.new_zeros(len(x), cell.hidden_size)
    states = [state] * x.shape[1]
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        states[t] = state = torch.where(real[:, t, None], cell(x[:, t], state), state)
    return torch.stack(states, 1) if states else x.new_zeros(len(x), 0, cell.hidden_size), state


def gru_encoder(train: Paired, width: int, hidden: int, layers: int = 1, directions: int = 1) -> GRUEncoder:
    """Return what reads the texts of these pairs, which are word ids.

    Where the vocabulary brings vectors learned elsewhere, reading starts from them, in their width; a word without one
    starts like all others.
    """
    known = train.vocabulary
    if known is None:
        raise InputError("the texts are no rows of word ids; take them as such, as in --features text=words")
    if known.vectors is not None:
        width = known.vectors.shape[1]
    made = GRUEncoder(len(known), width, hidden, layers, directions)
    _start(made.vectors, known)
    return made


@torch.no_grad()
def _start(vectors: nn.Embedding, known: Vocabulary) -> None:
    if known.vectors is not None:
        given = torch.from_numpy(known.vectors).to(vectors.weight)
        vectors.weight.copy_(torch.where(given.isnan(), vectors.weight, given))
