"""Feature extraction: the sharded, resumable engine, a plain loop, and batch sizes of an ONNX model.

The images are generated JPEG files of 500 x 375 pixels, as in MIRFLICKR-25K. The ONNX model is a random network of
depthwise separable convolutions with the depth and about the cost of a small MobileNet at 160 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image

from _bench import Row, Tables, in_turns, main, times_faster
from crossbit.features import extraction
from crossbit.features.base import Extractor
from crossbit.features.extraction import extract
from crossbit.features.extractors.hog import Hog
from crossbit.features.extractors.onnx import Onnx

SIZE = (500, 375)


def measure(quick: bool) -> Tables:
    """Return two tables for the engine, with HOG and with a network, and one for the batches of the network."""
    count, repeats = (24, 3) if quick else (512, 5)
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = _pictures(folder, count)
        network = Onnx(model=_network(folder / "network.onnx"), size=160)
        return {
            f"{count} JPEG files of {SIZE[0]} x {SIZE[1]} by hog": engine(Hog(), files, folder, repeats),
            f"{count} such files by an ONNX network": engine(network, files, folder, repeats),
            f"The network alone on {count} pictures, by batch": batches(network.model, files, repeats),
        }


def engine(extractor: Extractor, files: Sequence[Path], folder: Path, repeats: int) -> list[Row]:
    """Compare the plain loop with the engine: nothing kept, a first run that keeps, a second that finds all."""
    names = [file.name for file in files]
    kept, fresh = folder / "kept", folder / "fresh"

    def run(cache: Path | None, workers: int = extraction.WORKERS) -> Float32[ndarray, "n d"]:
        with patch.object(extraction, "WORKERS", workers):
            found: Float32[ndarray, "n d"] = extract(extractor, files, names, cache=cache).features
        return found

    def first() -> Float32[ndarray, "n d"]:
        rmtree(fresh, ignore_errors=True)
        return run(fresh)

    contestants: dict[str, Callable[[], Float32[ndarray, "n d"]]] = {
        "plain loop": lambda: extractor(files),
        "ours, nothing kept, 1 thread": lambda: run(None, 1),
        "ours, nothing kept": lambda: run(None),
        "ours, nothing kept, 4 threads": lambda: run(None, 4),
        "ours, first run": first,
        "ours, second run": lambda: run(kept),
    }
    return _rows(contestants, len(files), repeats)


def batches(model: Path, files: Sequence[Path], repeats: int) -> list[Row]:
    """Compare batch sizes of one model on opened pictures; all give the same rows, to rounding."""
    models = {size: Onnx(model=model, size=160, batch=size) for size in (1, 4, 16, 64)}
    prepared = [models[1].prepare(file) for file in files]
    contestants = {
        f"batch {size}": lambda network=network: network.compute(prepared) for size, network in models.items()
    }
    return _rows(contestants, len(files), repeats)


def _rows(contestants: Mapping[str, Callable[[], Float32[ndarray, "n d"]]], count: int, repeats: int) -> list[Row]:
    """Return a row per contestant, after all have given the rows of the first, which is the reference."""
    reference = next(iter(contestants))
    expected = contestants[reference]()
    wrong = [name for name, run in contestants.items() if not np.allclose(run(), expected, atol=1e-4)]
    assert not wrong, f"{wrong} do not give the rows of the {reference}"
    seconds = in_turns(contestants, repeats)
    return [
        {
            "what": name,
            "pictures/s": count / median(values),
            f"times {reference}": times_faster(seconds, name, reference),
        }
        for name, values in seconds.items()
    ]


def _pictures(folder: Path, count: int) -> list[Path]:
    rng = np.random.default_rng(0)
    files = [folder / f"{number}.jpg" for number in range(count)]
    for file in files:
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8))
        coarse.resize(SIZE, Image.Resampling.BICUBIC).save(file, quality=90)
    return files


def _network(path: Path) -> Path:
    """Write a random network of depthwise separable convolutions, averaged to one row per picture."""
    rng = np.random.default_rng(0)
    nodes: list[Any] = []
    weights: list[Any] = []
    last = "picture"

    def convolve(shape: tuple[int, ...], **attributes: Any) -> None:
        nonlocal last
        name = f"k{len(weights)}"
        scale = np.sqrt(2 / np.prod(shape[1:]))
        weights.append(numpy_helper.from_array((scale * rng.normal(size=shape)).astype(np.float32), name))
        nodes.append(helper.make_node("Conv", [last, name], [f"c{name}"], **attributes))
        nodes.append(helper.make_node("Relu", [f"c{name}"], [f"r{name}"]))
        last = f"r{name}"

    convolve((24, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])
    width = 24
    for wider, stride in ((48, 1), (96, 2), (96, 1), (192, 2), (192, 1), (384, 2), *[(384, 1)] * 5, (768, 2), (768, 1)):
        convolve((width, 1, 3, 3), strides=[stride, stride], pads=[1, 1, 1, 1], group=width)
        convolve((wider, width, 1, 1))
        width = wider
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["feature"]))
    pictures = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 3, "H", "W"])
    features = helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["N", width])
    graph = helper.make_graph(nodes, "network", [pictures], [features], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


if __name__ == "__main__":
    main(measure, __doc__)
