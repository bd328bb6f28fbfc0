"""Collections: one writer, many readers, and only the model that encoded the items."""

import json
import threading

import pytest

from crossbit.collection import Collection, NoItemError, OtherModelError, image
from crossbit.collection import text as words
from crossbit.data.pairs import Paired
from crossbit.errors import BusyError, InputError
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle


def ids(found):
    return [hit.item.id for hit in found.hits]


def test_a_collection_holds_what_was_added(shelf, scenes):
    assert len(shelf) == len(scenes) == 60
    item = shelf.item(scenes[3].id)
    assert item.texts == scenes[3].texts
    assert item.metadata == scenes[3].metadata
    assert item.content == scenes[3].item().content
    assert shelf.thumbnail(item.id).startswith(b"\xff\xd8")


def test_a_filter_with_a_field_that_no_item_has_does_nothing(shelf):
    for use in (shelf.remove_where, shelf.ids, lambda where: shelf.search("red", where=where)):
        for where in ("not yaer >= 2020", "yaer < 2010"):
            with pytest.raises(InputError, match=r"no item has 'yaer'; did you mean 'year'\? fields: "):
                use(where)
    assert len(shelf) == 60


def test_removed_items_are_gone_and_unknown_ones_refused_before_anything_is(shelf, scenes):
    with pytest.raises(NoItemError, match="no item 'nobody'"):
        shelf.remove([scenes[0].id, "nobody"])
    assert len(shelf) == 60
    assert shelf.remove([scenes[0].id, scenes[0].id]) == 1
    with pytest.raises(NoItemError):
        shelf.item(scenes[0].id)
    assert scenes[0].id not in ids(shelf.search(image(scenes[0].picture), target="image", k=60))
    assert shelf.remove_where("year < 2010") == 9
    assert len(shelf) == 50


def test_other_processes_see_changes_and_only_one_writes(shelf, folder, scenes):
    with Collection(folder) as reader:
        assert reader.search(words("red"), k=60).searched == 60
        shelf.remove([scenes[0].id])
        assert reader.search(words("red"), k=60).searched == 59
        with shelf.store.locked():
            with pytest.raises(BusyError, match=r"is being changed by process \d+; try again when it has ended"):
                reader.remove([scenes[1].id])
            assert reader.search(words("red")).hits


def test_threads_search_while_items_come_and_go(shelf, scenes):
    faults, stop = [], threading.Event()

    def work():
        try:
            while not stop.is_set():
                found = shelf.search(words("red"), k=5, where="year > 2000")
                assert len(found.hits) == 5
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for raw in scenes[:12]:
        shelf.remove([raw.id])
        shelf.add([raw])
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(shelf) == 60


def test_another_model_is_refused_with_the_way_out(folder, model, toy, tmp_path):
    path = folder / "model" / "bundle.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps({**spec, "weights_sha256": "0" * 64}))
    with pytest.raises(OtherModelError, match=r"is not the model that encoded this collection.*put that model back"):
        Collection(folder)


def test_a_model_without_codes_is_refused(model, tiny_scenes, tmp_path):
    bundle = Bundle.load(model)
    captions = [texts[0] for texts in tiny_scenes.texts[:30]]
    pairs = Paired(bundle.pipelines["image"](list(tiny_scenes.images[:30])), bundle.pipelines["text"](captions))
    real = Recipe.parse("cca(ridge=0.1)").fit(pairs, 8)
    Bundle(real, bundle.pipelines, bundle.split, bundle.origin).save(tmp_path / "real")
    with pytest.raises(InputError, match="makes real-valued vectors, and a collection holds codes"):
        Collection.create(tmp_path / "shelf", tmp_path / "real")
    assert not (tmp_path / "shelf").exists()


def test_a_place_that_is_taken_or_is_no_collection_is_refused(folder, model, tmp_path):
    with pytest.raises(InputError, match="is a collection already"):
        Collection.create(folder, model)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is not empty"):
        Collection.create(tmp_path / "full", model)
    with pytest.raises(InputError, match="is not a collection"):
        Collection(tmp_path / "full")
