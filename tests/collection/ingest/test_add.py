"""Adding: what is new is encoded, what is stored stays, what cannot be used is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import crossbit.collection.ingest.add
from crossbit.collection import Collection, Raw
from crossbit.collection import text as words
from crossbit.collection.ingest.sources import dataset_of
from crossbit.data.corpus import Corpus
from crossbit.data.splits import ordered_split
from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.features.extractors.hog import Hog
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin


def ids(found):
    return [hit.item.id for hit in found.hits]


def test_adding_twice_adds_nothing(shelf, scenes):
    before = shelf.snapshot().head
    counts = shelf.add(scenes)
    assert (counts.added, counts.replaced, counts.unchanged) == (0, 0, 60)
    assert shelf.snapshot().head == before


@pytest.mark.parametrize("vectors", [True, False])
def test_precomputed_features_that_have_changed_are_seen(rng, tmp_path, vectors):
    rows = {modality: rng.normal(size=(20, 6)) for modality in ("image", "text")}
    ids = tuple(f"i{row}" for row in range(20))
    corpus = Corpus("rows", ids, ordered_split("rows", ids, query=4, train=16), features=rows)
    made = featurise(corpus, "precomputed", "precomputed")
    recipe = Recipe.parse("cca(ridge=0.1)+sign")
    origin = Origin(recipe.name, recipe.parameters, 0, "rows")
    Bundle(recipe.fit(made.dataset.train, 4), made.pipelines, made.dataset.split, origin).save(tmp_path / "model")
    raws = list(dataset_of(corpus))
    with Collection.create(tmp_path / "shelf", tmp_path / "model", vectors=vectors) as shelf:
        assert shelf.add(raws).added == 20
        assert shelf.add(raws).unchanged == 20
        old = shelf.snapshot().sides["image"].codes.packed
        counts = shelf.add([replace(raws[0], features={m: -4 * row for m, row in raws[0].features.items()}), *raws[1:]])
        assert (counts.replaced, counts.unchanged) == (1, 19)
        new = shelf.snapshot().sides["image"].codes.packed
        assert new[-1] != old[0]
        assert (new[:-1] == old[1:]).all()


def test_what_has_changed_is_replaced(shelf, scenes):
    counts = shelf.add([replace(scenes[5], texts=("a purple cow",)), scenes[6]])
    assert (counts.added, counts.replaced, counts.unchanged) == (0, 1, 1)
    assert shelf.item(scenes[5].id).texts == ("a purple cow",)
    assert len(shelf) == 60
    assert len(shelf.snapshot().sides["image"]) == 60


def test_an_item_may_have_one_modality_alone(shelf, scenes):
    shelf.add([Raw("words", None, ("a red circle",)), Raw("picture", scenes[0].picture)])
    sides = shelf.snapshot().sides
    assert (len(sides["image"]), len(sides["text"])) == (61, 61)
    assert "words" in ids(shelf.search(words("a red circle"), target="text", k=61))
    assert "words" not in ids(shelf.search(words("a red circle"), target="image", k=61))
    assert shelf.thumbnail("words") is None


def test_items_that_cannot_be_used_are_named_and_left_out(shelf, scenes, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 nothing")
    odd = [
        Raw("broken", tmp_path / "broken.jpg"),
        Raw("absent", tmp_path / "absent.jpg"),
        Raw("empty"),
        Raw("tab\t", None, ("red",)),
        Raw("caf\udce9", None, ("red",)),
        Raw("number", None, ("red",), {"nan": float("nan")}),
        Raw("twice", None, ("red",)),
        Raw("twice", None, ("blue",)),
    ]
    counts = shelf.add(odd)
    assert counts.added == 1
    reasons = {failure.id: failure.reason for failure in counts.failures}
    assert reasons["broken"].startswith("image: it is")
    assert reasons["absent"] == "image: the file does not exist"
    assert reasons["empty"] == "it has neither a picture nor a text"
    assert "control characters or is not UTF-8" in reasons["'tab\\t'"]
    assert "metadata must be an object of JSON values" in reasons["number"]
    assert reasons["twice"] == "two items have this id"
    with pytest.raises(InputError, match="broken cannot be used: image: it is"):
        shelf.add(odd, on_error="fail")


def nested(levels):
    value = 1
    for level in range(levels):
        value = [value] if level % 2 and level < levels - 1 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"a": "\ud800"}, "is not UTF-8"),
        ({"\udfff": 1}, "is not UTF-8"),
        ({"a": {"b": ["\udc80"]}}, "is not UTF-8"),
        (nested(33), "may be nested 32 levels deep, but is deeper"),
        (nested(500), "may be nested 32 levels deep, but is deeper"),
        (nested(5000), "may be nested 32 levels deep, but is deeper"),
    ],
)
def test_metadata_that_cannot_be_shown_is_refused(shelf, metadata, why):
    (failure,) = shelf.add([Raw("odd", None, ("red",), metadata)]).failures
    assert why in failure.reason
    with pytest.raises(InputError, match=why):
        shelf.update(["000003"], metadata=metadata)


def test_metadata_that_can_be_shown_comes_back(shelf):
    metadata = {"größe": "\U0001f600", **nested(32)}
    assert shelf.add([Raw("even", None, ("red",), metadata)]).added == 1
    assert shelf.item("even").metadata == metadata
    json.dumps(shelf.item("even").metadata, ensure_ascii=False).encode()


def test_an_interrupted_add_goes_on(model, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(crossbit.collection.ingest.add, "BATCH", 8)
    with Collection.create(tmp_path / "shelf", model, thumbnail=0) as shelf:
        for counts in shelf.add_batches(scenes):
            if counts.added == 24:
                break
        assert len(shelf) == 24
        counts = shelf.add(scenes)
        assert (counts.added, counts.unchanged) == (36, 24)


def test_thumbnails_are_small_and_bare(model, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    Image.new("RGB", (2000, 1000), "red").save(tmp_path / "big.jpg", exif=exif)
    with Collection.create(tmp_path / "shelf", model, thumbnail=100) as shelf:
        shelf.add([Raw("big", tmp_path / "big.jpg")])
        (tmp_path / "small.jpg").write_bytes(shelf.thumbnail("big"))
    with Image.open(tmp_path / "small.jpg") as small:
        assert small.size == (100, 50)
        assert not small.getexif()


def test_files_are_read_where_they_are(shelf, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    shelf.add([Raw("red.png", tmp_path / "red.png")])
    assert Path(shelf.item("red.png").picture) == (tmp_path / "red.png").resolve()
    shutil.rmtree(tmp_path / "red.png", ignore_errors=True)


def test_features_are_read_from_a_cache_and_added_to_it(model, scenes, tmp_path, monkeypatch):
    def filled(name, **how):
        with Collection.create(tmp_path / name, model) as made:
            made.add(scenes, **how)
            return made.snapshot()

    computed = []
    compute = Hog.compute
    monkeypatch.setattr(
        Hog, "compute", lambda self, prepared: computed.append(len(prepared)) or compute(self, prepared)
    )
    alone = filled("alone")
    computed.clear()
    first = filled("first", cache=tmp_path / "cache")
    assert sum(computed) == len({raw.item().content for raw in scenes})
    computed.clear()
    (shard,) = (tmp_path / "cache").rglob("*.npz")
    second = filled("second", cache=tmp_path / "cache")
    assert computed == []
    shard.write_bytes(shard.read_bytes()[:-1])
    third = filled("third", cache=tmp_path / "cache")
    assert computed != []
    for each in (first, second, third):
        assert each.head == alone.head
