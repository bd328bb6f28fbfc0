"""Devices: found by name, refused with the names that there are."""

import pytest
import torch

from crossbit.devices import devices, find_device
from crossbit.errors import InputError
from crossbit.methods.recipe import Recipe
from crossbit.models.encoder import DualEncoder
from crossbit.nn.towers import mlp
from crossbit.training.distributed import process_group
from crossbit.training.run import Training


@pytest.fixture
def machine(monkeypatch):
    """Return a function that sets how many CUDA devices the machine has, and whether it has MPS."""

    def has(cuda, mps):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


@pytest.mark.parametrize(
    ("cuda", "mps", "there", "automatic"),
    [
        (0, False, ("cpu",), "cpu"),
        (0, True, ("cpu", "mps"), "cpu"),
        (2, False, ("cpu", "cuda", "cuda:0", "cuda:1"), "cuda"),
    ],
)
def test_every_device_of_a_machine_has_a_name(machine, cuda, mps, there, automatic):
    machine(cuda, mps)
    assert devices() == there
    assert [str(find_device(name)) for name in there] == [*there]
    assert find_device() == torch.device(automatic)


@pytest.mark.parametrize("name", ["tpu", "cuda:2", "mps", ""])
def test_a_device_that_is_not_there_is_refused(machine, name):
    machine(1, False)
    with pytest.raises(InputError, match=f"no device '{name}'; there are auto, cpu, cuda, cuda:0"):
        find_device(name)


@pytest.mark.parametrize("recipe", ["cca+itq", "cfrh(epochs=1,hidden=8,decoder_hidden=8)"])
def test_a_fit_runs_where_it_is_told_to(toy, recipe):
    assert Recipe.parse(recipe).fit(toy.train, 16, training=Training(device="cpu")).device == torch.device("cpu")
    with pytest.raises(InputError, match="no device 'tpu'; there are auto, cpu"):
        Recipe.parse(recipe).fit(toy.train, 16, training=Training(device="tpu"))


def test_an_encoder_computes_where_its_weights_are():
    here = DualEncoder(mlp(3, 4), mlp(3, 4), "hamming", 4, "cpu")
    there = here.copy().to(torch.device("meta"))
    assert (here.device.type, there.device.type, there.copy().device.type) == ("cpu", "meta", "meta")
    assert len(here.encode(torch.ones(2, 3).numpy(), "image")) == 2


def test_several_processes_do_not_share_one_device(machine, monkeypatch):
    machine(2, False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="cannot share cuda:1: give cuda, of which each takes its own"):
        process_group("cuda:1").__enter__()
