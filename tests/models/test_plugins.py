"""Models with extractors and layers from elsewhere: saved only if they open again, and what is missing is named."""

import inspect
import json
import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from crossbit.errors import InputError
from crossbit.features import EXTRACTORS, Pipeline, featurise, register_extractor
from crossbit.features.base import Extractor
from crossbit.features.raw import open_picture
from crossbit.indexes import register_index
from crossbit.methods import Method, register_method
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin
from crossbit.models.encoder import DualEncoder
from crossbit.nn.towers import LAYERS, register_layer


@dataclass(frozen=True)
class Mean(Extractor):
    """The mean colour of a picture."""

    name: ClassVar[str] = "mean"
    modalities: ClassVar = ("image",)

    modality: str = "image"
    gain: float = 1.0

    def prepare(self, raw):
        return np.asarray(open_picture(raw))

    def compute(self, prepared):
        return np.stack([p.mean(axis=(0, 1)) for p in prepared]).astype(np.float32) * self.gain


class Scaled(nn.Module):
    """A layer of somebody else."""

    def __init__(self, width: int):
        super().__init__()
        self.by = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.by


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """What a test registers is forgotten after it."""
    for registry in (EXTRACTORS, LAYERS):
        monkeypatch.setattr(registry, "_registered", {})


@pytest.fixture(scope="module")
def bundle(tiny_scenes):
    made = featurise(tiny_scenes, Pipeline("mean(gain=2)", Mean(gain=2.0)), "bow")
    encoder = Recipe.parse("cca(ridge=0.1)+itq").fit(made.dataset.train, 3)
    origin = Origin("cca+itq", {}, 0, "scenes")
    return Bundle(encoder, made.pipelines, made.dataset.split, origin)


def installed(monkeypatch, registry, name, value, package="pretty-features"):
    """Make a registry find a name in an installed package."""
    monkeypatch.setitem(sys.modules, "pretty", SimpleNamespace(value=value))
    point = EntryPoint(name, "pretty:value", registry.group)
    vars(point)["dist"] = SimpleNamespace(name=package)
    monkeypatch.setitem(vars(registry), "plugins", {name: point})


def test_a_model_with_an_extractor_that_is_not_registered_is_not_saved(bundle, tmp_path):
    with pytest.raises(InputError, match=r"Mean is not registered under its name 'mean'.*register_extractor\('mean'"):
        bundle.save(tmp_path / "model")
    register_extractor("mean", type("Other", (Mean,), {}))
    with pytest.raises(InputError, match="'mean' is Other"):
        bundle.pipelines["image"].save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_a_registered_extractor_opens_where_it_is_registered(bundle, tmp_path, monkeypatch, tiny_scenes):
    register_extractor("mean", Mean)
    bundle.save(tmp_path / "model")
    pictures = list(tiny_scenes.images[:3])
    loaded = Bundle.load(tmp_path / "model")
    assert (loaded.encode(pictures, "image").packed == bundle.encode(pictures, "image").packed).all()
    monkeypatch.setattr(EXTRACTORS, "_registered", {})
    with pytest.raises(InputError, match="needs the feature extractor 'mean', which was registered by the program"):
        Bundle.load(tmp_path / "model")


def test_a_model_without_the_package_of_its_extractor_says_what_to_install(bundle, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        installed(patch, EXTRACTORS, "mean", Mean)
        bundle.save(tmp_path / "model")
        Bundle.load(tmp_path / "model")
    with pytest.raises(InputError, match="'mean' of package 'pretty-features': pip install pretty-features"):
        Bundle.load(tmp_path / "model")
    path = tmp_path / "model" / "image" / "pipeline.json"
    path.write_text(path.read_text().replace('"pretty-features"', '"x; rm -r"'))
    with pytest.raises(InputError, match="which was registered by the program"):
        Bundle.load(tmp_path / "model")


def test_what_is_built_in_is_saved_as_before(tiny_scenes, tmp_path):
    featurise(tiny_scenes, "hog", "bow").text.save(tmp_path)
    extractor = json.loads((tmp_path / "pipeline.json").read_text())["extractor"]
    assert extractor.keys() == {"name", "fingerprint", "options", "files"}


def test_a_pipeline_that_cannot_be_opened_again_is_not_saved(tmp_path, tiny_scenes):
    @dataclass(frozen=True)
    class Forgetful(Mean):
        """Loses an option when it is loaded."""

        name: ClassVar[str] = "forgetful"

        @classmethod
        def load(cls, state, folder):
            return super().load(state | {"options": {"modality": "image"}}, folder)

    register_extractor("forgetful", Forgetful)
    pipeline = featurise(tiny_scenes, Pipeline("forgetful", Forgetful(gain=3.0)), "bow").image
    with pytest.raises(InputError, match="fingerprint differs"):
        pipeline.save(tmp_path)


def with_layer(bundle, layer):
    """Return the bundle with one more layer in its image tower."""
    encoder = bundle.encoder
    image = nn.Sequential(encoder.image, layer)
    hog = Pipeline.parse("pixels", "image")  # any that is built in and is never called
    pipelines = {**bundle.pipelines, "image": replace(hog, width=3)}
    return replace(bundle, encoder=DualEncoder(image, encoder.text, "hamming", 3), pipelines=pipelines)


def test_a_model_without_the_package_of_its_layer_says_what_to_install(bundle, tmp_path, monkeypatch):
    more = with_layer(bundle, Scaled(3))
    with pytest.raises(InputError, match="Scaled is not a layer that a model can be saved with; register it"):
        more.save(tmp_path / "model")
    with monkeypatch.context() as patch:
        installed(patch, LAYERS, "scaled", LAYERS["relu"]._replace(cls=Scaled, make=Scaled, describe=_width))
        more.save(tmp_path / "model")
        assert Bundle.load(tmp_path / "model").encoder.config() == more.encoder.config()
    with pytest.raises(InputError, match="the layer 'scaled' of package 'pretty-features': pip install"):
        Bundle.load(tmp_path / "model")


def _width(layer):
    return {"width": len(layer.by)}


@pytest.mark.parametrize(
    ("make", "describe", "message"),
    [
        (Scaled, lambda layer: {"broad": 3}, "cannot be rebuilt from its description.*TypeError.*mend the layer"),
        (Scaled, lambda layer: {"width": layer.by}, "cannot be rebuilt.*not JSON serializable"),
        (Scaled, lambda layer: {"width": 4}, r"has other weights \(1.by\)"),
        (lambda width: nn.ReLU(), _width, r"has other weights \(1.by\)"),
    ],
)
def test_a_model_whose_layer_cannot_be_rebuilt_is_not_saved(bundle, tmp_path, make, describe, message):
    register_layer("scaled", Scaled, make, describe)
    before = torch.get_rng_state()
    with pytest.raises(InputError, match=f"the image tower.*{message}"):
        with_layer(bundle, Scaled(3)).save(tmp_path / "model")
    assert (torch.get_rng_state() == before).all()
    assert not (tmp_path / "model").exists()


def test_what_cannot_work_is_not_registered():
    layer = inspect.unwrap(register_layer)  # the tests' own check of types would come first
    for call, message in (
        (lambda: register_extractor("average", Mean), r"Mean\.name is 'mean', so it cannot be registered as 'average'"),
        (lambda: register_index("mine", 5), "index 'mine' is 5, but must be a class"),
        (lambda: layer("mine", Mean, Scaled, vars), r"must be a class derived from torch\.nn\.Module"),
        (lambda: layer("mine", Scaled, 5, vars), "layer 'mine': make is 5, but must be a function"),
        (lambda: register_method("mine", Method), "which is abstract: it must define fit"),
    ):
        with pytest.raises(InputError, match=message):
            call()
