"""The demo, end to end on a handful of scenes: everything it promises to leave is there and agrees."""

import json
from contextlib import contextmanager

import pytest

from crossbit.bundle import Bundle
from crossbit.collection import Collection
from crossbit.data import Corpus, Split
from crossbit.demo import Demo
from crossbit.errors import InputError
from crossbit.experiment import Setup
from crossbit.features import featurise
from crossbit.methods import Recipe
from crossbit.progress import silent


@contextmanager
def no_bar(title):
    yield silent


@pytest.fixture(scope="module")
def folder(tiny_scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    quick = [
        Recipe.parse("cfrh(hidden=8,decoder_hidden=8,epochs=2,batch=16)"),
        *map(Recipe.parse, ("cca+itq", "cca+sign")),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Demo, "recipes", property(lambda self: quick))
        demo = Demo(Setup("scenes"), tiny_scenes, featurise(tiny_scenes, "hog|pca16", "bow"))
        demo.run(folder, no_bar)
    return folder


def test_it_leaves_model_collection_scores_and_page(folder):
    assert Bundle.load(folder / "model").origin.method.startswith("cfrh")
    with Collection(folder / "collection") as collection:
        assert len(collection) == 40
    scores = json.loads((folder / "scores.json").read_text())
    assert set(scores["cca+itq"]) == {"image->text", "text->image"}


def test_the_page_shows_both_directions_with_right_and_wrong(folder):
    page = (folder / "report.html").read_text()
    assert page.count("<article") == 6
    for part in ("Text to image", "Image to text", "Scores", "Curves", "✓", "✗", "chance"):
        assert part in page
    assert "cca+sign is left out: &#x27;sign&#x27; keeps one bit per dimension" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_data_without_labels_is_refused(tiny_scenes):
    split = Split("s", tiny_scenes.ids[:1], tiny_scenes.ids[1:2], tiny_scenes.ids[:1])
    bare = Corpus("bare", tiny_scenes.ids, split, tiny_scenes.images, tiny_scenes.texts)
    with pytest.raises(InputError, match="bare has no labels"):
        Demo(Setup("bare"), bare, featurise(bare, "hog", "bow(min_count=1)"))


def test_a_row_for_each_caption_is_refused(tiny_scenes):
    made = featurise(tiny_scenes, "hog", "bow", captions="each")
    with pytest.raises(InputError, match="one text an item: use captions join or first"):
        Demo(Setup("scenes", captions="each"), tiny_scenes, made)
