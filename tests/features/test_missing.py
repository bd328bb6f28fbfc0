"""What is not installed is an error that names the extra, in Python as on the command line."""

import sys

import pytest

from crossbit.datasets import load
from crossbit.errors import MissingError
from crossbit.features import Pipeline
from crossbit.features.extractors.clip import Clip
from crossbit.features.extractors.hog import Hog
from crossbit.features.extractors.onnx import Onnx


@pytest.fixture
def without(monkeypatch):
    """Return a function that hides a package from imports, with all its modules."""

    def hide(package):
        for name in [package, *sys.modules]:
            if name == package or name.startswith(f"{package}."):
                monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.mark.parametrize(
    ("package", "extra", "use"),
    [
        ("skimage", "train", lambda tmp_path, onnx, clip, pixels: Hog()(pixels)),
        ("onnxruntime", "train", lambda tmp_path, onnx, clip, pixels: Onnx(model=onnx)(pixels)),
        ("safetensors", "train", lambda tmp_path, onnx, clip, pixels: Pipeline("hog", Hog(), (), 1).save(tmp_path)),
        ("safetensors", "train", lambda tmp_path, onnx, clip, pixels: Pipeline.load(tmp_path)),
        ("pyarrow", "tables", lambda tmp_path, onnx, clip, pixels: load("table", tmp_path)),
    ],
)
def test_a_missing_package_names_its_extra(without, tmp_path, tiny_onnx, tiny_clip, pixels, package, extra, use):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    without(package)
    with pytest.raises(MissingError, match=rf"{package} is missing, .* pip install 'crossbit\[{extra}\]'"):
        use(tmp_path, tiny_onnx, tiny_clip, pixels)


def test_clip_without_torch_names_its_extra(monkeypatch, tiny_clip):
    monkeypatch.setattr("crossbit.features.extractors.clip.load_pretrained", lambda folder, kind: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "crossbit.devices", raising=False)
    with pytest.raises(MissingError, match="torch is missing"):
        Clip("text", str(tiny_clip))(["a"])
