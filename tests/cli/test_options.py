"""Choices on the command line are those of the library; completion offers the names that there are."""

from typing import get_args

import pytest

from crossbit.cli import completion, options
from crossbit.collection.ingest.add import OnError as OnErrorOfItems
from crossbit.data.pairs import MODALITIES
from crossbit.datasets import LOADERS
from crossbit.features import Captions
from crossbit.features.extraction import OnError
from crossbit.training.run import Precision


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (options.Captions, get_args(Captions)),
        (options.OnError, get_args(OnError)),
        (options.OnError, get_args(OnErrorOfItems)),
        (options.Precision, get_args(Precision)),
        (options.Side, MODALITIES),
    ],
)
def test_the_choices_of_options_are_those_of_the_library(choice, names):
    assert get_args(choice) == tuple(names)


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("fit", ["<join|first|each>", "<fail|skip>", "<float32|bfloat16>"]),
        ("search", ["<image|text>"]),
        ("index create", ["<all|database>", "<fail|skip>"]),
        ("index export", ["<image|text>"]),
    ],
)
def test_help_shows_every_choice(crossbit_cli, words, choices):
    shown = crossbit_cli(*words.split(), "--help").out
    for choice in choices:
        assert choice in shown


@pytest.mark.parametrize(
    ("complete", "incomplete", "wanted"),
    [
        (completion.datasets, "scen", ["scenes"]),
        (completion.datasets, "", list(LOADERS)),
        (completion.protocols, "mirflickr25k/djs", ["mirflickr25k/djsrh"]),
        (completion.extractors, "image=on", ["image=onnx"]),
        (completion.extractors, "image=hog,text=bo", ["image=hog,text=bow"]),
        (completion.indexes, "fl", ["flat"]),
        (completion.devices, "c", ["cpu", "cuda"]),
        (completion.measures, "MA", ["MAP"]),
        (completion.conventions, "al", ["all"]),
        (completion.after_commas(completion.conventions), "dcmh,ucc", ["dcmh,ucch"]),
    ],
)
def test_names_are_completed(complete, incomplete, wanted):
    assert complete(incomplete) == wanted


def test_the_shell_completes_a_dataset(monkeypatch, crossbit_cli):
    monkeypatch.setenv("_CROSSBIT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "crossbit fit cca --dataset sce")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert crossbit_cli().out.split() == ["scenes"]
