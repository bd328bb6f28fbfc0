"""Each breach of the contract of extractors is found."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.features import EXTRACTORS, register_extractor
from crossbit.features.base import Extractor
from crossbit.features.raw import open_text
from crossbit.testing import check_extractor


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(EXTRACTORS, "_registered", {})


@dataclass(frozen=True)
class Lengths(Extractor):
    """The length of a text."""

    name: ClassVar[str] = "lengths"
    modalities: ClassVar = ("text",)
    calls: ClassVar[list[int]] = []

    modality: str = "text"
    gain: float = 1.0

    def prepare(self, raw):
        return len(open_text(raw))

    def compute(self, prepared):
        return np.array(prepared, np.float32)[:, None] * self.gain


def checked(**members):
    """Check an extractor that differs from `Lengths` in some members."""
    cls = dataclass(frozen=True)(type("Changed", (Lengths,), {"__doc__": "Changed.", **members}))
    register_extractor("lengths", cls)
    check_extractor(cls)


def test_an_extractor_of_somebody_keeps_the_contract():
    checked()


def compute(change):
    return {"compute": lambda self, prepared: change(Lengths.compute(self, prepared))}


def _accepts(self, raw):
    return len(raw)


def _crashes(self, raw):
    return len(raw.encode()) / len(raw.split()[0])


def _forgets(cls, state, folder):
    return cls(gain=1.0)


def _counted(self, prepared):
    self.calls.append(1)
    return Lengths.compute(self, prepared) + len(self.calls)


def _fit_in_place(self, raws):
    object.__setattr__(self, "gain", 2.0)
    return self


BREACHES = {
    "other rows": (compute(lambda rows: rows[:1]), "9 items have 1 rows"),
    "other type": (compute(lambda rows: rows.astype(np.float64)), "its rows are float64 and not one of float32"),
    "axes": (compute(lambda rows: rows[:, :, None]), r"a row has the shape \(1, 1\): not flat"),
    "nan": (compute(lambda rows: rows * np.nan), "hold NaN or infinity"),
    "batch": (compute(lambda rows: rows - rows.mean()), "other bytes when it is alone"),
    "order": (compute(lambda rows: rows + (rows[0] == 38) * (len(rows) == 9)), "other bytes in another order"),
    "state": ({"compute": _counted}, "other bytes when it is extracted again"),
    "fit": ({"fit": lambda self, raws: None}, "fit returns NoneType"),
    "fit in place": ({"fit": _fit_in_place}, "fit changes the extractor instead of returning another"),
    "random fit": (
        {"fit": lambda self, raws: replace(self, gain=float(np.random.default_rng().random()))},
        "fitted to the same items twice, it differs",
    ),
    "option": ({"options": property(lambda self: {"modality": self.modality})}, "gain are neither in its options nor"),
    "fingerprint": ({"fingerprint": "always the same"}, "the option modality is not in its fingerprint"),
    "device": (
        {"device": "auto", "__annotations__": {"device": "str"}},
        "device is in its fingerprint; declare it with compare=False",
    ),
    "lost option": (
        {"load": classmethod(_forgets), "gain": 3.0, "__annotations__": {"gain": "float"}},
        "fingerprint differs after save and load",
    ),
    "no JSON": ({"save": lambda self, folder: {"array": np.ones(1)}}, "save returns what is no JSON"),
    "accepts": ({"prepare": _accepts}, "an empty text is taken; prepare must raise ItemError"),
    "crashes": ({"prepare": _crashes}, "an empty text raises IndexError and not ItemError"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_contract_is_found(breach, monkeypatch):
    monkeypatch.setattr(Lengths, "calls", [])
    members, message = BREACHES[breach]
    with pytest.raises(AssertionError, match=message):
        checked(**members)


def test_a_class_that_is_not_registered_is_refused():
    with pytest.raises(AssertionError, match="Lengths is not registered under its name 'lengths'"):
        check_extractor(Lengths)
    with pytest.raises(InputError, match="crossbit has a feature extractor 'hog' already"):
        register_extractor("hog", type("Mine", (Lengths,), {"name": "hog"}))


def test_a_class_whose_options_have_no_default_is_checked_as_an_instance():
    for name in ("clip", "onnx", "open_clip"):
        with pytest.raises(AssertionError, match="needs options"):
            check_extractor(EXTRACTORS[name])


def test_raw_items_of_ones_own_are_used_and_few_are_refused():
    register_extractor("lengths", Lengths)
    check_extractor(Lengths(), ["one", "two", "three", "four"])
    with pytest.raises(AssertionError, match="at least four raw items, not 3"):
        check_extractor(Lengths(), ["one", "two", "three"])
