"""The contract of a feature extractor: same bytes alone or in a batch, options in its fingerprint, faults named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy import ndarray

from ..data.pairs import Array, Modality
from ..errors import InputError, ItemError
from ..features.base import Extractor
from ..features.extraction import extract
from ..features.matrix import finite
from ..features.registry import refuse_unregistered

#: Vectors, pixels and token ids.
_KINDS = ("float32", "uint8", "int64")
#: Raw items that no extractor may take, by modality, and what is wrong with them.
_BROKEN: dict[Modality, dict[str, Any]] = {
    "image": {"bytes that are no picture": b"no picture", "a file that is missing": Path("nowhere/missing.png")},
    "text": {"an empty text": "", "a text that is not UTF-8": "\udcff"},
}


def check_extractor(extractor: Extractor | type[Extractor], raws: Sequence[Any] | Array | None = None) -> None:
    """Check that a feature extractor keeps its contract.

    A class is checked with its default options for each of its modalities, an instance for its own. `raws` are raw
    items that it can use, at least four; by default generated pictures, sentences or rows of features.

    The contract: its class is registered under its name; `fit` returns an extractor and leaves the old one as it was;
    it returns one finite row an item, whose bytes depend neither on the other items nor on their order; each option
    decides its fingerprint; it is the same after `save` and `load`; an item at fault raises an `ItemError`.

    Raises:
        AssertionError: where the contract is broken; the message says which part.

    """
    if isinstance(extractor, Extractor):
        _check(extractor, raws)
        return
    for modality in extractor.modalities:
        try:
            instance = extractor(modality=modality)
            instance.fingerprint  # noqa: B018 - reads its files
        except (TypeError, OSError) as error:
            raise AssertionError(f"{extractor.__name__} needs options ({error}): check an instance") from None
        _check(instance, raws)


def example_items(extractor: Extractor) -> Any:
    """Return raw items that an extractor can use: pictures of several shapes, sentences, or rows of features."""
    rng = np.random.default_rng(0)
    if extractor.precomputed:
        return rng.normal(size=(9, 5))
    if extractor.modality == "image":
        tiles = rng.integers(0, 256, (9, 4, 5, 3)).astype(np.uint8)
        return [np.kron(tile, np.ones((12 + n, 13, 1), np.uint8)) for n, tile in enumerate(tiles)]
    things = ("red dogs", "two cats", "a tree", "the old car", "dark seas")
    return [f"{things[n % 5]} by {things[n % 4]} under {things[n % 3]} {n}" for n in range(60)]


def _check(extractor: Extractor, raws: Any) -> None:
    name = f"{type(extractor).__name__} of {extractor.modality}s"
    _check_class(extractor, name)
    items = example_items(extractor) if raws is None else raws
    fitted = _fitted(extractor, items, name)
    few = [*items[:9]]
    _require(len(few) >= 4, f"{name}: the check needs at least four raw items, not {len(few)}")
    rows = fitted(few)
    _check_rows(fitted, rows, len(few), name)
    for what, found in _ways(fitted, few):
        _require(_same(found, rows), f"{name}: the features of an item are other bytes {what}")
    _check_fingerprint(fitted, name)
    _check_saved(fitted, few, rows, name)
    _check_faults(fitted, few, name)


def _check_class(extractor: Extractor, name: str) -> None:
    try:
        refuse_unregistered(type(extractor))
    except InputError as error:
        raise AssertionError(str(error)) from None
    _require(
        extractor.modality in extractor.modalities, f"{name}: its modalities are {', '.join(extractor.modalities)}"
    )


def _fitted(extractor: Extractor, items: Any, name: str) -> Extractor:
    before = extractor.options
    fitted, again = extractor.fit(items), extractor.fit(items)
    _require(isinstance(fitted, Extractor), f"{name}: fit returns {type(fitted).__name__} and not an extractor")
    _require(extractor.options == before, f"{name}: fit changes the extractor instead of returning another")
    _require(fitted.fingerprint == again.fingerprint, f"{name}: fitted to the same items twice, it differs")
    return fitted


def _check_rows(extractor: Extractor, rows: Array, count: int, name: str) -> None:
    kind = rows.dtype.name
    _require(rows.shape[0] == count, f"{name}: {count} items have {rows.shape[0]} rows")
    _require(kind in _KINDS, f"{name}: its rows are {kind} and not one of {', '.join(_KINDS)}")
    if kind == "float32":
        _require(len(rows.shape) == 2 or not extractor.flat, f"{name}: a row has the shape {rows.shape[1:]}: not flat")
        _require(bool(finite(rows.reshape(count, -1)).all()), f"{name}: its rows hold NaN or infinity")


def _ways(extractor: Extractor, items: list[Any]) -> Iterator[tuple[str, Array]]:
    """Yield the features of the items by several ways, in the order of the items, and what the way is."""
    count = len(items)
    yield "when it is extracted again", extractor(items)
    yield "when it is alone", _joined([extractor(items[at : at + 1]) for at in range(count)])
    yield "in batches of three", _joined([extractor(items[at : at + 3]) for at in range(0, count, 3)])
    yield "in another order", extractor(items[::-1])[np.arange(count)[::-1]]
    names = [f"item {number}" for number in range(count)]
    given = np.stack(items) if extractor.precomputed else items
    yield "when threads open the items", extract(extractor, given, names).features
    if not extractor.precomputed:
        with TemporaryDirectory() as cache:
            for what in ("when it is put into a cache", "when it comes from a cache"):
                yield what, extract(extractor, items, names, cache=Path(cache)).features


def _check_fingerprint(extractor: Extractor, name: str) -> None:
    decides = {field.name for field in dataclasses.fields(extractor) if field.compare}
    told = extractor.options.keys() | extractor.files.keys()
    absent = decides - told
    _require(not absent, f"{name}: {', '.join(sorted(absent))} are neither in its options nor in its files")
    elsewhere = extractor.on("cpu").fingerprint
    _require(elsewhere == extractor.fingerprint, f"{name}: device is in its fingerprint; declare it with compare=False")
    hints = get_type_hints(type(extractor))
    for option, value in extractor.options.items():
        others = [_changed(extractor, option, other) for other in _others(value, hints[option])]
        same = [other for other in others if other is not None and other.fingerprint == extractor.fingerprint]
        _require(not same, f"{name}: the option {option} is not in its fingerprint")


def _others(value: Any, hint: Any) -> list[Any]:
    """Return other values of an option, of which one or another may be allowed."""
    if get_origin(hint) is Literal:
        return [other for other in get_args(hint) if other != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, 2 * value + 2]
    return [f"{value}x"] if isinstance(value, str) else []


def _changed(extractor: Extractor, option: str, value: Any) -> Extractor | None:
    try:
        return dataclasses.replace(extractor, **{option: value})
    except InputError:
        return None  # a value that the extractor refuses


def _check_saved(extractor: Extractor, items: Any, rows: Array, name: str) -> None:
    with TemporaryDirectory() as folder:
        try:
            state = json.loads(json.dumps(extractor.save(Path(folder))))
        except TypeError as error:
            raise AssertionError(f"{name}: save returns what is no JSON: {error}") from None
        loaded = type(extractor).load(state, Path(folder))
        _require(loaded.fingerprint == extractor.fingerprint, f"{name}: its fingerprint differs after save and load")
        _require(_same(loaded(items), rows), f"{name}: its features are other bytes after save and load")


def _check_faults(extractor: Extractor, items: Any, name: str) -> None:
    if extractor.precomputed:
        broken: dict[str, Any] = {"a row with NaN": np.full(len(items[0]), np.nan)}
    else:
        broken = _BROKEN[extractor.modality]
    for what, item in broken.items():
        try:
            extractor.prepare(item)
        except ItemError as error:
            _require(bool(str(error)), f"{name}: the error for {what} does not say what is wrong")
        except Exception as error:
            raise AssertionError(f"{name}: {what} raises {type(error).__name__} and not ItemError: {error}") from error
        else:
            raise AssertionError(f"{name}: {what} is taken; prepare must raise ItemError")


def _joined(parts: Sequence[Array]) -> ndarray:
    return np.concatenate([_plain(part) for part in parts])


def _same(found: Array, expected: Array) -> bool:
    one, other = _plain(found), _plain(expected)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _plain(rows: Array) -> ndarray:
    return rows if isinstance(rows, ndarray) else np.asarray(rows.toarray())
