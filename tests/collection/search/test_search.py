"""Search: each stage ranks by what defines it, a filter and a radius leave out nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from crossbit.codes import Codes, hamming
from crossbit.collection import Collection, NoItemError, Part, Raw, Settings, image, like
from crossbit.collection import text as words
from crossbit.errors import InputError
from crossbit.models.bundle import Bundle

HAMMING = Settings(shortlist=0)


def ids(found):
    return [hit.item.id for hit in found.hits]


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


def test_many_queries_at_once(shelf, model):
    codes = Bundle.load(model).encode(["a red circle", "a star"], "text")
    found = shelf.search_codes(codes, "image", 5)
    assert [[hit.item.id for hit in hits] for hits in found] == [
        ids(shelf.search(words(text), k=5, settings=HAMMING)) for text in ("a red circle", "a star")
    ]
    assert isinstance(codes, Codes)


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
