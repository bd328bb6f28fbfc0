"""Every method that learns codes, on generated scenes: seconds are enough to beat chance both ways."""

import pytest

from crossbit.datasets import load
from crossbit.evaluation.scoring import score
from crossbit.features import featurise
from crossbit.methods import METHODS
from crossbit.methods.recipe import Recipe
from crossbit.metrics import Measure

#: What makes a fit take seconds; what is closed-form or in no need of change has no entry.
RECIPES = {
    "adah": "adah(epochs=10,hidden=128,text_hidden=128,lr=0.003)",
    "cca": "cca+itq",
    "cfrh": "cfrh(epochs=20,hidden=128,decoder_hidden=128)",
    "dcmh": "dcmh(epochs=100,text_hidden=128,batch=32)",
    "dgcpn": "dgcpn(epochs=10,hidden=128)",
    "djsrh": "djsrh(epochs=30,hidden=128,lr_image=0.01)",
    "jdsh": "jdsh(epochs=20,hidden=128)",
    "mesdch": "mesdch(epochs=30,hidden=128,text_hidden=128)",
    "ssah": "ssah(epochs=2,hidden=128,width=64,batch=32,passes=4,label_passes=6,lr_image=0.003,lr_text=0.003)",
    "ucch": "ucch(epochs=20,hidden=512,lr=0.001)",
    "ugach": "ugach(hidden=512,pretraining=10,rounds=5)",
}
#: Real-valued methods have their own tests on scenes; zero-shot CLIP learns nothing.
CODES = sorted(set(METHODS.builtin) - {"clip", "infonce", "mfsr", "vsepp"})
MAP = Measure.parse("MAP")


@pytest.fixture(scope="module")
def data():
    return featurise(load("scenes", train=800, database=800, query=100), "hog|standard", "bow|standard").dataset


@pytest.mark.parametrize("name", CODES)
def test_codes_of_scenes_beat_chance_both_ways(data, name):
    encoder = Recipe.parse(RECIPES.get(name, name)).fit(data.train, 32, seed=0)
    relevant = data.query.labels @ data.database.labels.T
    for task, found in score(encoder, data, [MAP]).items():
        assert found.mean(MAP) > relevant.mean() + 0.02, task
