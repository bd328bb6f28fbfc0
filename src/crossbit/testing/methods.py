"""The contract of a method: frozen, reproducible, blind to labels that it may not see, better than chance, saveable."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ..codes import hamming
from ..data.pairs import CROSSINGS, MODALITIES, Array, Dataset, Modality, Paired
from ..data.rows import is_sparse
from ..data.splits import Split
from ..errors import InputError, MissingError
from ..methods.base import Method, Source
from ..models.binarise import binarise
from ..models.encoder import DualEncoder
from ..nn.towers import refuse_unopenable
from ..training.run import PLAIN, Training

#: By how much the precision among the ten nearest must exceed chance. Ours: a fit that does nothing stays below 0.05.
MARGIN = 0.2


def check_method(method: Method | type[Method], *, bits: int = 16, data: Dataset | None = None) -> None:
    """Check that a method keeps its contract, on a toy dataset that takes two seconds or on `data`.

    A class is checked with its default parameters; give an instance where these train for long. Codes of a real-valued
    space are made by ITQ.

    The contract: a frozen dataclass with a source and a statement whether it is supervised; codes of `bits` bits; the
    same seed gives the same bytes, also after an interruption; a code depends neither on its neighbours nor on how many
    are encoded together; both directions beat chance; an unsupervised method learns the same without labels, and a
    supervised one refuses their absence; `fit` changes neither its data nor the method; the encoder is rebuilt from its
    configuration and its weights; of items that do not vary, too few items and NaN, `fit` makes an encoder or an
    `InputError`.

    Raises:
        AssertionError: where the contract is broken; the message says which part.

    """
    instance, name = _instance(method)
    _check_class(instance, name)
    toy = toy_dataset() if data is None else data
    encoder = _fitted(instance, toy.train, bits, name)
    _check_labels(instance, toy.train, bits, encoder, name)
    _check_degenerate(instance, toy.train[:64], bits, name)
    _check_resumed(instance, toy.train, bits, encoder, name)
    _check_saved(encoder, toy.query, name)
    _check_neighbours(encoder, toy.query, name)
    _check_codes(encoder, toy, bits, name)


def _instance(method: Method | type[Method]) -> tuple[Method, str]:
    if not isinstance(method, type):
        return method, type(method).__name__
    try:
        return method(), method.__name__
    except TypeError as error:
        raise AssertionError(f"{method.__name__}() without parameters fails: {error}; give each a default") from error


def toy_dataset() -> Dataset:
    """Return eight classes in two noisy linear views, on which every working method beats chance."""
    rng = np.random.default_rng(7)
    n, classes = 720, 8
    labels = rng.random((n, classes)) < 0.03
    labels[np.arange(n), np.arange(n) % classes] = True
    views = []
    for width in (24, 16):
        basis = rng.normal(size=(classes, width))
        views.append((labels @ basis + 0.4 * rng.normal(size=(n, width))).astype(np.float32))
    pairs = Paired(views[0], views[1], labels)
    ids = tuple(f"item{i}" for i in range(n))
    split = Split("toy", train=ids[:512], query=ids[512:576], database=ids[576:])
    return Dataset("toy", train=pairs[:512], query=pairs[512:576], database=pairs[576:], split=split)


def _check_class(method: Method, name: str) -> None:
    _require(isinstance(method, Method), f"{name} is not derived from crossbit.Method")
    frozen = dataclasses.is_dataclass(method) and type(method).__dataclass_params__.frozen
    _require(frozen, f"{name} is no frozen dataclass")
    source = getattr(method, "source", None)
    _require(isinstance(source, Source), f"{name} has no `source`: say where it was published")
    assert isinstance(source, Source)
    _require(bool(source.title and source.authors and source.venue), f"{name}: its source has an empty part")
    _require(source.url.startswith("https://"), f"{name}: the address of its source is {source.url!r}: give https://")
    supervised = getattr(method, "supervised", None)
    _require(isinstance(supervised, bool), f"{name}: `supervised` is {supervised!r}: say True or False")


def _fitted(method: Method, train: Paired, bits: int, name: str) -> DualEncoder:
    """Return the encoder of a first fit, which must leave the method and its data as they were."""
    parameters = dataclasses.asdict(method)  # type: ignore[call-overload]
    before = [part.copy() for part in _parts(train)]
    encoder: DualEncoder = _fit(method, train, bits, name)
    _require(isinstance(encoder, DualEncoder), f"{name}: fit returns {type(encoder).__name__} and not a DualEncoder")
    unchanged = all(_bytes(old) == _bytes(part) for old, part in zip(before, _parts(train), strict=True))
    _require(unchanged, f"{name}: fit changes its training data")
    _require(dataclasses.asdict(method) == parameters, f"{name}: fit changes the method")  # type: ignore[call-overload]
    least = min(bits, *(x.shape[1] for _, x in _sides(train)))  # the dimensions that any data of this width have
    _require(
        least <= encoder.dim <= bits,
        f"{name}: fit returns {encoder.dim} dimensions where {bits} were asked for; fewer are allowed only where the"
        f" data have fewer, and these have {least}",
    )
    return encoder


def _fit(method: Method, train: Paired, bits: int, name: str, where: str = "", training: Training = PLAIN) -> Any:
    """Return what a fit returns; its errors are broken promises."""
    try:
        return method.fit(train, bits, seed=1, training=training)
    except MissingError:
        raise
    except Exception as error:  # whatever the method of a stranger raises
        raise AssertionError(
            f"{name}: fit(train, {bits}, seed=1, training=...){where} fails: {type(error).__name__}: {error}"
        ) from error


def _check_labels(method: Method, train: Paired, bits: int, encoder: DualEncoder, name: str) -> None:
    """Check that a second fit gives the same bytes; an unsupervised method gets no labels for it."""
    why = "" if method.supervised else " without labels"
    again = _fit(method, train if method.supervised else train.unlabelled(), bits, name, why)
    _require(_equal(encoder, again), f"{name}: two fits with the same seed{why} differ")
    if not method.supervised:
        return
    try:
        method.fit(train.unlabelled(), bits, seed=1)
    except InputError:
        return
    except Exception as error:  # whatever the method of a stranger raises
        raise AssertionError(
            f"{name}: without labels, fit raises InputError, not {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{name} is supervised and takes pairs without labels; it must raise InputError")


def _check_degenerate(method: Method, few: Paired, bits: int, name: str) -> None:
    """Check that useless pairs lead to an encoder or to an error that is meant for people."""
    wrong = {m: np.array(x, np.float32) for m, x in _sides(few) if not is_sparse(x)}
    for x in wrong.values():
        x[len(x) // 2, 0] = np.nan
    cases = {f"{m}s that are all the same": {m: few.of(m)[np.zeros(len(few), np.int64)]} for m in MODALITIES}
    cases |= {f"{m} features with NaN": {m: x} for m, x in wrong.items()}
    pairs = {what: replace(few, **change) for what, change in cases.items()}
    for what, given in {**pairs, "a single pair": few[:1], f"{bits // 2} pairs": few[: bits // 2]}.items():
        try:
            encoder = method.fit(given, bits, seed=1)
        except InputError:
            continue
        except Exception as error:  # whatever the method of a stranger raises
            raise AssertionError(
                f"{name}: fit on {what} raises {type(error).__name__}: {error}; raise InputError and say what would do"
            ) from error
        _require(isinstance(encoder, DualEncoder), f"{name}: fit on {what} returns {type(encoder).__name__}")


class _Interruption(BaseException):
    """Stands for a kill."""


def _check_resumed(method: Method, train: Paired, bits: int, encoder: DualEncoder, name: str) -> None:
    """Check that a fit that is interrupted after two epochs resumes to the same bytes."""

    def interrupt(epoch: int, _: DualEncoder) -> None:
        if epoch == 2:
            raise _Interruption

    with TemporaryDirectory() as folder:
        try:
            _fit(method, train, bits, name, "", Training(folder=Path(folder), interval=0.0, watch=interrupt))
        except _Interruption:
            resumed = _fit(method, train, bits, name, " after an interruption", Training(folder=Path(folder)))
            _require(_equal(encoder, resumed), f"{name}: a fit that was interrupted resumes to other bytes")


def _check_saved(encoder: DualEncoder, pairs: Paired, name: str) -> None:
    from safetensors.torch import load_file, save_file

    for modality, tower in (("image", encoder.image), ("text", encoder.text)):
        try:
            refuse_unopenable(modality, tower)
        except InputError as error:
            raise AssertionError(f"{name}: {error}") from None
    rebuilt = DualEncoder.build(json.loads(json.dumps(encoder.config())))
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        save_file({key: value.contiguous() for key, value in encoder.state_dict().items()}, weights)
        rebuilt.load_state_dict(load_file(weights))
    for modality, x in _sides(pairs):
        same = _bytes(rebuilt.embed(x, modality)) == _bytes(encoder.embed(x, modality))
        _require(same, f"{name}: {modality}s have other embeddings after saving and opening")


def _check_neighbours(encoder: DualEncoder, pairs: Paired, name: str) -> None:
    for modality, x in _sides(pairs):
        together = _bytes(encoder.embed(x, modality))
        for size in (1, 7):
            parts = [encoder.embed(x[start : start + size], modality) for start in range(0, x.shape[0], size)]
            same = _bytes(np.concatenate(parts)) == together
            _require(same, f"{name}: {modality}s encoded {size} at a time have other embeddings than all at once")


def _check_codes(encoder: DualEncoder, data: Dataset, bits: int, name: str) -> None:
    if encoder.space == "cosine":
        encoder = binarise(encoder, data.train.unlabelled(), bits, "itq")
    relevant = data.query.known_labels @ data.database.known_labels.T
    for source, target in CROSSINGS:
        query, database = (
            encoder.encode(data.query.of(source), source),
            encoder.encode(data.database.of(target), target),
        )
        _require(query.bits == bits, f"{name}: codes have {query.bits} bits instead of {bits}")
        nearest = np.argsort(hamming(query, database), axis=1, kind="stable")[:, :10]
        precision, chance = float(np.take_along_axis(relevant, nearest, 1).mean()), float(relevant.mean())
        _require(
            precision > chance + MARGIN,
            f"{name}: {source} to {target} has precision {precision:.2f} among the ten nearest, chance is {chance:.2f}",
        )


def _sides(pairs: Paired) -> Iterator[tuple[Modality, Array]]:
    for modality in MODALITIES:
        yield modality, pairs.of(modality)


def _parts(pairs: Paired) -> list[Array]:
    return [part for part in (pairs.image, pairs.text, pairs.labels, pairs.item) if part is not None]


def _bytes(part: Array | Float[ndarray, "n d"]) -> bytes:
    return (part if isinstance(part, ndarray) else part.toarray()).tobytes()


def _equal(one: DualEncoder, other: DualEncoder) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(_bytes(a[key].cpu().numpy()) == _bytes(b[key].cpu().numpy()) for key in a)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
