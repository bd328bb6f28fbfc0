"""A CLIP as towers, on a tiny random one: what the extractor gives, and rebuilt from plain data."""

import json

import numpy as np
import pytest
import torch

from crossbit.errors import InputError
from crossbit.features.extractors.clip import Clip
from crossbit.models.encoder import DualEncoder
from crossbit.nn.layers import Normalise
from crossbit.nn.pretrained import Pretrained, pretrained_towers
from crossbit.nn.towers import config, tower

TEXTS = ["red", "a red dog", "b c d e f g", "red " * 40]


@pytest.fixture(scope="module")
def towers(tiny_clip):
    return [torch.nn.Sequential(side, Normalise()) for side in pretrained_towers(str(tiny_clip))]


@pytest.fixture(scope="module")
def pictures():
    return [*np.random.default_rng(0).integers(0, 256, (5, 40, 48, 3), np.uint8)]


def inputs(tiny_clip, modality, raws):
    return Clip(modality, model=str(tiny_clip), inputs=True)(raws)


def test_inputs_are_pixels_and_ids(tiny_clip, pictures):
    pixels, ids = inputs(tiny_clip, "image", pictures), inputs(tiny_clip, "text", TEXTS)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (5, 32, 32, 3))
    assert (ids.dtype, ids.shape) == (np.int64, (4, 16))
    assert (ids[0, 3:] == -1).all()
    assert (ids[3] >= 0).all()


def test_towers_give_what_the_extractor_gives(towers, tiny_clip, pictures):
    for modality, side, raws in zip(("image", "text"), towers, (pictures, TEXTS), strict=True):
        expected = Clip(modality, model=str(tiny_clip))(raws)
        found = side(torch.from_numpy(inputs(tiny_clip, modality, raws)))
        np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5)


def test_each_side_holds_its_own_weights_alone(towers):
    image, text = ({name.split(".")[2] for name in side.state_dict()} for side in towers)
    assert image == {"vision_model", "visual_projection"}
    assert text == {"text_model", "text_projection"}


def test_they_are_rebuilt_without_the_model(towers, tiny_clip, pictures):
    described = json.loads(json.dumps([config(side) for side in towers]))
    assert str(tiny_clip) not in json.dumps(described)
    for side, spec, modality, raws in zip(towers, described, ("image", "text"), (pictures, TEXTS), strict=True):
        again = tower(spec)
        again.load_state_dict(side.state_dict())
        x = torch.from_numpy(inputs(tiny_clip, modality, raws))
        assert (again(x) == side(x)).all()
        assert config(again) == spec


def test_a_code_does_not_depend_on_its_neighbours(towers, tiny_clip, pictures):
    encoder = DualEncoder(*towers, "cosine", 12).copy()
    for modality, raws in (("image", pictures), ("text", TEXTS)):
        x = inputs(tiny_clip, modality, raws)
        alone = np.concatenate([encoder.embed(x[i : i + 1], modality) for i in range(len(x))])
        assert alone.tobytes() == encoder.embed(x, modality).tobytes()


def test_what_cannot_work_is_refused(towers, tmp_path):
    with pytest.raises(InputError, match="neither a folder nor a name on the hub"):
        pretrained_towers(str(tmp_path / "none"))
    with pytest.raises(InputError, match="no model can be built of this configuration"):
        Pretrained("image", {"model_type": "no-such-thing"}, [], [])
    with pytest.raises(InputError, match="no model can be built of this configuration"):
        Pretrained("image", {}, [], [])
    with pytest.raises(InputError, match=r"clip\(model=\.\.\.,inputs=true\)"):
        towers[0](torch.zeros(1, 24, 24, 3, dtype=torch.uint8))
