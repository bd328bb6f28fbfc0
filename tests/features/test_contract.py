"""Every extractor of ours keeps the contract of extractors."""

import pytest

from crossbit.features import EXTRACTORS
from crossbit.features.extractors.clip import Clip
from crossbit.features.extractors.onnx import Onnx
from crossbit.testing import check_extractor

#: Extractors that need a model; `open_clip` needs a package that is not installed everywhere.
WITH_MODEL = {"clip", "onnx", "open_clip"}


@pytest.mark.parametrize("name", [name for name in EXTRACTORS.builtin if name not in WITH_MODEL])
def test_an_extractor_without_a_model_keeps_the_contract(name):
    check_extractor(EXTRACTORS[name])


@pytest.mark.parametrize("options", [{}, {"batch": 4}, {"inputs": True}])
@pytest.mark.parametrize("modality", ["image", "text"])
def test_clip_keeps_the_contract(tiny_clip, modality, options):
    check_extractor(Clip(modality, str(tiny_clip), **options))


@pytest.mark.parametrize("options", [{}, {"batch": 4}])
def test_onnx_keeps_the_contract(tiny_onnx, options):
    check_extractor(Onnx(model=tiny_onnx, size=32, **options))
