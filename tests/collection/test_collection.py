"""Collections: what is added is found, what is removed is gone, what is not of the model is refused."""

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import crossbit.collection.ingest.add
from crossbit.codes import Codes, hamming
from crossbit.collection import Collection, NoItemError, OtherModelError, Part, Raw, Settings, image, like
from crossbit.collection import text as words
from crossbit.collection.ingest.sources import dataset_of
from crossbit.data.corpus import Corpus
from crossbit.data.pairs import Paired
from crossbit.data.splits import ordered_split
from crossbit.errors import BusyError, InputError
from crossbit.features import featurise
from crossbit.features.extractors.hog import Hog
from crossbit.methods.recipe import Recipe
from crossbit.models.bundle import Bundle, Origin

HAMMING = Settings(shortlist=0)


def ids(found):
    return [hit.item.id for hit in found.hits]


def test_a_collection_holds_what_was_added(shelf, scenes):
    assert len(shelf) == len(scenes) == 60
    item = shelf.item(scenes[3].id)
    assert item.texts == scenes[3].texts
    assert item.metadata == scenes[3].metadata
    assert item.content == scenes[3].item().content
    assert shelf.thumbnail(item.id).startswith(b"\xff\xd8")


def test_codes_are_those_of_the_model(shelf, model, scenes):
    bundle = Bundle.load(model)
    side = shelf.snapshot().sides["image"]
    assert side.numbers.tolist() == list(range(60))
    assert (side.codes.packed == bundle.encode([raw.picture for raw in scenes], "image").packed).all()


def test_a_search_ranks_by_the_distance_of_codes(shelf, model):
    code = Bundle.load(model).encode(["a red circle"], "text")
    nearest = np.argsort(hamming(code, shelf.snapshot().sides["image"].codes)[0], kind="stable")[:7]
    found = shelf.search(words("a red circle"), k=7, settings=HAMMING)
    assert ids(found) == [shelf_id(shelf, row) for row in nearest]
    assert found.target == "image"
    assert found.searched == 60


def shelf_id(shelf, number):
    with shelf.store.reading() as connection:
        return connection.execute("SELECT id FROM items WHERE number = ?", (int(number),)).fetchone()[0]


def test_the_second_stage_ranks_by_real_values_against_codes(shelf, model):
    bundle = Bundle.load(model)
    values = bundle.embed(bundle.pipelines["text"](["a red circle"]), "text")[0]
    scores = shelf.snapshot().sides["image"].codes.signs() @ values
    found = shelf.search(words("a red circle"), k=5, settings=Settings(shortlist=60, rescore=False))
    assert [hit.score for hit in found.hits] == pytest.approx(
        np.sort(scores)[::-1][:5] / (np.linalg.norm(values) * 4), rel=1e-5
    )


def test_the_third_stage_ranks_by_stored_vectors(shelf, model, scenes):
    bundle = Bundle.load(model)
    query = bundle.embed(bundle.pipelines["text"](["a red circle"]), "text")[0]
    vectors = bundle.embed(bundle.pipelines["image"]([raw.picture for raw in scenes]), "image")
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    found = shelf.search(words("a red circle"), k=5, settings=Settings(shortlist=60))
    assert [hit.score for hit in found.hits] == pytest.approx(np.sort(cosines)[::-1][:5], abs=2e-3)
    assert [stage.name for stage in found.stages] == ["query", "shortlist", "asymmetric", "rescore"]


@pytest.mark.parametrize("target", ["image", "text"])
def test_a_radius_finds_all_within_it_and_nothing_else(shelf, model, target):
    code = Bundle.load(model).encode(["a blue star"], "text")
    distances = hamming(code, shelf.snapshot().sides[target].codes)[0]
    found = shelf.search(words("a blue star"), target=target, k=60, radius=5)
    assert sorted(hit.distance for hit in found.hits) == sorted(distances[distances <= 5])


def test_a_picture_finds_texts_and_pictures(shelf, scenes):
    assert shelf.search(image(scenes[0].picture)).target == "text"
    found = shelf.search(image(scenes[0].picture), target="image", k=1)
    assert ids(found) == [scenes[0].id]
    assert found.hits[0].distance == 0


def test_more_like_this_is_not_this(shelf, scenes):
    found = shelf.search(like(scenes[0].id), k=60)
    assert len(found.hits) == 59
    assert scenes[0].id not in ids(found)


def test_parts_are_weighed_and_may_lead_away(shelf):
    red, star = words("red"), words("a star")
    alone, both = shelf.search(red, k=60), shelf.search(red, star * 1e-6, k=60)
    assert ids(alone) == ids(both)
    assert ids(shelf.search(red, -star, k=60)) != ids(alone)
    opposite = shelf.search(-red, k=60, settings=Settings(shortlist=60, rescore=False))
    assert opposite.hits[0].score == pytest.approx(
        -min(h.score for h in shelf.search(red, k=60, settings=Settings(shortlist=60, rescore=False)).hits)
    )


def test_what_cannot_be_asked_is_refused(shelf):
    with pytest.raises(InputError, match="needs a text, a picture or an item"):
        shelf.search()
    with pytest.raises(InputError, match="the weight of a part is a number other than 0, not nan"):
        Part("text", "red", float("nan"))
    with pytest.raises(InputError, match="no modality 'sound'"):
        shelf.search(words("red"), target="sound")
    with pytest.raises(InputError, match="at least one hit, but k is 0"):
        shelf.search(words("red"), k=0)
    with pytest.raises(InputError, match="the text of the query cannot be used: the text is empty"):
        shelf.search(words(" "))
    with pytest.raises(NoItemError, match="no item 'nobody'"):
        shelf.search(like("nobody"))


def test_a_filter_that_keeps_little_still_returns_its_k(shelf):
    found = shelf.search(words("red"), k=3, where="year >= 2055")
    assert len(found.hits) == 3
    assert all(hit.item.metadata["year"] >= 2055 for hit in found.hits)
    assert found.searched == 4
    assert shelf.search(words("red"), where="year > 3000").hits == ()


def test_a_filter_sees_what_was_added_and_removed_since(shelf, scenes):
    where = 'licence == "cc-by"'
    assert shelf.search(words("red"), where=where).searched == 29
    shelf.remove([scenes[1].id])
    shelf.add([replace(scenes[0], metadata={"licence": "cc-by"}), Raw("new", scenes[2].picture, (), {"licence": "x"})])
    assert shelf.search(words("red"), where=where).searched == 29
    assert scenes[0].id in ids(shelf.search(words("red"), where=where, k=60))


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
    assert reasons["twice"] == "two items of this batch have this id"
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
    with pytest.raises(InputError, match="is no collection"):
        Collection(tmp_path / "full")


def test_searching_codes_needs_no_torch(folder):
    code = f"""
import sys
from pathlib import Path
from crossbit.collection import Collection, like
with Collection(Path({str(folder)!r})) as shelf:
    assert len(shelf.search(like("000003"), k=3, where="year > 2000").hits) == 3
print("torch" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_many_queries_at_once(shelf, model):
    codes = Bundle.load(model).encode(["a red circle", "a star"], "text")
    found = shelf.search_codes(codes, "image", 5)
    assert [[hit.item.id for hit in hits] for hits in found] == [
        ids(shelf.search(words(text), k=5, settings=HAMMING)) for text in ("a red circle", "a star")
    ]
    assert isinstance(codes, Codes)


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


def test_what_another_process_has_tuned_is_seen(shelf, folder):
    assert shelf.settings == Settings()
    with Collection(folder) as other:
        other.configure("search", {"index": "flat", "probes": 8, "shortlist": 0, "rescore": False})
    assert len(shelf.search(words("red"), k=3).stages) == 2
    assert shelf.settings == Settings("flat", 8, 0, False)


def test_an_item_is_no_nearer_to_itself_than_one(shelf, scenes):
    hits = [shelf.search(image(raw.picture), target="image", k=1).hits[0] for raw in scenes]
    assert max(hit.score for hit in hits) <= 1
    assert min(hit.score for hit in hits) > 0.999
