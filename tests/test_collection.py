"""Collections: search by text and picture, and what happens to damaged ones."""

import io

import numpy as np
import pytest

from crossbit.bundle import Bundle, Origin
from crossbit.codes import Codes, hamming
from crossbit.collection import Collection, Item
from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.methods import Recipe


def npy(array):
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


def npz(array):
    np.savez(file := io.BytesIO(), array)
    return file.getvalue()


@pytest.fixture(scope="module")
def collection(tiny_scenes):
    made = featurise(tiny_scenes, "hog|pca16", "bow")
    recipe = Recipe.parse("cca(ridge=0.1)+itq")
    origin = Origin(recipe.name, recipe.parameters, 0, "scenes")
    bundle = Bundle(recipe.fit(made.dataset.train, 16), made.pipelines, made.dataset.split, origin)
    return Collection.of(tiny_scenes, made.dataset, bundle)


def test_a_search_ranks_by_the_distance_of_codes(collection):
    hits = collection.search("a red circle", "text", "image", k=5)
    code = collection.bundle.encode(["a red circle"], "text")
    nearest = np.sort(hamming(code, collection.codes["image"])[0])[:5]
    assert [hit.distance for hit in hits] == nearest.tolist()


def test_every_engine_answers_alike(collection, tiny_scenes):
    picture = tiny_scenes.images[0]
    assert collection.search(picture, "image", "text", 8, "exact") == collection.search(picture, "image", "text", 8)


def test_a_collection_survives_its_folder(collection, tmp_path):
    collection.save(tmp_path / "shelf")
    again = Collection.open(tmp_path / "shelf")
    assert again.items == collection.items
    assert again.search("a star", "text", "image") == collection.search("a star", "text", "image")
    with pytest.raises(InputError, match="is not empty"):
        collection.save(tmp_path / "shelf")


def test_no_character_breaks_the_lines_of_items(collection, tmp_path):
    odd = Item("\u0085", ("a\u2028b", "caf\udce9", "two\nlines"), "\udce9.png")
    Collection((odd, *collection.items[1:]), collection.codes, collection.bundle).save(tmp_path / "shelf")
    assert Collection.open(tmp_path / "shelf").items[0] == odd


def test_damage_is_refused(collection, tmp_path):
    with pytest.raises(InputError, match="no collection"):
        Collection.open(tmp_path)
    collection.save(tmp_path / "shelf")
    (tmp_path / "shelf" / "image.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match=r"is damaged.*create the collection again"):
        Collection.open(tmp_path / "shelf")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.jsonl", b"[" * 100_000),
        ("items.jsonl", b'{"id": "a", "texts": null, "picture": null}\n'),
        ("text.npy", npy(np.zeros((2, 2)))),
        ("text.npy", npy(np.uint8(3))),
        ("text.npy", npz(np.uint8(3))),
    ],
)
def test_every_damage_is_named(collection, tmp_path, name, content):
    collection.save(tmp_path / "shelf")
    (tmp_path / "shelf" / name).write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged.*create the collection again"):
        Collection.open(tmp_path / "shelf")


def test_codes_of_another_model_are_refused(collection):
    other = {"image": Codes.from_bits(np.ones((len(collection.items), 8), bool)), "text": collection.codes["text"]}
    with pytest.raises(InputError, match="the image codes have 8 bits, but the model makes 16"):
        Collection(collection.items, other, collection.bundle)
    fewer = {"image": collection.codes["image"][:3]}
    with pytest.raises(InputError, match="3 image codes"):
        Collection(collection.items, fewer, Bundle(*vars(collection.bundle).values()))


def test_everything_in_a_dataset_can_be_searched(tiny_scenes, collection):
    made = featurise(tiny_scenes, collection.bundle.pipelines["image"], collection.bundle.pipelines["text"])
    whole = Collection.of(tiny_scenes, made.dataset, collection.bundle, everything=True)
    assert sorted(item.id for item in whole.items) == sorted(tiny_scenes.ids)
    assert (whole.codes["image"].packed[: len(collection.items)] == collection.codes["image"].packed).all()
    rows = tiny_scenes.rows([item.id for item in whole.items])
    alone = collection.bundle.encode([tiny_scenes.images[row] for row in rows], "image")
    assert (alone.packed == whole.codes["image"].packed).all()


def test_one_text_an_item(tiny_scenes, collection):
    pipelines = collection.bundle.pipelines
    made = featurise(tiny_scenes, pipelines["image"], pipelines["text"], captions="each")
    with pytest.raises(InputError, match="one text an item"):
        Collection.of(tiny_scenes, made.dataset, collection.bundle)


def test_a_collection_is_written_whole_or_not_at_all(collection, tmp_path, monkeypatch):
    def full_disk(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full_disk)
        with pytest.raises(OSError, match="No space left"):
            collection.save(tmp_path / "shelf")
    assert list(tmp_path.iterdir()) == []
    collection.save(tmp_path / "shelf")
    assert len(Collection.open(tmp_path / "shelf").items) == len(collection.items)
