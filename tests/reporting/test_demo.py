"""The demo, end to end on a handful of scenes: everything it promises to leave is there and agrees."""

import json
import shutil
from contextlib import contextmanager

import pytest

from crossbit.cli import main
from crossbit.collection import Collection
from crossbit.data.corpus import Corpus
from crossbit.data.splits import Split
from crossbit.errors import InputError
from crossbit.evaluation.setup import Setup
from crossbit.features import featurise
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle
from crossbit.progress import silent
from crossbit.reporting.demo import MARK, Demo


@contextmanager
def no_bar(title):
    yield silent


QUICK = [
    Recipe.parse("cfrh(hidden=8,decoder_hidden=8,epochs=2,batch=16)"),
    *map(Recipe.parse, ("cca+itq", "cca+sign")),
]


@pytest.fixture(scope="module")
def demo(tiny_scenes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Demo, "recipes", property(lambda self: QUICK))
        yield Demo(Setup("scenes"), tiny_scenes, featurise(tiny_scenes, "hog|pca16", "bow"))


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
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


def test_another_run_replaces_it_and_one_that_ends_early_leaves_it(demo, folder, tmp_path, monkeypatch):
    older = shutil.copytree(folder, tmp_path / "older")
    names = sorted(path.name for path in older.iterdir())
    mine = older / "collection" / "mine.txt"
    mine.touch()
    with monkeypatch.context() as patch:
        patch.setattr(Demo, "image_queries", interrupted)
        with pytest.raises(KeyboardInterrupt):
            demo.run(older, no_bar)
    assert mine.exists()
    assert sorted(path.name for path in older.iterdir()) == names
    demo.run(older, no_bar)
    assert not mine.exists()
    with Collection(older / "collection") as collection:
        assert len(collection) == 40


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["model", "collection"])
def test_what_is_not_of_a_demo_is_never_replaced(demo, folder, tmp_path, name, monkeypatch, capsys):
    own = shutil.copytree(folder / name, tmp_path / name)
    (own / MARK).unlink()
    monkeypatch.setattr("sys.argv", ["crossbit", "demo", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    assert f"{own} was not made by `crossbit demo`" in capsys.readouterr().err
    with pytest.raises(InputError, match="choose another --out"):
        demo.run(tmp_path, no_bar)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_data_without_labels_is_refused(tiny_scenes):
    split = Split("s", tiny_scenes.ids[:1], tiny_scenes.ids[1:2], tiny_scenes.ids[:1])
    bare = Corpus("bare", tiny_scenes.ids, split, tiny_scenes.images, tiny_scenes.texts)
    with pytest.raises(InputError, match="bare has no labels"):
        Demo(Setup("bare"), bare, featurise(bare, "hog", "bow(min_count=1)"))


def test_a_row_for_each_caption_is_refused(tiny_scenes):
    made = featurise(tiny_scenes, "hog", "bow", captions="each")
    with pytest.raises(InputError, match="one text per item: use captions join or first"):
        Demo(Setup("scenes", captions="each"), tiny_scenes, made)
