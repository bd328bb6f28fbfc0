"""Reading sentences: against torch's own GRU, padding and neighbours without effect, rebuilt from plain data."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from crossbit.data.pairs import Paired, Vocabulary
from crossbit.errors import InputError
from crossbit.models.encoder import DualEncoder
from crossbit.nn.gru import GRUEncoder, gru_encoder
from crossbit.nn.layers import Normalise
from crossbit.nn.towers import config, mlp, tower

IDS = torch.tensor([[2, 5, 4, 7, 3, 0, 0], [2, 3, 0, 0, 0, 0, 0], [2, 4, 4, 6, 5, 3, 0]])
SHAPES = [(1, 1), (3, 1), (1, 2), (2, 2)]


def pairs(vocabulary=None):
    return Paired(np.zeros((3, 2), np.float32), IDS.numpy(), vocabulary=vocabulary)


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
def test_a_stack_reads_as_torchs_own_does(layers, directions):
    torch.manual_seed(0)
    ours = GRUEncoder(8, 5, 4, layers, directions)
    theirs = nn.GRU(5, 4, layers, batch_first=True, bidirectional=directions == 2)
    for number, cell in enumerate(ours.cells):
        layer, direction = divmod(number, directions)
        for name, value in cell.named_parameters():
            getattr(theirs, f"{name}_l{layer}{'_reverse' if direction else ''}").data = value.data
    packed = pack_padded_sequence(ours.vectors(IDS), (IDS != 0).sum(1), batch_first=True, enforce_sorted=False)
    expected = torch.cat([*theirs(packed)[1][-directions:]], 1)
    torch.testing.assert_close(ours(IDS), expected)
    assert ours(IDS).shape == (3, ours.width)
    (ours(IDS) ** 2).sum().backward()
    own = [cell.weight_hh.grad.clone() for cell in ours.cells]
    ours.zero_grad()
    theirs.zero_grad()
    (expected**2).sum().backward()
    for number, gradient in enumerate(own):
        layer, direction = divmod(number, directions)
        name = f"weight_hh_l{layer}{'_reverse' if direction else ''}"
        torch.testing.assert_close(gradient, getattr(theirs, name).grad)


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
def test_a_code_depends_neither_on_its_neighbours_nor_on_its_padding(layers, directions, rng):
    ids = np.zeros((70, 12), np.int64)
    for row in ids:
        length = rng.integers(0, 12)
        row[:length] = rng.integers(1, 40, length)
    text = nn.Sequential(GRUEncoder(40, 16, 24, layers, directions), nn.Linear(24 * directions, 8), Normalise())
    encoder = DualEncoder(mlp(2, 8), text, "cosine", 8)
    together = encoder.embed(ids, "text")
    alone = np.concatenate([encoder.embed(ids[i : i + 1], "text") for i in range(len(ids))])
    assert alone.tobytes() == together.tobytes()
    longer = np.concatenate([ids, np.zeros((70, 9), np.int64)], 1)
    assert encoder.embed(longer, "text").tobytes() == together.tobytes()


def test_a_sentence_without_a_word_is_zero():
    made = GRUEncoder(8, 5, 4, 2, 2)
    assert not made(torch.zeros(2, 3, dtype=torch.long)).any()
    assert made(torch.tensor([[0, 0], [4, 0]])).any(1).tolist() == [False, True]


def test_the_order_of_words_matters():
    made = GRUEncoder(8, 5, 4)
    assert not torch.allclose(*made(torch.tensor([[4, 5, 6], [6, 5, 4]])))


def test_it_is_rebuilt_from_its_description_and_its_state():
    made = GRUEncoder(8, 5, 4, 2, 2)
    again = tower(config(made))
    again.load_state_dict(made.state_dict())
    assert config(made) == {"kind": "sentence", "words": 8, "width": 5, "hidden": 4, "layers": 2, "directions": 2}
    assert (again(IDS) == made(IDS)).all()


def test_word_vectors_start_small_and_padding_stays_zero():
    made = GRUEncoder(50, 20, 4)
    weights = made.vectors.weight.detach()
    assert not weights[0].any()
    assert 0.09 < weights.abs().max() <= 0.1
    made(IDS).sum().backward()
    assert not made.vectors.weight.grad[0].any()
    assert made.vectors.weight.grad[4].any()


def test_reading_starts_from_given_vectors():
    given = np.full((8, 3), np.nan, np.float32)
    given[5] = 1, 2, 3
    known = Vocabulary(tuple("0123abcd"), given)
    made = gru_encoder(pairs(known), width=7, hidden=4)
    weights = made.vectors.weight
    assert made.sizes["width"] == 3
    assert weights[5].tolist() == [1, 2, 3]
    assert weights.requires_grad
    assert 0 < weights[4].abs().max() <= 0.1
    assert not weights[0].any()
    assert gru_encoder(pairs(Vocabulary(known.words)), width=7, hidden=4).sizes["width"] == 7


def test_texts_that_are_no_words_are_refused():
    with pytest.raises(InputError, match="text=words"):
        gru_encoder(pairs(), 3, 4)
