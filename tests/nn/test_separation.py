"""Parts of unit length, pictures and sentences rebuilt from them, and what a saved model keeps of all that."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.data.pairs import BEGIN, END, PADDING
from crossbit.errors import InputError
from crossbit.models.encoder import DualEncoder
from crossbit.nn.separation import (
    Decoder,
    Generator,
    Parts,
    Separated,
    caption_nll,
    doublings,
    separated,
    teacher_forcing,
)
from crossbit.nn.towers import config, tower
from crossbit.reporting.explanation import parts, rebuilt_captions, rebuilt_pictures


@pytest.mark.parametrize("layers", [1, 2])
def test_a_vector_is_cut_into_three_parts_of_unit_length(layers):
    cut = Parts(6, 4, layers)
    x = torch.randn(5, 6)
    out = cut(x)
    assert out.shape == (5, 3, 4)
    torch.testing.assert_close(out.norm(dim=2), torch.ones(5, 3))
    hidden = cut.map[:-1](x)
    flat = hidden @ cut.map[-1].weight.T + cut.map[-1].bias
    torch.testing.assert_close(out[:, 2], nn.functional.normalize(flat[:, 8:]))
    assert len(cut.map) == 2 * layers - 1


def test_the_tower_gives_the_semantic_part_and_keeps_the_rest():
    made = Separated(6, 4, picture={"side": 8, "channels": 2}, sentence={"words": 9, "vector": 3, "hidden": 5})
    x = torch.randn(5, 6)
    torch.testing.assert_close(made(x), made.parts(x)[:, 1])
    again = tower(config(made))
    again.load_state_dict(made.state_dict())
    made.eval(), again.eval()
    z = made.parts(x).flatten(1)
    assert (again.picture(z) == made.picture(z)).all()
    assert (again.sentence.greedy(z, 4) == made.sentence.greedy(z, 4)).all()
    alone = Separated(6, 4)
    assert (alone.picture, alone.sentence) == (None, None)


@pytest.mark.parametrize(("side", "count"), [(8, 1), (32, 3), (64, 4)])
def test_pictures_have_the_side_asked_for(side, count):
    assert doublings(side) == count
    painter = Generator(6, side, 2)
    x = painter(torch.randn(3, 6))
    assert x.shape == (3, 3, side, side)
    assert x.abs().max() <= 1
    first = painter.layers[0]
    assert (first.in_channels, first.out_channels, first.bias) == (6, 2 * 2 ** (count - 1), None)


@pytest.mark.parametrize("side", [0, 4, 48, 63])
def test_other_sides_are_refused(side):
    with pytest.raises(InputError, match=f"a side of 8, 16, 32, 64 or so on pixels, not {side}"):
        doublings(side)


def test_dcgan_s_sizes_and_start():
    painter = Generator(3072, 64, 64)
    widths = [m.out_channels for m in painter.layers if isinstance(m, nn.ConvTranspose2d)]
    assert widths == [512, 256, 128, 64, 3]
    assert sum(p.numel() for p in painter.parameters()) == pytest.approx(27.9e6, rel=0.005)
    assert float(painter.layers[0].weight.detach().std()) == pytest.approx(0.02, rel=0.01)
    assert float(painter.layers[1].weight.detach().mean()) == pytest.approx(1, abs=0.01)


IDS = torch.tensor([[BEGIN, 5, 4, END, PADDING, PADDING], [BEGIN, 6, 5, 4, END, PADDING]])


def test_each_word_is_to_be_told_from_those_before_it():
    told, words = teacher_forcing(IDS)
    assert told.tolist() == [[BEGIN, 5, 4, END], [BEGIN, 6, 5, 4]]
    assert words.tolist() == [[5, 4, END, PADDING], [6, 5, 4, END]]
    bare = torch.where(IDS == BEGIN, 7, IDS)
    told, words = teacher_forcing(bare)
    assert told[0].tolist() == [BEGIN, 7, 5, 4, END]
    assert words[0].tolist() == [7, 5, 4, END, PADDING]


def test_the_loss_of_a_sentence_is_the_mean_over_its_words():
    """All words equally likely: log 9 each; padding never counts."""

    class Even(nn.Module):
        def forward(self, z, told):
            return torch.zeros(*told.shape, 9)

    assert float(caption_nll(Even(), torch.zeros(2, 3), IDS)) == pytest.approx(np.log(9))

    class Sure(nn.Module):
        """Knows the first sentence, and gives nothing to the second's words."""

        def forward(self, z, told):
            scores = torch.zeros(*told.shape, 9)
            for place, word in enumerate((5, 4, END)):
                scores[0, place, word] = 100.0
            return scores

    assert float(caption_nll(Sure(), torch.zeros(2, 3), IDS)) == pytest.approx(4 * np.log(9) / 7, rel=1e-5)
    assert float(caption_nll(Even(), torch.zeros(2, 3), torch.full((2, 3), PADDING))) == 0.0


@pytest.mark.parametrize("layers", [1, 2])
def test_sentences_are_learned_and_said_again(layers):
    torch.manual_seed(0)
    narrator, z = Decoder(4, 8, 6, 12, layers), torch.eye(2, 4)
    assert narrator(z, IDS[:, :3]).shape == (2, 3, 8)
    optimiser = torch.optim.Adam(narrator.parameters(), 0.02)
    for _ in range(120):
        optimiser.zero_grad()
        loss = caption_nll(narrator, z, IDS)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
    assert narrator.greedy(z, 6).tolist() == [[5, 4, END, 0, 0, 0], [6, 5, 4, END, 0, 0]]
    assert narrator.greedy(z, 2).tolist() == [[5, 4], [6, 5]]


def test_an_encoder_tells_the_parts_that_its_embedding_is_made_of(rng):
    image = nn.Sequential(nn.Linear(5, 6), Separated(6, 4, picture={"side": 8, "channels": 2}))
    text = nn.Sequential(Separated(7, 4, sentence={"words": 9, "vector": 3, "hidden": 5}))
    encoder = DualEncoder(image, text, "cosine", 4)
    x, y = rng.random((70, 5), np.float32), rng.random((3, 7), np.float32)
    found = parts(encoder, x, "image")
    assert found.shape == (70, 3, 4)
    assert (found[:, 1] == encoder.embed(x, "image")).all()
    pictures = rebuilt_pictures(encoder, found[:2])
    assert (pictures.shape, pictures.dtype) == ((2, 8, 8, 3), np.uint8)
    assert rebuilt_captions(encoder, parts(encoder, y, "text"), 5).shape == (3, 5)
    assert parts(encoder, x[:0], "image").shape == (0, 3, 4)
    bare = DualEncoder(Separated(5, 4), Separated(7, 4), "cosine", 4)
    assert rebuilt_pictures(bare, found[:2]) is None
    assert rebuilt_captions(bare, found[:2], 5) is None


def test_a_model_without_parts_is_refused():
    with pytest.raises(InputError, match="has no separated parts; fit one that has, as in `crossbit fit mfsr`"):
        separated(nn.Sequential(nn.Linear(2, 2)))
