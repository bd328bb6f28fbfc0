"""Any ONNX image model, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, final

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from ...data.pairs import Modality
from ...errors import InputError, optional
from ..base import Extractor
from ..raw import Picture, centre_square, normalised, open_picture


class _Network(NamedTuple):
    session: Any
    input: str
    output: str
    channels_first: bool
    size: int
    batch: int


@final
@dataclass(frozen=True)
class Onnx(Extractor):
    """An output of any ONNX image model, flattened to one row per picture.

    The shorter side becomes `resize` pixels (0: as `size`), the central square of `size` pixels is kept (0: what the
    model asks for, else 224) and normalised by `mean` and `std` per colour; the default is [-1, 1]. ImageNet's
    are mean=0.485/0.456/0.406,std=0.229/0.224/0.225. Empty `input` and `output` mean the model's only input, and
    its output called feature, features, embedding, image_embeds or pooler_output, else its first. Without a `model`,
    a spec takes the only .onnx file in the folder weights of the data folder. Pictures go through in fixed batches,
    padded, so that none depends on its neighbours.
    """

    name: ClassVar[str] = "onnx"
    modalities: ClassVar[tuple[Modality, ...]] = ("image",)

    modality: Modality = "image"
    model: Path = Path("*.onnx")
    size: int = 0
    resize: int = 0
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    input: str = ""
    output: str = ""
    layout: Literal["", "nchw", "nhwc"] = ""
    batch: int = 1
    threads: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        """Refuse sizes and deviations that make no picture."""
        if min(self.size, self.resize, self.threads) < 0 or self.batch < 1:
            raise InputError(
                f"onnx needs size, resize and threads of at least 0 and a batch of at least 1,"
                f" not {self.size}, {self.resize}, {self.threads} and {self.batch}"
            )
        if min(self.std) <= 0:
            raise InputError(f"onnx divides by std, which must be positive, not {self.std}")

    def prepare(self, raw: Picture) -> UInt8[ndarray, "size size 3"]:
        """Return the central square of a picture."""
        size = self._network.size
        return centre_square(open_picture(raw), size, self.resize or size)

    def compute(self, prepared: Sequence[UInt8[ndarray, "size size 3"]]) -> Float32[ndarray, "m d"]:
        """Return the model's output for each picture."""
        batch = self._network.batch
        return np.concatenate([self._run(prepared[start : start + batch]) for start in range(0, len(prepared), batch)])

    def _run(self, pictures: Sequence[UInt8[ndarray, "size size 3"]]) -> Float32[ndarray, "m d"]:
        network = self._network
        padded = np.stack([*pictures, *[pictures[0]] * (network.batch - len(pictures))])
        values = normalised(padded, self.mean, self.std)
        if network.channels_first:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        try:
            (rows,) = network.session.run([network.output], {network.input: values})
        except Exception as fault:  # the runtime's own error types share no base class
            raise InputError(f"{self.model} cannot take pictures as {values.shape}: {fault}") from None
        return np.asarray(rows, np.float32).reshape(network.batch, -1)[: len(pictures)]

    @cached_property
    def _network(self) -> _Network:
        session = _session(self.model, self.threads)
        inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
        found = [node for node in inputs if node.name == self.input] if self.input else inputs
        if len(found) != 1 or len(found[0].shape) != 4 or found[0].type != "tensor(float)":
            described = ", ".join(f"{node.name} {node.type} {node.shape}" for node in inputs)
            raise InputError(f"{self.model} needs one float input of four axes, named by input=; it has {described}")
        if self.output and self.output not in outputs:
            raise InputError(f"{self.model} has no output {self.output!r}; it has {', '.join(outputs)}")
        usual = [name for name in _USUAL_OUTPUTS if name in outputs]
        shape = [axis if isinstance(axis, int) and axis > 0 else 0 for axis in found[0].shape]
        first = self.layout == "nchw" if self.layout else shape[3] != 3 or shape[1] == 3
        size = self._side(shape[2:] if first else shape[1:3])
        batch = shape[0] or self.batch
        return _Network(session, found[0].name, self.output or [*usual, *outputs][0], first, size, batch)

    def _side(self, axes: list[int]) -> int:
        fixed = {axis for axis in axes if axis}
        if len(fixed) > 1 or (self.size and fixed and fixed != {self.size}):
            raise InputError(f"{self.model} takes pictures of {axes[0]} x {axes[1]}, not squares of size={self.size}")
        size = self.size or (fixed.pop() if fixed else 224)
        if 0 < self.resize < size:
            raise InputError(f"{self.model} takes squares of {size} pixels, which resize={self.resize} does not leave")
        return size


_USUAL_OUTPUTS = ("feature", "features", "embedding", "image_embeds", "pooler_output")


def _session(path: Path, threads: int) -> Any:
    onnxruntime = optional("onnxruntime")

    if not path.is_file():
        raise InputError(f"there is no ONNX model {path}")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), settings, providers=["CPUExecutionProvider"])
    except Exception as fault:  # the runtime's own error types share no base class
        raise InputError(f"{path} is not an ONNX model that ONNX Runtime can load: {fault}") from None
