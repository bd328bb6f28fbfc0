"""Checks the shapes of the feature extractors, and makes pictures, corpora and tiny models."""

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook
from PIL import Image

from crossbit.data.corpus import Corpus
from crossbit.data.splits import Split

with install_import_hook("crossbit.features", "beartype.beartype"):
    import crossbit.features.extractors.bow
    import crossbit.features.extractors.clip
    import crossbit.features.extractors.hog
    import crossbit.features.extractors.onnx
    import crossbit.features.extractors.open_clip
    import crossbit.features.extractors.pixels
    import crossbit.features.extractors.precomputed
    import crossbit.features.extractors.words  # noqa: F401

WORDS = ("red", "blue", "dog", "cat", "tree", "car", "sea", "sky")


@pytest.fixture
def pixels(rng):
    """Twelve pictures that differ, larger than wide."""
    coarse = rng.integers(0, 256, (12, 6, 5, 3)).astype(np.uint8)
    return [np.asarray(Image.fromarray(p).resize((50, 60), Image.Resampling.BICUBIC)) for p in coarse]


@pytest.fixture
def make_corpus(tmp_path, pixels):
    """Return a function that makes a corpus of twelve pictures on disk, two captions each."""

    def make(**changes):
        ids = tuple(f"i{n}" for n in range(12))
        files = [tmp_path / f"{i}.png" for i in ids]
        for file, p in zip(files, pixels, strict=True):
            if not file.exists():
                Image.fromarray(p).save(file)
        texts = [(f"a {WORDS[n % 8]} {WORDS[n % 3]}", f"the {WORDS[n % 5]}") for n in range(12)]
        split = Split("toy", train=ids[:6], query=ids[6:8], database=ids[:6] + ids[8:])
        labels = np.eye(12, 4, dtype=bool)
        return Corpus(
            **{"name": "toy", "ids": ids, "split": split, "images": files, "texts": texts, "labels": labels} | changes
        )

    return make


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory, save_onnx) -> Path:
    return save_onnx(tmp_path_factory.mktemp("onnx") / "tiny.onnx", ["N", 3, "H", "W"])


@pytest.fixture(scope="session")
def save_onnx():
    """Return a function that writes a random convolution, averaged to seven numbers, for inputs of some shape."""
    return _save_onnx


def _save_onnx(path, shape):
    from onnx import TensorProto, helper, numpy_helper, save

    kernel = np.random.default_rng(0).normal(size=(7, 3, 5, 5)).astype(np.float32)
    channels_last = shape[3] == 3
    nodes = [helper.make_node("Transpose", ["picture"], ["x"], perm=[0, 3, 1, 2])] if channels_last else []
    nodes += [
        helper.make_node("Conv", ["x" if channels_last else "picture", "kernel"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Neg", ["p"], ["other"]),
        helper.make_node("Flatten", ["p"], ["feature"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("other", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("feature", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
