"""Pipelines: an extractor and its fitted steps, which a model carries to turn raw items into features."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final, get_type_hints

from jaxtyping import Float32
from numpy import ndarray

from ..data.pairs import Modality
from ..data.rows import Array, mapped
from ..errors import InputError, optional
from ..io.atomic import atomic_file, atomic_write
from ..spec import build, parse_call
from .base import Extractor
from .registry import EXTRACTORS, extractor_class, refuse_unregistered
from .steps import Step, parse_step

#: The bytes up to which the results of a step are kept; larger ones of a matrix that is read row by row are computed
#: whenever they are read.
KEPT = 2**28


@final
@dataclass(frozen=True, eq=False)
class Pipeline:
    """Turns raw items of one modality into features; `width` is 0 until it is fitted."""

    spec: str
    extractor: Extractor
    steps: tuple[Step, ...] = ()
    width: int = 0

    @classmethod
    def parse(
        cls, text: str, modality: Modality, options: Mapping[str, Any] | None = None, data_dir: Path | None = None
    ) -> Pipeline:
        """Return the unfitted pipeline of a spec: an extractor, then the steps `pcaN`, `l2`, `centre` or `standard`.

        `options` adds to the options in the spec, for values that cannot be written there, such as paths with commas.
        A file that does not exist at its path is searched in the folder weights of `data_dir`, by default
        `CROSSBIT_DATA`.

        >>> [type(step).__name__ for step in Pipeline.parse("bow(max_words=500) | pca16 | l2", "text").steps]
        ['Pca', 'L2']
        """
        head, *tail = text.split("|")
        call = parse_call(head)
        kind = extractor_class(call.name)
        if modality not in kind.modalities:
            others = ", ".join(name for name in EXTRACTORS if modality in extractor_class(name).modalities)
            raise InputError(f"{call.name} reads {kind.modalities[0]}, not {modality}; {modality} has {others}")
        if tail and not kind.flat:
            raise InputError(f"{text}: {call.name} gives no vectors, and no step may follow it; write {head.strip()}")
        values = _values(kind, {"modality": modality} | call.options | dict(options or {}), text, data_dir)
        return cls(text.strip(), build(kind, values, text), tuple(parse_step(part, text) for part in tail))

    @property
    def modality(self) -> Modality:
        """The modality that the pipeline reads."""
        return self.extractor.modality

    def fit(self, features: Array) -> Pipeline:
        """Return the pipeline whose steps are fitted to extracted training rows; the extractor stays as it is."""
        fitted: list[Step] = []
        for step in self.steps:
            fitted.append(step.fit(features))
            features = mapped(features, fitted[-1], KEPT)
        return replace(self, steps=tuple(fitted), width=features.shape[1])

    def apply(self, features: Array) -> Array:
        """Return extracted rows after all steps."""
        if not self.width:
            raise InputError(f"{self.spec} is not fitted yet")
        for step in self.steps:
            features = mapped(features, step, KEPT)
        return features

    def on(self, device: str) -> Pipeline:
        """Return the pipeline whose extractor computes on a device, where it uses one; `auto` keeps its own."""
        return replace(self, extractor=self.extractor.on(device))

    def __call__(self, raws: Sequence[Any]) -> Array:
        """Return the features of raw items, one row each; a row's bytes do not depend on its neighbours."""
        return self.apply(self.extractor(raws))

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of everything that decides the output: the extractor, the steps and what they learned."""
        steps = [type(step).__name__ for step in self.steps]
        digest = hashlib.sha256(f"{self.extractor.fingerprint} {steps} {self.width}".encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(f"{name} {array.shape}".encode() + array.astype("<f4").tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the pipeline into a folder that needs nothing else: JSON, safetensors, copies of model files.

        Raises:
            InputError: where `load` could not open it, as with an extractor that is not registered.

        """
        refuse_unregistered(type(self.extractor))
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "spec": self.spec,
            "width": self.width,
            "fingerprint": self.fingerprint,
            "extractor": self.extractor.save(folder) | EXTRACTORS.recorded(self.extractor.name),
        }
        with atomic_file(folder / "steps.safetensors") as partial:
            optional("safetensors.numpy").save_file(self._arrays(), partial)
        atomic_write(folder / "pipeline.json", json.dumps(state, ensure_ascii=False, indent=1) + "\n")
        self.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Pipeline:
        """Return the pipeline written by `save`; damage and a missing plug-in are refused."""
        safetensors, numpy_files = optional("safetensors"), optional("safetensors.numpy")
        path = folder / "pipeline.json"
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            written = state["extractor"]
            extractor = EXTRACTORS.needed(written["name"], written.get("package"), folder).load(written, folder)
            arrays = numpy_files.load_file(folder / "steps.safetensors")
            steps = [parse_step(part, state["spec"]) for part in state["spec"].split("|")[1:]]
            learned = tuple(_learned(step, number, arrays) for number, step in enumerate(steps))
            pipeline = cls(state["spec"], extractor, learned, state["width"])
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise InputError(f"{path} is not a saved pipeline: {fault!r}") from None
        except safetensors.SafetensorError as fault:
            raise InputError(f"{folder}/steps.safetensors is damaged: {fault}") from None
        if pipeline.fingerprint != state["fingerprint"]:
            raise InputError(
                f"{folder}: the content of the saved pipeline does not match its fingerprint; it is damaged"
            )
        return pipeline

    def _arrays(self) -> dict[str, Float32[ndarray, "..."]]:
        return {
            f"{number}.{field.name}": getattr(step, field.name)
            for number, step in enumerate(self.steps)
            for field in dataclasses.fields(step)
            if isinstance(getattr(step, field.name), ndarray)
        }


def _learned(step: Step, number: int, arrays: dict[str, ndarray]) -> Step:
    prefix = f"{number}."
    mine: dict[str, Any] = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
    return replace(step, **mine)


def _values(kind: type[Extractor], given: dict[str, Any], text: str, data_dir: Path | None) -> dict[str, Any]:
    """Return the options of an extractor as the types of its fields, files found."""
    hints = get_type_hints(kind)
    weights = Path(data_dir or os.environ.get("CROSSBIT_DATA", "")) / "weights"
    for field in dataclasses.fields(kind):
        if isinstance(field.default, Path):
            given.setdefault(field.name, field.default)
    return {name: _converted(value, hints.get(name), weights, f"{text}: {name}") for name, value in given.items()}


def _converted(value: Any, hint: Any, weights: Path, where: str) -> Any:
    if hint in (Path, Path | None):
        return _file(Path(str(value)), weights, where)
    if hint == tuple[float, float, float] and isinstance(value, str):
        try:
            red, green, blue = map(float, value.split("/"))
        except ValueError:
            raise InputError(f"{where} is {value!r}, but must be three numbers as in 0.5/0.5/0.5") from None
        return red, green, blue
    return value


def _file(path: Path, weights: Path, where: str) -> Path:
    """Return the file itself, or the only one in the folder of weights that has its name or fits it as a pattern."""
    if path.is_file():
        return path
    found = [] if path.is_absolute() else sorted(weights.glob(str(path)))
    if len(found) != 1:
        count = f"{len(found)} files fit it" if found else "there is none"
        raise InputError(f"{where} should be a file, but {count} at {path} or in {weights}; give its path")
    return found[0]
