"""Update, sync, compact: what stays, what goes, and that codes are not made again without need."""

import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossbit.collection import Collection, NoItemError, Raw
from crossbit.collection import text as words
from crossbit.collection.integrity.verify import verify
from crossbit.collection.model import Model
from crossbit.collection.operations.sync import sync
from crossbit.errors import InputError
from crossbit.records.record import ReadOptions


@pytest.fixture
def album(model, photos, tmp_path):
    with Collection.create(tmp_path / "album", model, vectors=True) as made:
        sync(made, photos)
        yield made


@pytest.fixture
def no_encoding(monkeypatch):
    def refused(*args):
        raise AssertionError("something was encoded")

    monkeypatch.setattr("crossbit.collection.ingest.encode.Encoder._features", refused)
    monkeypatch.setattr("crossbit.collection.ingest.edit.embed_one", refused)


def test_metadata_is_merged_without_encoding(shelf, scenes, no_encoding):
    id_ = scenes[3].id
    before = shelf.search(words("red"), k=60)
    assert shelf.update([id_], metadata={"year": None, "place": "Rome"}) == 1
    assert shelf.item(id_).metadata == {"licence": "cc-by", "place": "Rome", "labels": scenes[3].metadata["labels"]}
    assert shelf.item(id_).texts == scenes[3].texts
    after = shelf.search(words("red"), k=60)
    assert sorted(hit.score for hit in after.hits) == sorted(hit.score for hit in before.hits)
    assert [hit.item.id for hit in shelf.search(words("red"), where='place == "Rome"').hits] == [id_]
    assert shelf.thumbnail(id_)
    assert verify(shelf.folder).sound


def test_new_texts_get_new_codes_and_pictures_keep_theirs(shelf, scenes):
    old = {m: shelf.search(words("a red circle"), target=m, k=60) for m in ("image", "text")}
    id_ = scenes[3].id
    shelf.update([id_], texts=["a red circle"])
    new = {m: shelf.search(words("a red circle"), target=m, k=60) for m in ("image", "text")}
    distance = {m: {hit.item.id: hit.distance for hit in found.hits} for m, found in new.items()}
    assert distance["text"][id_] == 0
    assert distance["image"] == {hit.item.id: hit.distance for hit in old["image"].hits}
    shelf.update([id_], texts=[])
    assert id_ not in [hit.item.id for hit in shelf.search(words("red"), target="text", k=60).hits]
    assert verify(shelf.folder).sound


def test_an_unknown_id_updates_nothing(shelf, scenes):
    with pytest.raises(NoItemError):
        shelf.update([scenes[0].id, "nobody"], metadata={"a": 1})
    assert "a" not in shelf.item(scenes[0].id).metadata


@pytest.mark.parametrize("name", ["id", "text", "picture"])
def test_metadata_that_no_filter_could_reach_is_refused(shelf, scenes, name):
    with pytest.raises(InputError, match=f"metadata cannot be called '{name}'"):
        shelf.update([scenes[3].id], metadata={"place": "Rome", name: 5})
    assert shelf.update([scenes[3].id], metadata={name: None}) == 1


def test_a_synced_folder_is_the_collection(album, photos, no_encoding):
    assert album.ids() == ["0.png", "1.png", "2.png", "3.png", "sea/4.png", "sea/5.png"]
    done = sync(album, photos)
    assert (done.added.unchanged, done.added.done, done.renamed, done.removed) == (6, 6, 0, 0)


def test_a_renamed_picture_keeps_codes_texts_and_metadata(album, photos, no_encoding):
    album.update(["1.png"], metadata={"year": 2020})
    before = album.search(words("red"), k=6)
    shutil.move(photos / "1.png", photos / "sea" / "one.png")
    done = sync(album, photos)
    assert (done.renamed, done.removed, done.added.added) == (1, 0, 0)
    assert album.item("sea/one.png").metadata["year"] == 2020
    assert album.item("sea/one.png").picture == str((photos / "sea" / "one.png").resolve())
    assert [h.score for h in album.search(words("red"), k=6).hits] == [h.score for h in before.hits]
    assert verify(album.folder).sound


def test_new_pictures_come_and_vanished_ones_go(album, photos, scenes):
    (photos / "0.png").unlink()
    Image.fromarray(scenes[7].picture).save(photos / "7.png")
    Image.fromarray(scenes[8].picture).save(photos / "2.png")
    done = sync(album, photos)
    assert (done.added.added, done.added.replaced, done.renamed, done.removed) == (1, 1, 0, 1)
    assert set(album.ids()) == {"1.png", "2.png", "3.png", "7.png", "sea/4.png", "sea/5.png"}


def test_of_two_copies_each_keeps_an_item(album, photos):
    shutil.copy(photos / "3.png", photos / "copy.png")
    assert sync(album, photos).added.added == 1
    (photos / "3.png").unlink()
    shutil.move(photos / "copy.png", photos / "moved.png")
    done = sync(album, photos)
    assert (done.renamed, done.removed) == (1, 1)


def test_an_empty_folder_is_not_believed(album, photos):
    for path in photos.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="holds no pictures, but 6 items came from it: is it the right folder"):
        sync(album, photos)
    assert len(album) == 6


@pytest.fixture
def locked(monkeypatch):
    """Refuse to open folders named sea, as the system does where rights are lacking."""
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "sea":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_items_in_a_folder_that_cannot_be_opened_stay(album, photos, locked):
    (photos / "0.png").unlink()
    done = sync(album, photos)
    assert (done.removed, done.kept) == (1, {"sea (folders that cannot be opened: permission denied)": 2})
    assert album.ids() == ["1.png", "2.png", "3.png", "sea/4.png", "sea/5.png"]


def test_items_with_ids_of_their_own_in_a_folder_that_cannot_be_opened_stay(shelf, photos, request):
    (photos / "captions.csv").write_text("image,text,id\nsea/4.png,four,mine\n")
    sync(shelf, photos)
    request.getfixturevalue("locked")
    (photos / "captions.csv").unlink()
    assert sync(shelf, photos).kept == {"sea (folders that cannot be opened: permission denied)": 2}
    assert shelf.item("mine").texts == ("four",)


def test_items_whose_picture_is_there_but_not_read_stay(album, photos, tmp_path):
    for name in ("0.png", "1.png"):
        (photos / name).unlink()
    (photos / "0.png").symlink_to(tmp_path / "offline.png")
    shutil.move(photos / "sea", tmp_path / "sea")
    (photos / "sea").symlink_to(tmp_path / "sea")
    done = sync(album, photos, ReadOptions(exclude=("2.png",)))
    assert (done.removed, done.kept) == (
        1,
        {
            "0.png (links that lead nowhere: restore what they point to)": 1,
            "2.png (excluded)": 1,
            "sea (links to folders: give the folder itself)": 2,
        },
    )
    assert album.ids() == ["0.png", "2.png", "3.png", "sea/4.png", "sea/5.png"]


def test_items_of_a_shard_that_is_cut_short_stay(model, photos, tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    for number, names in enumerate(["012", "345"]):
        with tarfile.open(shards / f"{number}.tar", "w") as shard:
            for name in names:
                shard.add(next(photos.rglob(f"{name}.png")), f"{name}.png")
    with Collection.create(tmp_path / "c", model) as made:
        assert sync(made, shards).added.added == 6
        data = (shards / "0.tar").read_bytes()
        (shards / "0.tar").write_bytes(data[: data.index(b"1.png") + 50])
        (shards / "1.tar").write_bytes(b"x" * 2048)
        done = sync(made, shards)
        assert (done.removed, done.added.done, sorted(done.kept.values()), len(made)) == (0, 1, [2, 3], 6)


def test_globs_that_leave_nothing_are_named(album, photos):
    with pytest.raises(InputError, match=r"no file matches include .*webp"):
        sync(album, photos, ReadOptions(include=("*.webp",)))
    assert len(album) == 6


def test_sync_leaves_items_from_elsewhere_alone(shelf, photos):
    sync(shelf, photos)
    assert len(shelf) == 66
    for path in photos.glob("*.png"):
        path.unlink()
    assert sync(shelf, photos).removed == 4
    assert len(shelf) == 62


def test_sync_keeps_items_of_other_places_that_have_the_same_names(album, photos, scenes, tmp_path):
    album.update(["1.png"], texts=["a red circle"], metadata={"place": "Rome"})
    album.add([Raw("9.png", None, ("a star",))])
    other = tmp_path / "other"
    other.mkdir()
    for name in ("1.png", "9.png"):
        Image.fromarray(scenes[9].picture).save(other / name)
    assert sync(album, other).added.qualified == 2
    assert album.ids()[-2:] == ["other/1.png", "other/9.png"]
    assert album.item("1.png").metadata["place"] == "Rome"
    assert album.item("9.png").texts == ("a star",)
    (other / "1.png").unlink()
    assert sync(album, other).removed == 1
    assert sync(album, photos).added.unchanged == 6
    assert len(album) == 8


def test_a_folder_within_a_synced_one_has_its_items(album, photos, no_encoding):
    (photos / "sea" / "4.png").rename(photos / "sea" / "four.png")
    done = sync(album, photos / "sea")
    assert (done.added.added, done.added.unchanged, done.renamed, done.removed) == (0, 2, 1, 0)
    done = sync(album, photos)
    assert (done.added.unchanged, done.renamed, done.removed) == (6, 0, 0)
    (photos / "sea" / "four.png").rename(photos / "4.png")
    done = sync(album, photos)
    assert (done.added.unchanged, done.renamed, done.removed) == (6, 1, 0)
    assert album.item("4.png").source == "photos"


def test_a_link_that_leads_out_of_the_folder_is_of_the_folder(album, photos, tmp_path):
    shutil.move(photos / "3.png", tmp_path / "3.png")
    (photos / "3.png").symlink_to(tmp_path / "3.png")
    album.remove(["3.png"])
    sync(album, photos)
    album.update(["3.png"], metadata={"place": "Rome"})
    assert sync(album, photos).added.unchanged == 6
    assert album.item("3.png").metadata["place"] == "Rome"


def test_a_name_that_cannot_be_kept_is_named(album, photos):
    shutil.move(photos / "3.png", photos / "a\tb.png")
    done = sync(album, photos)
    assert (done.renamed, done.removed) == (0, 1)
    assert [failure.id for failure in done.added.failures] == ["'a\\tb.png'"]


def test_compact_gives_space_back_and_changes_nothing_else(shelf, folder):
    shelf.remove_where("year < 2040")
    before, size = shelf.search(words("red"), k=60), (folder / "items.db").stat().st_size
    numbers = shelf.snapshot().sides["image"].numbers
    with Collection(folder) as reader:
        reader.search(words("red"))
        shelf.compact()
        assert reader.search(words("red"), k=60).hits == before.hits
    assert shelf.search(words("red"), k=60).hits == before.hits
    assert (shelf.snapshot().sides["image"].numbers == numbers).all()
    assert (folder / "items.db").stat().st_size < size
    assert verify(folder).sound
    shelf.remove_where("year < 2050")
    shelf.compact()
    shelf.remove(shelf.ids())
    shelf.compact()
    assert len(shelf.snapshot().sides["image"]) == 0
    assert shelf.search(words("red")).hits == ()
    assert verify(folder).sound


def test_a_model_is_told_by_what_it_does(shelf):
    assert isinstance(shelf.model, Model)
    assert np.shape(shelf.model.embed(shelf.model.pipelines["text"](["red"]), "text")) == (1, 16)
