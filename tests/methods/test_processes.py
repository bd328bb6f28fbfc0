"""Every method that trains in epochs, in two processes: each sees other batches, and all end with the same weights."""

import pytest

from helpers import peers

#: Small fits; those of the second block read pixels and word ids, so that they rebuild both.
VECTORS = [
    "adah(epochs=2,hidden=16,text_hidden=16,width=16,batch=32)",
    "cfrh(epochs=2,hidden=16,decoder_hidden=16)",
    "dcmh(epochs=2,text_hidden=16,batch=32)",
    "dgcpn(epochs=2,hidden=16)",
    "djsrh(epochs=2,hidden=16)",
    "infonce(epochs=2,batch=32)",
    "jdsh(epochs=2,hidden=16)",
    "mesdch(epochs=2,hidden=16,text_hidden=16,width=16,batch=32)",
    "mfsr(d=16,epochs=2,batch=32)",
    "ssah(epochs=2,hidden=16,width=16,batch=32,passes=2,label_passes=2)",
    "ucch(epochs=2,hidden=16,batch=32,K=64)",
    "ugach(hidden=16,pretraining=1,rounds=1)",
    "vsepp(epochs=2,batch=32)",
]
PAIRS = [
    f"mfsr(d=16,width=8,layers=1,hidden=8,convolutions=2,side=8,channels=2,epochs=2,batch=32,D2={D2},delta=1)"
    for D2 in ("pair", "swapped")
]
PEER = """
import hashlib
import sys

import torch

from crossbit.datasets import load
from crossbit.training.distributed import process_group
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe

torch.set_num_threads(1)
labelled, told = (load("scenes", train=192, database=192, query=10, task=task) for task in ("labels", "captions"))
vectors = featurise(labelled, "hog", "bow").dataset.train
pairs = featurise(told, "pixels(size=16)", "words", captions="first").dataset.train
with process_group():
    for train, recipes in zip((vectors, pairs), sys.argv[1:], strict=True):
        for recipe in recipes.split():
            weights = Recipe.parse(recipe).fit(train, 8).parameters()
            print(recipe, hashlib.sha256(b"".join(each.numpy().tobytes() for each in weights)).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_train_the_same_weights():
    """Weights alone: running statistics of batch normalisation are a process's own, and the first one's are kept."""
    first, second = peers.run(PEER, 2, " ".join(VECTORS), " ".join(PAIRS), timeout=300)
    assert first.splitlines() == second.splitlines()
    assert [line.split()[0] for line in first.splitlines()] == [*VECTORS, *PAIRS]
