"""Relocation: a folder that has moved is the same source, and nothing is encoded for it."""

import shutil

import pytest
from PIL import Image

import crossbit.collection.operations.relocate
from crossbit.collection import Collection, Raw
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.relocate import relocate
from crossbit.collection.operations.stats import stats
from crossbit.collection.operations.sync import sync
from crossbit.errors import InputError


@pytest.fixture
def album(model, photos, tmp_path):
    with Collection.create(tmp_path / "album", model, vectors=True) as made:
        sync(made, photos)
        made.update("1.png", texts="a red circle")
        made.add([Raw("elsewhere", None, ("red",))])
        yield made


@pytest.fixture
def no_encoding(monkeypatch):
    monkeypatch.setattr("crossbit.collection.ingest.encode.Encoder._features", lambda *_: pytest.fail("encoded"))
    monkeypatch.setattr("crossbit.collection.ingest.edit.embed_one", lambda *_: pytest.fail("encoded"))


@pytest.mark.parametrize("by_label", [True, False])
def test_a_moved_folder_is_the_same_source(album, photos, tmp_path, no_encoding, by_label):
    before = {item.id: item for item in album}
    shutil.move(photos, tmp_path / "disk")
    done = relocate(album, "photos" if by_label else str(photos), tmp_path / "disk")
    assert (done.items, done.sources) == (6, ("photos",))
    assert album.item("sea/4.png").picture == str(tmp_path / "disk" / "sea" / "4.png")
    assert album.item("1.png").edits == before["1.png"].edits
    assert {item.id for item in album} == {*before}
    assert stats(album).sources == {"photos": f"{tmp_path / 'disk'}/"}
    done = sync(album, tmp_path / "disk")
    assert (done.added.unchanged, done.renamed, done.removed) == (6, 0, 0)
    assert verify(album.folder).sound


def test_a_moved_folder_above_takes_its_sources_along(album, photos, scenes, tmp_path):
    other = photos / "lists"
    other.mkdir()
    Image.fromarray(scenes[9].picture).save(other / "9.png")
    album.add([Raw("row", other / "9.png", "nine")], source=str(other / "list.csv"))
    shutil.move(photos, tmp_path / "disk")
    with pytest.raises(
        InputError, match=f"no items of .*album came from {tmp_path / 'nothing'}; they came from {photos}"
    ):
        relocate(album, str(tmp_path / "nothing"), tmp_path / "disk")
    assert relocate(album, str(photos), tmp_path / "disk").sources == ("photos", "list.csv")
    assert album.item("row").picture == str(tmp_path / "disk" / "lists" / "9.png")


def test_an_interrupted_relocation_goes_on(album, photos, tmp_path, monkeypatch):
    shutil.move(photos, tmp_path / "disk")
    monkeypatch.setattr(crossbit.collection.operations.relocate, "BATCH", 2)

    def stop(done, total, values):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        relocate(album, str(photos), tmp_path / "disk", stop)
    assert sum((item.picture or "").startswith(str(photos)) for item in album) == 2
    assert verify(album.folder).sound
    assert relocate(album, str(photos), tmp_path / "disk").items == 2
    assert sync(album, tmp_path / "disk").added.unchanged == 6


def test_a_place_that_is_not_that_of_the_pictures_is_refused(album, photos, scenes, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    with pytest.raises(InputError, match="nowhere does not exist; relocate needs the place"):
        relocate(album, str(photos), tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"was a folder, but .*0\.png is a file"):
        relocate(album, str(photos), photos / "0.png")
    for row in range(6):
        Image.fromarray(scenes[20 + row].picture).save(other / ("sea" if row > 3 else "") / f"{row}.png")
    with pytest.raises(InputError, match=r"6 of 6 pictures below .*other/ that were compared differ"):
        relocate(album, str(photos), other)
    for row in range(4):
        (other / f"{row}.png").unlink()
    with pytest.raises(InputError, match=r"2 of 6 pictures of .*photos/ that were looked for are below"):
        relocate(album, str(photos), other)
    sync(album, other)
    with pytest.raises(InputError, match="is the source 'other' of this collection already"):
        relocate(album, str(photos), other)
    assert album.item("0.png").picture == str(photos / "0.png")


def test_pictures_that_are_missing_at_the_new_place_are_named_and_a_second_run_has_nothing_to_do(
    album, photos, tmp_path
):
    new = shutil.move(photos, tmp_path / "disk")
    (new / "2.png").unlink()
    done = relocate(album, str(photos), new)
    assert (done.items, done.sources, done.missing) == (6, ("photos",), (str(new / "2.png"),))
    head = album.snapshot().head
    for old in (str(photos), "photos"):
        again = relocate(album, old, new)
        assert (again.items, again.sources, again.missing) == (0, (), ())
    assert album.snapshot().head == head


def test_pictures_that_came_without_a_source_move_too(model, photos, tmp_path):
    with Collection.create(tmp_path / "first", model) as first:
        first.add([Raw("mine", photos / "0.png", "mine"), Raw("other", photos / "1.png")])
        (photos / "1.png").unlink()
        shutil.move(photos, tmp_path / "disk")
        with pytest.raises(InputError, match="1 of 2 pictures"):
            relocate(first, str(photos), tmp_path / "disk")
        first.remove(["other"])
        assert relocate(first, str(photos), tmp_path / "disk").items == 1
        assert first.item("mine").picture == str(tmp_path / "disk" / "0.png")
